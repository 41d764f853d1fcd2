"""Django's core: secret key, hosts, applications, middleware, templates, language and time."""

import secrets
from typing import Any

from ivrportal.settings.environment import (
    BASE_DIR,
    DEMO,
    VAR_DIR,
    env,
    load_or_create_secret,
    port_number,
    secret_or_file,
)

# --- Secret key ------------------------------------------------------------------------------------------
# Production has no default: ivrportal.checks reports it as missing, and the servers do not start without it.
SECRET_KEY = secret_or_file("SECRET_KEY") or (load_or_create_secret(VAR_DIR / "secret-key") if DEMO else "")
SECRET_KEY_MISSING = not SECRET_KEY
if SECRET_KEY_MISSING:
    SECRET_KEY = secrets.token_urlsafe(48)  # Django needs one to run the checks that report it as missing

# Previous keys: sessions and the audit log stay verifiable after SECRET_KEY has changed.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])

# --- Hosts -----------------------------------------------------------------------------------------------
PORT = port_number("PORT", default=8000)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"] if DEMO else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])

# --- Applications ----------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "ivrportal.apps.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "csp",
    "simple_history",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "ivrportal.apps.PortalConfig",
    "settings_sync",
    "calllogs",
]
MIDDLEWARE = [
    # First: every log line and the response of a request carry its id.
    "ivrportal.observability.request_ids.request_id_middleware",
    "ivrportal.observability.request_metrics.request_metrics_middleware",
    "ivrportal.web.security_headers.security_headers_middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "ivrportal.accounts.session_limits.SessionLimits",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",  # after authentication: it records the user of a change
    "axes.middleware.AxesMiddleware",  # last: it replaces the response after one failure too many
]
ROOT_URLCONF = "ivrportal.urls"
WSGI_APPLICATION = "ivrportal.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["ivrportal.templatetags.invisible_characters"],
        },
    },
]

# --- Language and time -----------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("hi", "हिन्दी")]
LOCALE_PATHS = [BASE_DIR / "ivrportal" / "locale"]
FORMAT_MODULE_PATH = "ivrportal.formats"
USE_I18N = True
USE_TZ = True
PORTAL_TIME_ZONE = env.str("PORTAL_TIME_ZONE", default="Asia/Kolkata")
TIME_ZONE = PORTAL_TIME_ZONE

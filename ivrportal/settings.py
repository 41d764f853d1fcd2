"""Every setting of the portal, in sections. What people set is listed in `.env.example`."""

import os
import secrets
import sys
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from celery.schedules import crontab
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
# Tests and checks name an empty file: the .env of a developer must not reach them.
env.read_env(os.environ.get("ENV_FILE", BASE_DIR / ".env"))


def _kept_secret(path: Path) -> str:
    """A random secret that outlives restarts: made once, kept in a file that only its owner reads."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        pass
    except OSError as error:
        sys.exit(f"{path} cannot be read ({error.strerror}). Choose another directory with VAR_DIR.")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48), encoding="utf-8")
        return path.read_text(
            encoding="utf-8"
        ).strip()  # of two processes that start at once, the last one's counts
    except OSError as error:
        sys.exit(f"{path.parent} cannot be written to ({error.strerror}). Choose another with VAR_DIR.")


def _port(name: str, *, default: int) -> int:
    text = env.str(name, default="").strip() or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        sys.exit(f"{name}={text} is not a port number. Use a number from 1 to 65535.")
    return int(text)


def _secret_or_file(name: str) -> str:
    """`NAME`, or the content of the file that `NAME_FILE` names (as container secrets are handed over)."""
    path = env.str(f"{name}_FILE", default="")
    return Path(path).read_text(encoding="utf-8").strip() if path else env.str(name, default="").strip()


# --- Mode and places -------------------------------------------------------------------------------------
PORTAL_MODE = env.str("PORTAL_MODE", default="production")
DEMO = PORTAL_MODE == "demo"
DEBUG = env.bool("DEBUG", default=False)
VAR_DIR = Path(env.str("VAR_DIR", default="") or "var")
if not VAR_DIR.is_absolute():
    VAR_DIR = BASE_DIR / VAR_DIR

# --- Secrets ---------------------------------------------------------------------------------------------
# Production has no default: ivrportal.checks says what is missing, and the servers do not start without it.
SECRET_KEY = _secret_or_file("SECRET_KEY") or (_kept_secret(VAR_DIR / "secret-key") if DEMO else "")
SECRET_KEY_MISSING = not SECRET_KEY
if SECRET_KEY_MISSING:
    SECRET_KEY = secrets.token_urlsafe(48)  # so that the checks can run and tell

# Keys of before: sessions, and above all the audit trail, stay readable after a change of SECRET_KEY.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])

# --- Hosts -----------------------------------------------------------------------------------------------
PORT = _port("PORT", default=8000)
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
    # First: every log line of a request, and its response, carries the request's id.
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
    "simple_history.middleware.HistoryRequestMiddleware",  # after sign-in: it names the person of a change
    "axes.middleware.AxesMiddleware",  # last: it answers in the place of a view that was one failure too many
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

# --- Theme -----------------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "IVR Portal",
    "SITE_HEADER": "IVR Portal",
    "SITE_SYMBOL": "support_agent",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("portal/favicon.svg")}
    ],
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "ACCOUNT": {"navigation": [{"title": _("Your account"), "link": reverse_lazy("admin:account")}]},
    "STYLES": [lambda _: static("portal/colors.css"), lambda _: static("portal/portal.css")],
    "SIDEBAR": {"navigation": "ivrportal.navigation.navigation"},
    "COLORS": {
        "primary": {
            "50": "#eef7f6", "100": "#d5ebe9", "200": "#aed9d5", "300": "#7dbfba", "400": "#4a9f9a",
            "500": "#2f837f", "600": "#246a68", "700": "#205655", "800": "#1d4645", "900": "#1b3b3a",
            "950": "#0a2222",
        },
    },
}  # fmt: skip

# --- Database --------------------------------------------------------------------------------------------
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the warning about an unknown scheme shows the password
    DATABASES: dict[str, Any] = {
        "default": env.db_url_config(
            _secret_or_file("DATABASE_URL") or f"sqlite:///{VAR_DIR / 'portal.sqlite3'}"
        )
    }
if DATABASES["default"].get("ENGINE") not in {"django.db.backends.postgresql", "django.db.backends.sqlite3"}:
    sys.exit(
        "DATABASE_URL must begin with postgres:// or sqlite:///, e.g. postgres://USER:PASSWORD@HOST:PORT/NAME."
    )
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE, because transactions that read before they write lock each other out otherwise;
    # FULL, because we acknowledge pushes and saves as being on the disk. The log is brought in eight times more rarely
    # than by default: a page of an index that many pushes touch is then written to the file once for all of them.
    # What is deleted is overwritten, because somebody may have asked to be erased.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000;"
        " PRAGMA wal_autocheckpoint=8000; PRAGMA secure_delete=ON;",
    }
    # Tests in a file as well: threads that share a database in memory do not wait for each other's locks.
    DATABASES["default"]["TEST"] = {"NAME": VAR_DIR / "test.sqlite3"}
else:
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 3)
DATABASES["default"]["CONN_MAX_AGE"] = 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

# --- Broker ----------------------------------------------------------------------------------------------
_broker_file = VAR_DIR / "broker" / "url"  # written by the embedded broker
REDIS_URL = _secret_or_file("REDIS_URL")
if not REDIS_URL and DEMO:
    REDIS_URL = _broker_file.read_text().strip() if _broker_file.exists() else "redis://127.0.0.1:6379/0"
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 0}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Half a second for a publish, whatever state the broker is in: a save must answer at once.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 0.5,
    "socket_connect_timeout": 0.5,
    "max_retries": 0,
    "retry_policy": {"max_retries": 0},
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = 12
CELERY_TASK_TIME_LIMIT = 15
CELERY_TIMEZONE = "UTC"

# --- Language and time -----------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("hi", "हिन्दी")]
LOCALE_PATHS = [BASE_DIR / "ivrportal" / "locale"]
FORMAT_MODULE_PATH = "ivrportal.formats"
USE_I18N = True
USE_TZ = True
PORTAL_TIME_ZONE = env.str("PORTAL_TIME_ZONE", default="Asia/Kolkata")
TIME_ZONE = PORTAL_TIME_ZONE

# --- Static files ----------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = None if DEMO else Path(env.str("STATIC_ROOT", default=str(VAR_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "ivrportal" / "static"]
STORAGES: dict[str, Any] = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR_DIR / "media"},
    },
    # Demo serves the files where they lie, so that nothing has to be collected before the first start.
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEMO
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEMO
WHITENOISE_AUTOREFRESH = False

# --- The provider: how it is reached, and how patient we are ---------------------------------------------
SIMULATOR_PORT = _port("SIMULATOR_PORT", default=9100)
SIMULATOR_URL = f"http://127.0.0.1:{SIMULATOR_PORT}"
IVR_API_URL = env.str("IVR_API_URL", default=SIMULATOR_URL if DEMO else "").rstrip("/")
IVR_API_KEY = _secret_or_file("IVR_API_KEY") or ("demo-key" if DEMO else "")
IVR_CUST_ID = _secret_or_file("IVR_CUST_ID") or ("demo-customer" if DEMO else "")
IVR_ALLOW_PLAIN_HTTP = env.bool("IVR_ALLOW_PLAIN_HTTP", default=False)
IVR_IS_PLAIN_HTTP = urlsplit(IVR_API_URL).scheme == "http"
IVR_IS_LOOPBACK = (urlsplit(IVR_API_URL).hostname or "") in {"127.0.0.1", "::1", "localhost"}
IVR_AGENT_NUMBER_FORMAT = env.str("IVR_AGENT_NUMBER_FORMAT", default="national")
IVR_SEND_DAILY = env.bool("IVR_SEND_DAILY", default=False)
IVR_RATE_PER_S = env.float("IVR_RATE_PER_S", default=2.0)
IVR_CONCURRENCY = env.int("IVR_CONCURRENCY", default=2)
IVR_CONNECT_S = env.float("IVR_CONNECT_S", default=3.0)
IVR_DEADLINE_S = env.float("IVR_DEADLINE_S", default=8.0)
IVR_LEASE_S = env.float("IVR_LEASE_S", default=30.0)
IVR_SETTLE_S = env.float("IVR_SETTLE_S", default=120.0)
IVR_SWEEP_S = env.float("IVR_SWEEP_S", default=15.0)
IVR_BACKOFF_BASE_S = env.float("IVR_BACKOFF_BASE_S", default=2.0)
IVR_BACKOFF_CAP_S = env.float("IVR_BACKOFF_CAP_S", default=900.0)
IVR_BREAKER_FAILURES = env.int("IVR_BREAKER_FAILURES", default=5)
IVR_BREAKER_OPEN_S = env.float("IVR_BREAKER_OPEN_S", default=30.0)
ALARM_LOOK_S = env.float("ALARM_LOOK_S", default=60.0)
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    "deliver what is due": {
        "task": "settings_sync.tasks.sweep",
        "schedule": timedelta(seconds=IVR_SWEEP_S),
        # A sweep that waited for longer than the next one is worth nothing.
        "options": {"expires": IVR_SWEEP_S},
    },
    "compare records with settings": {
        "task": "settings_sync.tasks.reconcile",
        "schedule": timedelta(minutes=15),
        "options": {"expires": 900},
    },
    "drain the spool": {
        "task": "calllogs.tasks.drain_spool",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 5},
    },
    "write exports that wait": {
        "task": "calllogs.tasks.write_due_exports",
        "schedule": timedelta(seconds=IVR_SWEEP_S),
        "options": {"expires": IVR_SWEEP_S},
    },
    "forget who is erased": {
        "task": "calllogs.tasks.go_on_erasing",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 2},
    },
    "who waits for a call back": {
        "task": "calllogs.tasks.refresh_missed",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 5},  # a page reads by itself what nobody has read yet
    },
    # Nothing should differ; at a quiet hour of the office.
    "compare the desk with all calls": {
        "task": "calllogs.tasks.rebuild_missed",
        "schedule": crontab(hour=21, minute=30),  # UTC: three in the morning in India
        "options": {"expires": 3600},
    },
    "count the hours of new calls": {
        "task": "calllogs.tasks.refresh_rollups",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 2},
    },
    "compare the counts with all calls": {
        "task": "calllogs.tasks.rebuild_rollups",
        "schedule": crontab(hour=21, minute=45),
        "options": {"expires": 3600},
    },
    "delete what is too old": {
        "task": "calllogs.tasks.delete_old",
        "schedule": timedelta(minutes=10),
        "options": {"expires": 600},
    },
    "look for alarms, and for reports that are due": {
        "task": "calllogs.tasks.watch",
        "schedule": timedelta(seconds=ALARM_LOOK_S),
        "options": {"expires": ALARM_LOOK_S},
    },
    "send mails": {
        "task": "calllogs.tasks.send_mails",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 10},
    },
    "keep recordings": {
        "task": "calllogs.tasks.keep_recordings",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
}

# --- Pushes ----------------------------------------------------------------------------------------------
PUSH_KEYS = env.list("PUSH_KEYS", default=[])
PUSH_ALLOWED_NETWORKS = env.list("PUSH_ALLOWED_NETWORKS", default=[])
PUSH_WAIT_S = env.float("PUSH_WAIT_S", default=2.0)
PUSH_ERROR_STATUS = env.str("PUSH_ERROR_STATUS", default="real")
CALL_RETENTION_DAYS = env.int("CALL_RETENTION_DAYS", default=400)
PUSH_RETENTION_DAYS = env.int("PUSH_RETENTION_DAYS", default=90)
# What people and machines did: listening, exports, changes and attempts. The law asks for a year at least.
DEED_RETENTION_DAYS = env.int("DEED_RETENTION_DAYS", default=1100)
EXPORT_STREAM_ROWS = env.int("EXPORT_STREAM_ROWS", default=50_000)
EXPORT_KEPT_DAYS = env.int("EXPORT_KEPT_DAYS", default=7)
EXPORT_LEASE_S = env.float("EXPORT_LEASE_S", default=30.0)
# For how long a missed caller who does not try again stays among those who wait; then he is listed as old.
MISSED_DAYS = env.int("MISSED_DAYS", default=7)
# No alarm of silence before so many minutes without a call, however likely calls are.
SILENCE_MINUTES = env.int("SILENCE_MINUTES", default=15)
METRICS_ALLOWED_NETWORKS = env.list("METRICS_ALLOWED_NETWORKS", default=["127.0.0.0/8", "::1/128"])
# A field count or a body size that Django refuses must not cost us a push: its view reads raw bytes.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

# --- Recordings ------------------------------------------------------------------------------------------
# Inner networks that recordings may be fetched from all the same; the demo's provider is on this machine.
RECORDING_ALLOWED_NETWORKS = env.list(
    "RECORDING_ALLOWED_NETWORKS", default=["127.0.0.0/8", "::1/128"] if DEMO else []
)
RECORDING_DEADLINE_S = env.float("RECORDING_DEADLINE_S", default=20.0)
RECORDING_MAX_MB = env.int("RECORDING_MAX_MB", default=100)
RECORDING_CACHE_MB = env.int("RECORDING_CACHE_MB", default=500)
RECORDING_STORAGE = env.str("RECORDING_STORAGE", default="")
RECORDING_RETENTION_DAYS = env.int("RECORDING_RETENTION_DAYS", default=90)
RECORDING_S3_BUCKET = env.str("RECORDING_S3_BUCKET", default="")
if RECORDING_STORAGE == "s3":
    STORAGES["recordings"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": RECORDING_S3_BUCKET,
            "region_name": env.str("RECORDING_S3_REGION", default="") or None,
            "endpoint_url": env.str("RECORDING_S3_ENDPOINT", default="") or None,
            "access_key": _secret_or_file("RECORDING_S3_ACCESS_KEY") or None,
            "secret_key": _secret_or_file("RECORDING_S3_SECRET_KEY") or None,
            "location": env.str("RECORDING_S3_FOLDER", default="recordings"),
            "default_acl": "private",
            "file_overwrite": True,
        },
    }
else:  # also while nothing is kept: what was kept before is still played and deleted after its days
    STORAGES["recordings"] = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": VAR_DIR / "recordings",
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    }

# --- Mail ------------------------------------------------------------------------------------------------
# EMAIL_URL, or EMAIL_HOST and its like; neither: production sends none and says so, the demo lays mails into a folder.
_mail: dict[str, Any] = env.email_url("EMAIL_URL") if env.str("EMAIL_URL", default="") else {}
EMAIL_HOST = _mail.get("EMAIL_HOST") or env.str("EMAIL_HOST", default="")
EMAIL_BACKEND = _mail.get("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
EMAIL_FILE_PATH = _mail.get("EMAIL_FILE_PATH") or str(VAR_DIR / "mail")
MAIL_IS_SET_UP = bool(EMAIL_HOST) or not EMAIL_BACKEND.endswith("smtp.EmailBackend")
if DEMO and not MAIL_IS_SET_UP:
    EMAIL_BACKEND, MAIL_IS_SET_UP = "django.core.mail.backends.filebased.EmailBackend", True
EMAIL_PORT = _mail.get("EMAIL_PORT") or env.int("EMAIL_PORT", default=587)
EMAIL_HOST_USER = _mail.get("EMAIL_HOST_USER") or env.str("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_PASSWORD") or _secret_or_file("EMAIL_HOST_PASSWORD")
EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", env.bool("EMAIL_USE_SSL", default=EMAIL_PORT == 465))
EMAIL_USE_TLS = _mail.get(
    "EMAIL_USE_TLS", env.bool("EMAIL_USE_TLS", default=EMAIL_PORT == 587 and not EMAIL_USE_SSL)
)
EMAIL_TIMEOUT = env.float("EMAIL_TIMEOUT_S", default=10.0)
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="IVR Portal <portal@localhost>")
# What links in mails begin with.
PORTAL_URL = env.str(
    "PORTAL_URL",
    default=f"http://127.0.0.1:{PORT}"
    if DEMO
    else next(iter([*CSRF_TRUSTED_ORIGINS, *(f"https://{host}" for host in ALLOWED_HOSTS)]), ""),
).rstrip("/")

# --- Sign-in ---------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: who failed too often is not even asked for the password
    "ivrportal.accounts.auth_backend.SingleQueryBackend",
    "ivrportal.permissions.PermissionsAtOnce",  # for sessions that began under release 0.1
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "ivrportal.accounts.password_validation.MaximumLengthValidator"},
    {"NAME": "ivrportal.accounts.password_validation.KeyboardSequenceValidator"},
    {"NAME": "ivrportal.accounts.password_validation.SiteNameValidator"},
]
PASSWORD_HASHERS = ["ivrportal.accounts.password_validation.NfkcPBKDF2Hasher"]
# Roles whose people must have a second factor; a superuser counts as having every role.
SECOND_FACTOR_ROLES = env.list(
    "SECOND_FACTOR_ROLES", default=[] if DEMO else ["Supervisors", "Auditors", "Administrators"]
)
OTP_TOTP_ISSUER = "IVR Portal"
OTP_TOTP_SYNC = False  # phones know the time; a wrong clock is no reason to accept ever older codes
OTP_TOTP_THROTTLE_FACTOR = (
    0  # wrong codes are counted with wrong passwords (ivrportal.accounts.login_throttle)
)
AXES_HANDLER = "ivrportal.accounts.login_throttle.Handler"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "ip_address", "username"]
AXES_FAILURE_LIMIT = (
    5  # of one account from one address; the other limits stand in ivrportal.accounts.login_throttle
)
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = (
    False  # else whoever goes on failing locks the owner out for good
)
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "ivrportal.accounts.login_throttle.address_of"
AXES_LOCKOUT_CALLABLE = "ivrportal.accounts.login_throttle.locked_page"
AXES_SENSITIVE_PARAMETERS = ["username", "next", "code", "csrfmiddlewaretoken"]
AXES_ENABLE_ADMIN = False  # it has a screen of ours
AXES_VERBOSE = False
SESSION_COOKIE_AGE = 12 * 3600
# Minutes without a click after which a session ends; 0 is never. What a page asks by itself is no click.
SESSION_IDLE_MINUTES = env.int("SESSION_IDLE_MINUTES", default=0 if DEMO else 60)

# --- Security --------------------------------------------------------------------------------------------
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = not DEMO
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
if not DEMO:
    # A browser takes these names only with Secure, for this host alone and the whole of it: no sibling can plant one.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
    LANGUAGE_COOKIE_NAME = "__Host-language"
CSRF_FAILURE_VIEW = "ivrportal.web.error_pages.csrf_failure"
SECURE_SSL_REDIRECT = not DEMO
SECURE_REDIRECT_EXEMPT = [r"^api/PostCallLogs/?$", r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 0 if DEMO else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEMO
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        # The theme's Alpine evaluates its attributes; nothing of ours runs inline. The wall board does without.
        "script-src": ["'self'", "'unsafe-eval'"],
        # No style element either: the theme's colours are in portal/colors.css. Two exceptions: what htmx writes, by
        # its digest, and the attribute that the theme's bar of actions writes.
        "style-src": ["'self'", "'sha256-bsV5JivYxvGywDAZ22EZJKBFip65Ng9xoJVLbBg7bdo='"],
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": ["'self'", "data:"],  # the theme's icons
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "media-src": ["'self'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}

# --- Logging ---------------------------------------------------------------------------------------------
_stderr = {"handlers": ["stderr"], "propagate": False}  # in the place of a handler that would not redact
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "lines": {"()": "ivrportal.observability.logging.RedactingFormatter", "as_json": not DEMO}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},  # its warnings hold whole paths
        "django.server": {"level": "INFO", **_stderr},
        # its lines below that hold whole addresses: the provider's key, tokens
        "urllib3": {"level": "ERROR"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "_granian": {"level": "WARNING", **_stderr},  # the web server's errors, with the text of exceptions
    },
}

"""Outgoing mail: EMAIL_URL, or EMAIL_HOST and the other EMAIL_ variables.

With neither, production sends no mail and says so, and the demo writes mails to VAR_DIR/mail.
"""

from typing import Any

from ivrportal.settings.base import ALLOWED_HOSTS, CSRF_TRUSTED_ORIGINS, PORT
from ivrportal.settings.environment import DEMO, VAR_DIR, env, secret_or_file

_mail: dict[str, Any] = env.email_url("EMAIL_URL") if env.str("EMAIL_URL", default="") else {}
EMAIL_HOST = _mail.get("EMAIL_HOST") or env.str("EMAIL_HOST", default="")
EMAIL_BACKEND = _mail.get("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
EMAIL_FILE_PATH = _mail.get("EMAIL_FILE_PATH") or str(VAR_DIR / "mail")
MAIL_IS_SET_UP = bool(EMAIL_HOST) or not EMAIL_BACKEND.endswith("smtp.EmailBackend")
if DEMO and not MAIL_IS_SET_UP:
    EMAIL_BACKEND, MAIL_IS_SET_UP = "django.core.mail.backends.filebased.EmailBackend", True
EMAIL_PORT = _mail.get("EMAIL_PORT") or env.int("EMAIL_PORT", default=587)
EMAIL_HOST_USER = _mail.get("EMAIL_HOST_USER") or env.str("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_PASSWORD") or secret_or_file("EMAIL_HOST_PASSWORD")
EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", env.bool("EMAIL_USE_SSL", default=EMAIL_PORT == 465))
EMAIL_USE_TLS = _mail.get(
    "EMAIL_USE_TLS", env.bool("EMAIL_USE_TLS", default=EMAIL_PORT == 587 and not EMAIL_USE_SSL)
)
EMAIL_TIMEOUT = env.float("EMAIL_TIMEOUT_S", default=10.0)
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="IVR Portal <portal@localhost>")
# The base URL of links in mails.
PORTAL_URL = env.str(
    "PORTAL_URL",
    default=f"http://127.0.0.1:{PORT}"
    if DEMO
    else next(iter([*CSRF_TRUSTED_ORIGINS, *(f"https://{host}" for host in ALLOWED_HOSTS)]), ""),
).rstrip("/")

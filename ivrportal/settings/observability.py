"""Logging and metrics."""

from typing import Any

from ivrportal.settings.environment import DEMO, env

METRICS_ALLOWED_NETWORKS = env.list("METRICS_ALLOWED_NETWORKS", default=["127.0.0.0/8", "::1/128"])

_stderr = {"handlers": ["stderr"], "propagate": False}  # replaces handlers that do not redact
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
        "django.request": {"level": "ERROR"},  # its warnings contain full paths
        "django.server": {"level": "INFO", **_stderr},
        # its lower levels log full URLs with the provider's key and tokens
        "urllib3": {"level": "ERROR"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "_granian": {"level": "WARNING", **_stderr},  # the web server's errors, with exception texts
    },
}

"""System checks of the configuration. `manage.py check` reports them; the servers do not start with errors."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from ivrportal.accounts.roles import PERMISSIONS


@checks.register()
def check_configuration(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.PORTAL_MODE not in {"production", "demo"}:
        found.append(
            Error(
                f"PORTAL_MODE is {settings.PORTAL_MODE!r}.",
                hint="Set PORTAL_MODE=production (the default) or PORTAL_MODE=demo.",
                id="portal.E001",
            )
        )
    if settings.SECRET_KEY_MISSING:
        found.append(
            Error("SECRET_KEY is not set.", hint="Set SECRET_KEY to a long random text.", id="portal.E002")
        )
    if not settings.ALLOWED_HOSTS:
        found.append(
            Error(
                "ALLOWED_HOSTS is empty.",
                hint="Set ALLOWED_HOSTS to the portal's host names, comma-separated.",
                id="portal.E003",
            )
        )
    if not settings.REDIS_URL:
        found.append(
            Error(
                "REDIS_URL is not set.",
                hint="Set REDIS_URL, e.g. redis://127.0.0.1:6379/0.",
                id="portal.E004",
            )
        )
    unknown = sorted(set(settings.SECOND_FACTOR_ROLES) - set(PERMISSIONS))
    if unknown:
        found.append(
            Error(
                f"SECOND_FACTOR_ROLES names no role of ours: {', '.join(unknown)}.",
                hint=f"Set SECOND_FACTOR_ROLES to some of {', '.join(PERMISSIONS)}, or leave it empty.",
                id="portal.E005",
            )
        )
    return found


def require_valid_configuration() -> None:
    """Raise ImproperlyConfigured, with the fix for each error. Django's own start-up runs no checks."""
    errors = [message for message in checks.run_checks() if message.level >= checks.ERROR]
    if errors:
        lines = "\n".join(f"  {error.msg} {error.hint or ''}" for error in errors)
        raise ImproperlyConfigured(f"The portal cannot start:\n{lines}")


@checks.register()
def check_production_database(**_: Any) -> list[CheckMessage]:
    if settings.DEMO or not settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        return []
    return [
        Warning(
            "Production runs on SQLite.",
            hint="Set DATABASE_URL=postgres://… for more than one server or a few hundred thousand calls.",
            id="portal.W001",
        )
    ]

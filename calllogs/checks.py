"""System checks of the settings for pushes, recordings, mail and retention."""

import ipaddress
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Info, Warning


@checks.register()
def check_networks(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    names = (
        "PUSH_ALLOWED_NETWORKS",
        "TRUSTED_PROXIES",
        "METRICS_ALLOWED_NETWORKS",
        "RECORDING_ALLOWED_NETWORKS",
    )
    for name in names:
        for cidr in getattr(settings, name):
            try:
                ipaddress.ip_network(cidr.strip(), strict=False)
            except ValueError:
                found.append(
                    Error(
                        f"{name} holds {cidr!r}, which is no network.",
                        hint=f"Write {name} as a comma list of CIDRs, e.g. 203.0.113.0/24,2001:db8::/32.",
                        id="calllogs.E001",
                    )
                )
    if settings.PUSH_ERROR_STATUS not in {"real", "ok"}:
        found.append(Error("PUSH_ERROR_STATUS is unknown.", hint="Set it to real or ok.", id="calllogs.E002"))
    return found


@checks.register()
def check_time_zone(**_: Any) -> list[CheckMessage]:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(settings.PORTAL_TIME_ZONE)
    except (ZoneInfoNotFoundError, ValueError):
        return [
            Error(
                "PORTAL_TIME_ZONE is unknown.",
                hint="Set it to a name such as Asia/Kolkata.",
                id="calllogs.E003",
            )
        ]
    return []


@checks.register()
def check_recording_storage(**_: Any) -> list[CheckMessage]:
    if settings.RECORDING_STORAGE not in {"", "disk", "s3"}:
        return [
            Error(
                "RECORDING_STORAGE is unknown.",
                hint="Leave it empty, or set it to disk or s3.",
                id="calllogs.E004",
            )
        ]
    if settings.RECORDING_STORAGE != "s3":
        return []
    if not settings.RECORDING_S3_BUCKET:
        return [
            Error(
                "RECORDING_S3_BUCKET is not set.", hint="Name the bucket for recordings.", id="calllogs.E005"
            )
        ]
    if find_spec("storages") is None or find_spec("boto3") is None:
        return [
            Error(
                "RECORDING_STORAGE=s3 needs a library that is not installed.",
                hint="Run pip install 'django-storages[s3]' in the portal's environment.",
                id="calllogs.E006",
            )
        ]
    return []


@checks.register()
def check_mail(**_: Any) -> list[CheckMessage]:
    if not settings.MAIL_IS_SET_UP:
        return [
            Info(
                "E-mail is not set up: alarms and reports are mailed to nobody.",
                hint="Set EMAIL_URL, or EMAIL_HOST and its like, and DEFAULT_FROM_EMAIL.",
                id="calllogs.I001",
            )
        ]
    if settings.EMAIL_USE_TLS and settings.EMAIL_USE_SSL:
        return [
            Error(
                "EMAIL_USE_TLS and EMAIL_USE_SSL are both on.",
                hint="Set EMAIL_USE_TLS=true for port 587, EMAIL_USE_SSL=true for port 465.",
                id="calllogs.E007",
            )
        ]
    if not settings.PORTAL_URL:
        return [
            Warning(
                "PORTAL_URL is not set: links in mails lead nowhere.",
                hint="Set PORTAL_URL to the portal's address, e.g. https://portal.example.",
                id="calllogs.W002",
            )
        ]
    return []


@checks.register()
def check_activity_retention(**_: Any) -> list[CheckMessage]:
    if max(365, settings.CALL_RETENTION_DAYS) <= settings.ACTIVITY_RETENTION_DAYS:
        return []
    return [
        Warning(
            "ACTIVITY_RETENTION_DAYS is less than a year, or less than CALL_RETENTION_DAYS.",
            hint="Set it to at least 365: India's DPDP Rules ask for logs of one year. Why a call was missed is read"
            " off the history of settings, so it is kept as long as calls.",
            id="calllogs.W003",
        )
    ]

"""What the way in needs, and what to set."""

import ipaddress
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error


@checks.register()
def networks_are_networks(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for name in ("PUSH_ALLOWED_NETWORKS", "TRUSTED_PROXIES", "METRICS_ALLOWED_NETWORKS"):
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
def zone_is_known(**_: Any) -> list[CheckMessage]:
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

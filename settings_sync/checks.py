"""System checks of the provider configuration."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Warning


@checks.register()
def provider_is_configured(**_: Any) -> list[CheckMessage]:
    missing = [name for name in ("IVR_API_URL", "IVR_API_KEY", "IVR_CUST_ID") if not getattr(settings, name)]
    messages: list[CheckMessage] = []
    if missing:
        messages.append(
            Warning(
                f"{', '.join(missing)} not set: nothing is sent to the provider, settings wait as Paused.",
                hint="Set them to what the provider gave you; keys also as …_FILE.",
                id="settings_sync.W001",
            )
        )
    if settings.IVR_IS_PLAIN_HTTP and not settings.IVR_IS_LOOPBACK and not settings.IVR_ALLOW_PLAIN_HTTP:
        messages.append(
            Error(
                "IVR_API_URL is plain http: key and customer id would travel readable by anybody on the way.",
                hint="Use https://, or accept the risk with IVR_ALLOW_PLAIN_HTTP=true.",
                id="settings_sync.E001",
            )
        )
    if settings.IVR_AGENT_NUMBER_FORMAT not in {"national", "e164"}:
        messages.append(
            Error(
                f"IVR_AGENT_NUMBER_FORMAT is {settings.IVR_AGENT_NUMBER_FORMAT!r}.",
                hint="Set it to national or e164.",
                id="settings_sync.E002",
            )
        )
    nested = [settings.IVR_CONNECT_S, settings.IVR_DEADLINE_S, settings.IVR_LEASE_S, settings.IVR_SETTLE_S]
    if sorted(nested) != nested or len(set(nested)) != len(nested):
        messages.append(
            Error(
                "The deadlines do not nest.",
                hint="Needed: IVR_CONNECT_S < IVR_DEADLINE_S < IVR_LEASE_S < IVR_SETTLE_S.",
                id="settings_sync.E003",
            )
        )
    return messages

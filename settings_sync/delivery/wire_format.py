"""Translates settings to the provider's query parameters and to English. Plain Python.

No other module of the portal knows the wire format. Source: the provider's integration document, calls `ManageAgent`,
`holiday` and `OfficeTime`.
"""

from settings_sync.setting_address import AGENT, HOLIDAY, HOURS

PATH = "/settings/handler.ashx"
NATIONAL, E164 = "national", "e164"


def build_parameters(address: str, value: str, *, number_format: str = NATIONAL) -> dict[str, str]:
    """Return the query parameters that set `address` to `value`, without key and customer id.

    Raises ValueError for an address or value that the wire format cannot express.
    """
    kind, _, name = address.partition(":")
    if kind == AGENT and value in {"AVAIL", "OFF"}:
        return {
            "action": "ManageAgent",
            "agentnum": _format_agent_number(name, number_format),
            "status": value,
        }
    if kind == HOLIDAY and value:
        return {"action": "holiday", "hdate": name}
    if kind == HOURS and value:
        opens, _, closes = value.partition("-")
        return {
            "action": "OfficeTime",
            "day": name,
            "st_time": format_time(opens),
            "en_time": format_time(closes),
        }
    raise ValueError(f"nothing on the wire says {value!r} for a setting of kind {kind!r}")


def describe(address: str, value: str) -> str:
    """Describe a setting for users, e.g. `Monday 09:30 AM to 06:30 PM`."""
    kind, _, name = address.partition(":")
    if kind == AGENT:
        number = f"{name[:5]} {name[5:]}" if len(name) == 10 else name
        return f"{number} takes calls" if value == "AVAIL" else f"{number} takes no calls"
    if kind == HOLIDAY:
        return f"holiday on {name}"
    opens, _, closes = value.partition("-")
    return f"{'Every day' if name == 'Daily' else name} {format_time(opens)} to {format_time(closes)}"


def format_time(time: str) -> str:
    """Format `18:30` as `06:30 PM`: zero-padded, upper case, independent of the locale; `00:00` is `12:00 AM`."""
    hour, minute = (int(part) for part in time.split(":"))
    if not (0 <= hour < 24 and 0 <= minute < 60):
        raise ValueError(f"{time!r} is no time of day")
    return f"{hour % 12 or 12:02d}:{minute:02d} {'AM' if hour < 12 else 'PM'}"


def _format_agent_number(name: str, number_format: str) -> str:
    if name.startswith("+") or number_format == NATIONAL:
        return name
    return f"+91{name}"

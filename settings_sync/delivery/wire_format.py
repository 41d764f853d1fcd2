"""Our settings in the provider's words. Wire words stop here. Plain Python.

Source: the provider's integration document, its calls `ManageAgent`, `holiday` and `OfficeTime`.
"""

from settings_sync.setting_address import AGENT, HOLIDAY, HOURS

PATH = "/settings/handler.ashx"
NATIONAL, E164 = "national", "e164"


def parameters(address: str, value: str, *, number_format: str = NATIONAL) -> dict[str, str]:
    """The query parameters that tell the provider `value` for `address`, without key and customer.

    Raises ValueError for an address or value that cannot be put on the wire.
    """
    kind, _, name = address.partition(":")
    if kind == AGENT and value in {"AVAIL", "OFF"}:
        return {"action": "ManageAgent", "agentnum": _agent_number(name, number_format), "status": value}
    if kind == HOLIDAY and value:
        return {"action": "holiday", "hdate": name}
    if kind == HOURS and value:
        opens, _, closes = value.partition("-")
        return {"action": "OfficeTime", "day": name, "st_time": clock(opens), "en_time": clock(closes)}
    raise ValueError(f"nothing on the wire says {value!r} for a setting of kind {kind!r}")


def describe(address: str, value: str) -> str:
    """What the provider will be told, for a person: `Monday 09:30 AM to 06:30 PM`."""
    kind, _, name = address.partition(":")
    if kind == AGENT:
        number = f"{name[:5]} {name[5:]}" if len(name) == 10 else name
        return f"{number} takes calls" if value == "AVAIL" else f"{number} takes no calls"
    if kind == HOLIDAY:
        return f"holiday on {name}"
    opens, _, closes = value.partition("-")
    return f"{'Every day' if name == 'Daily' else name} {clock(opens)} to {clock(closes)}"


def clock(time: str) -> str:
    """`18:30` as `06:30 PM`: zero-padded, upper case, whatever the locale; `00:00` is `12:00 AM`."""
    hour, minute = (int(part) for part in time.split(":"))
    if not (0 <= hour < 24 and 0 <= minute < 60):
        raise ValueError(f"{time!r} is no time of day")
    return f"{hour % 12 or 12:02d}:{minute:02d} {'AM' if hour < 12 else 'PM'}"


def _agent_number(name: str, number_format: str) -> str:
    if name.startswith("+") or number_format == NATIONAL:
        return name
    return f"+91{name}"

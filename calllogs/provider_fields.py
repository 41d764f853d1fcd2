"""The provider's field names and status words, mapped to ours. Plain Python.

Source: the provider's integration document (its table of parameters and its sample URL use different names), and the
spellings that real senders use. Names are compared without case, spaces and underscores.
"""

# our field: its parameter names, those of the sample URL first, those of the table second
FIELD_NAMES: dict[str, tuple[str, ...]] = {
    "call_id": ("calllogid", "call_uuid", "uuid"),
    "caller": ("callnumber", "caller_number", "callernumber", "callingnumber"),
    "date": ("date",),
    "time": ("time",),
    "agent_number": ("agentnumber", "agent_connected", "agent_number"),
    "ivr_seconds": ("ivrduration", "total_call_duration"),
    "talk_seconds": ("callduration", "conversation_duration"),
    "status": ("callstatus", "call_status"),
    "circle": ("state", "caller_circle", "circle"),
    "virtual_number": ("ibizfonenumber", "knumber", "called_number"),
    "recording_url": ("recordingurl", "recording_url"),
    "department": ("department", "String_department"),
    "call_type": ("calltype",),
}

# The two sets of names in the document, for the address that the portal shows.
SAMPLE_URL_NAMES = {field: names[0] for field, names in FIELD_NAMES.items() if field != "call_type"}
TABLE_NAMES = {
    field: names[1] if len(names) > 1 else names[0]
    for field, names in FIELD_NAMES.items()
    if field != "call_type"
} | {"department": "department"}

ANSWERED, MISSED, DROPPED, OTHER = "ANSWERED", "MISSED", "DROPPED", "OTHER"
# The provider's status words, in capitals and without spaces, underscores and hyphens.
STATUSES = {
    "ANSWER": ANSWERED,
    "ANSWERED": ANSWERED,
    "MISSED": MISSED,
    "NOANSWER": MISSED,
    "BUSY": MISSED,
    "CANCEL": DROPPED,
    "DROPPED": DROPPED,
}

# What senders write for an empty value; compared without case.
BLANKS = frozenset({"", "-", "null", "none", "nil", "n/a", "undefined"})


def normalise_name(name: str) -> str:
    return "".join(name.split()).replace("_", "").casefold()


FIELD_BY_NAME: dict[str, str] = {
    normalise_name(name): field for field, names in FIELD_NAMES.items() for name in names
}
KEY_PARAMETER = "key"  # carries the push key, never a value of the call

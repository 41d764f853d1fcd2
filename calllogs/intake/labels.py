"""Display labels for push fields, outcomes, parse errors, flags and the last use of a key."""

from typing import Any

from django.contrib.humanize.templatetags.humanize import naturaltime
from django.template.loader import render_to_string
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from calllogs.intake import parser, query_fields
from calllogs.models import Push, PushKey
from calllogs.models.push import OUTCOME_STYLE

# by our field name
FIELD_LABELS: dict[str, Any] = {
    "call_id": _("Call id"),
    "caller": _("Caller's number"),
    "date": _("Date"),
    "time": _("Time"),
    "agent_number": _("Agent's number"),
    "ivr_seconds": _("Time in the IVR"),
    "talk_seconds": _("Time of talk"),
    "status": _("Status"),
    "circle": _("Circle"),
    "virtual_number": _("Virtual number"),
    "recording_url": _("Recording"),
    "department": _("Department"),
    "call_type": _("Kind of call"),
}

# Every value of `Push.reason`; the inbox filters by them.
REASON_LABELS: dict[str, Any] = {
    "template not filled in": _("The sample word was sent, not a value"),
    "no date": _("The date is missing"),
    "not a date": _("This is not a date"),
    "no time": _("The time is missing"),
    "not a time": _("This is not a time of day"),
    "the call's id is too long": _("The call id is too long"),
    "no call id, and no caller to derive one from": _("No call id and no caller's number"),
    "could not be stored": _("The database did not take it"),
    "could not be read": _("The portal could not read it"),
    "no live key, or an address that is not allowed": _("No live key, or a network that is not allowed"),
}

# Every flag of `Push.flags`.
REMARK_LABELS: dict[str, Any] = {
    query_fields.REPEATED_KEY: _("A value came twice, and differed; the first one counts."),
    query_fields.BAD_ENCODING: _("Some letters were garbled on the way."),
    query_fields.CONTROL_CHARACTERS: _("Invisible signs were taken out."),
    parser.ID_DERIVED: _("It came without a call id; the portal made one from caller and time."),
    parser.TRUNCATED: _("A value was too long and was cut."),
    parser.BAD_SECONDS: _("A duration could not be read and was left empty."),
    parser.UNKNOWN_STATUS: _("The status is a word that the portal does not know; kept as “Other”."),
    parser.CORRECTED: _("A person corrected it."),
}


def reason_label(push: Push) -> str:
    return str(REASON_LABELS.get(push.reason, push.reason))


def remark_labels(push: Push) -> list[str]:
    return [str(REMARK_LABELS.get(flag, flag)) for flag in push.flags.split()]


def render_outcome_badge(push: Push) -> str:
    colour, icon = OUTCOME_STYLE[push.outcome]
    context = {"label": push.get_outcome_display(), "colour": colour, "icon": icon}
    return render_to_string("components/badge.html", context)


def last_use_label(key: PushKey) -> str:
    """As in `used 2 minutes ago`; `last_used_at` is exact to a minute."""
    if key.last_used_at is None:
        return gettext("never used")
    return gettext("used %(ago)s") % {"ago": naturaltime(key.last_used_at)}

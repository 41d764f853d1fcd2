"""Builds and renders the rows of the callback queue."""

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from calllogs.access.visibility import CallVisibility
from calllogs.models import CallbackClaim, CallbackEntry, MissedCaller
from calllogs.models.missed_caller import MISS_REASON_STYLE, MissReason
from ivrportal.common.phone import format_national
from settings_sync import setting_address

SOON, LONG = dt.timedelta(minutes=15), dt.timedelta(hours=1)
REASON_TEXTS: dict[str, Any] = {
    MissReason.OLD_HOURS: gettext_lazy("We were open (%(wanted)s), but the provider still had %(had)s."),
    MissReason.HOLIDAY: gettext_lazy("Callers heard the holiday message."),
    MissReason.CLOSED: gettext_lazy("Our hours that day: %(hours)s."),
    MissReason.DROPPED: gettext_lazy("The caller hung up in the menu, or was cut off."),
    MissReason.NO_ANSWER: gettext_lazy("We were open, and nobody picked up."),
    MissReason.OTHER: gettext_lazy("The provider said: %(status)s."),
}


@dataclass(frozen=True, slots=True)
class CallerRow:
    """One caller as the template shows it. `claim` is "" (free), "mine" or "other"."""

    pk: int
    base_url: str  # prefix of the action URLs
    caller: str
    tel: str  # number to dial; empty if the user may not see whole numbers
    link: str
    waited: str
    urgency: str
    since: str
    calls: str
    last: str
    department: str
    number: str
    why: str
    reason_text: str
    seen: str  # time of the last call shown, quoted for a URL
    claim: str
    claim_text: str


def render_rows(rows: list[CallerRow], request: HttpRequest, *, may_act: bool, back: str = "") -> str:
    """The rows as HTML. Labels are translated once for all rows. `back` is the query string of the queue page."""
    labels = {
        "waits": _("Waits"),
        "call": _("Call"),
        "history": _("History"),
        "take": _("I call back"),
        "take_over": _("Take over"),
        "called_back": _("Called back"),
        "dismiss": _("Dismiss"),
        "give_back": _("Give back"),
    }
    context = {
        "rows": rows,
        "labels": labels,
        "may_act": may_act,
        "back": back,
        "back_quoted": quote(back, safe=""),
        "csrf": get_token(request),
    }
    return render_to_string("calllogs/callbacks/queue_rows.html", context)


def actions_url(missed: MissedCaller) -> str:
    return f"{reverse('admin:calllogs_missed')}{missed.pk}/"


def build_caller_row(
    missed: MissedCaller,
    claim: CallbackClaim | None,
    visibility: CallVisibility,
    *,
    me: int,
    now: dt.datetime,
) -> CallerRow:
    waited = now - missed.first_at
    urgency = "calm" if waited < SOON else "soon" if waited < LONG else "long"
    return CallerRow(
        missed.pk,
        actions_url(missed),
        visibility.format_number(missed.caller),
        missed.caller if visibility.sees_numbers else "",
        reverse("admin:calllogs_missed_caller", args=[missed.last_call]),
        format_waiting_time(waited),
        urgency,
        _("since %(since)s") % {"since": format_moment(missed.first_at, now)},
        ngettext("%(n)d call", "%(n)d calls", missed.misses) % {"n": missed.misses},
        _("the last %(last)s") % {"last": format_moment(missed.last_at, now)} if missed.misses > 1 else "",
        missed.department,
        _("on %(number)s") % {"number": format_national(missed.virtual_number)}
        if missed.virtual_number
        else "",
        render_reason_badge(missed.why, get_language() or ""),
        explain_reason(missed),
        quote(missed.last_at.isoformat()),
        "" if claim is None else "mine" if claim.person_id == me else "other",
        format_claim(claim, me=me, now=now) if claim else "",
    )


def format_claim(claim: CallbackClaim, *, me: int, now: dt.datetime) -> str:
    if claim.person_id == me:
        until = date_format(timezone.localtime(claim.expires_at), "H:i")
        return _("You have it, until %(until)s") % {"until": until}
    name = claim.person.get_full_name() or claim.person.get_username()
    return _("%(name)s has it, for %(time)s") % {
        "name": name,
        "time": format_waiting_time(now - claim.claimed_at),
    }


@cache
def render_reason_badge(why: str, _language: str) -> str:
    colour, icon = MISS_REASON_STYLE[why]
    return render_to_string(
        "components/badge.html", {"label": MissReason(why).label, "colour": colour, "icon": icon}
    )


def explain_reason(missed: MissedCaller) -> str:
    """The sentence beside the badge. Empty for an unanswered call if our hours at that time are not known."""
    if missed.why == MissReason.NO_ANSWER and not missed.wanted:
        return ""
    return str(REASON_TEXTS[missed.why]) % {
        "wanted": format_hours(missed.wanted),
        "had": format_hours(missed.had),
        "hours": format_hours(missed.wanted or missed.had),
        "status": missed.raw_status or _("nothing"),
    }


def format_hours(value: str) -> str:
    return _("a holiday") if value == setting_address.CLOSED_ALL_DAY else value.replace("-", "–")


def format_waiting_time(time: dt.timedelta) -> str:
    """`12 min`, `2 h 5 min`, `3 days 4 h`: at most two units."""
    minutes = int(time.total_seconds() // 60)
    if minutes < 1:
        return _("less than a minute")
    if minutes < 60:
        return _("%(n)d min") % {"n": minutes}
    spent_hours, minutes = divmod(minutes, 60)
    if spent_hours < 24:
        return _("%(hours)d h %(minutes)d min") % {"hours": spent_hours, "minutes": minutes}
    days, spent_hours = divmod(spent_hours, 24)
    text = ngettext("%(days)d day %(hours)d h", "%(days)d days %(hours)d h", days)
    return text % {"days": days, "hours": spent_hours}


def format_moment(at: dt.datetime, now: dt.datetime) -> str:
    """`today, 10:15` or `8 Nov, 10:15`; with the year if it is not the current one."""
    local, today = timezone.localtime(at), timezone.localtime(now)
    if local.date() == today.date():
        return _("today, %(time)s") % {"time": date_format(local, "H:i")}
    return date_format(local, "j M, H:i" if local.year == today.year else "j M Y, H:i")


@dataclass(frozen=True, slots=True)
class ClosingRow:
    """One closing in the list of done callers."""

    pk: int
    caller: str
    link: str
    kind: str
    person: str
    at: str
    waited: str
    note: str
    undone: str


def build_closing_row(
    entry: CallbackEntry, call: int | None, visibility: CallVisibility, *, now: dt.datetime
) -> ClosingRow:
    undone: CallbackEntry | None = getattr(entry, "undone_by", None)
    undone_text = _("Opened again by %(name)s") % {"name": undone.person_name} if undone else ""
    calls = ngettext("%(n)d call", "%(n)d calls", entry.misses or 1) % {"n": entry.misses or 1}
    waited = _("%(calls)s, waited %(time)s") % {
        "calls": calls,
        "time": format_waiting_time(entry.at - (entry.first_at or entry.at)),
    }
    return ClosingRow(
        entry.pk,
        visibility.format_number(entry.caller),
        reverse("admin:calllogs_missed_caller", args=[call]) if call else "",
        entry.get_kind_display(),
        entry.person_name,
        format_moment(entry.at, now),
        waited,
        visibility.mask_text(entry.note, entry.caller),
        undone_text,
    )

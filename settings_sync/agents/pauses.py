"""How long an agent can be off: what a person may choose, and the moment that the choice means."""

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone
from django.utils.dateparse import parse_time
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

from settings_sync import schedule

MINUTES = {"30": 30, "60": 60, "120": 120}
AT_TIME, AT_OPENING = "time", "opening"
LOOK_AHEAD_DAYS = 14


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    words: str
    moment: dt.datetime | None = None  # None: the person writes a time beside it


class NotAMoment(ValueError):
    """What was chosen names no moment to come; the text says why, for the person."""


def choices(now: dt.datetime) -> list[Choice]:
    names = {"30": _("For 30 minutes"), "60": _("For 1 hour"), "120": _("For 2 hours")}
    found = [
        Choice(value, names[value], _whole_minute(now + dt.timedelta(minutes=minutes)))
        for value, minutes in MINUTES.items()
    ]
    found.append(Choice(AT_TIME, _("Until a time today")))
    if opening := next_opening(now):
        found.append(Choice(AT_OPENING, _opening_words(opening), opening))
    return found


def chosen(value: str, time: str, *, now: dt.datetime) -> dt.datetime:
    """The moment that a posted choice means. Raises NotAMoment."""
    for choice in choices(now):
        if choice.value == value and choice.moment:
            return choice.moment
    if value != AT_TIME:
        raise NotAMoment(_("Choose how long."))
    try:
        until = parse_time(time)
    except ValueError:
        until = None
    if until is None:
        raise NotAMoment(_("Write the time as hours and minutes, for example 15:00."))
    local = timezone.localtime(now)
    moment = dt.datetime.combine(local.date(), until.replace(tzinfo=None), local.tzinfo)
    if moment <= now:
        raise NotAMoment(
            _("%(time)s has passed today. Choose a later time.") % {"time": time_format(until, "H:i")}
        )
    return moment.astimezone(dt.UTC)


def next_opening(now: dt.datetime) -> dt.datetime | None:
    """When the office opens next on a later day, holidays left out; None if no hours are set."""
    local = timezone.localtime(now)
    for plan in schedule.days(local.date() + dt.timedelta(days=1), LOOK_AHEAD_DAYS):
        if plan.opens_at is not None:
            return dt.datetime.combine(plan.date, plan.opens_at, local.tzinfo).astimezone(dt.UTC)
    return None


def _opening_words(opening: dt.datetime) -> str:
    local = timezone.localtime(opening)
    if local.date() == timezone.localdate() + dt.timedelta(days=1):
        return _("Until tomorrow's opening")
    return _("Until the next opening, %(day)s") % {"day": date_format(local, "l")}


def _whole_minute(moment: dt.datetime) -> dt.datetime:
    """Rounded up: nobody reads seconds, and a pause is never shorter than it says."""
    return (moment + dt.timedelta(seconds=59)).replace(second=0, microsecond=0)

"""The choices for the end of a pause, and parsing the chosen one."""

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone
from django.utils.dateparse import parse_time
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

from settings_sync import schedule

MINUTES = {"30": 30, "60": 60, "120": 120}
AT_TIME, AT_OPENING = "time", "opening"
MAX_DAYS_AHEAD = 14


@dataclass(frozen=True, slots=True)
class PauseChoice:
    value: str
    label: str
    moment: dt.datetime | None = None  # None: the user enters a time


class InvalidPauseEnd(ValueError):
    """The posted end of the pause is missing, malformed or past. The message is shown to the user."""


def pause_choices(now: dt.datetime) -> list[PauseChoice]:
    names = {"30": _("For 30 minutes"), "60": _("For 1 hour"), "120": _("For 2 hours")}
    found = [
        PauseChoice(value, names[value], _round_up_to_minute(now + dt.timedelta(minutes=minutes)))
        for value, minutes in MINUTES.items()
    ]
    found.append(PauseChoice(AT_TIME, _("Until a time today")))
    if opening := next_opening(now):
        found.append(PauseChoice(AT_OPENING, _opening_label(opening), opening))
    return found


def parse_pause_end(value: str, time: str, *, now: dt.datetime) -> dt.datetime:
    """The end of the pause, in UTC, for a posted choice. Raises InvalidPauseEnd."""
    for choice in pause_choices(now):
        if choice.value == value and choice.moment:
            return choice.moment
    if value != AT_TIME:
        raise InvalidPauseEnd(_("Choose how long."))
    try:
        until = parse_time(time)
    except ValueError:
        until = None
    if until is None:
        raise InvalidPauseEnd(_("Write the time as hours and minutes, for example 15:00."))
    local = timezone.localtime(now)
    moment = dt.datetime.combine(local.date(), until.replace(tzinfo=None), local.tzinfo)
    if moment <= now:
        raise InvalidPauseEnd(
            _("%(time)s has passed today. Choose a later time.") % {"time": time_format(until, "H:i")}
        )
    return moment.astimezone(dt.UTC)


def next_opening(now: dt.datetime) -> dt.datetime | None:
    """The next opening after today, in UTC, skipping holidays; None within 14 days without hours."""
    local = timezone.localtime(now)
    for plan in schedule.plan_days(local.date() + dt.timedelta(days=1), MAX_DAYS_AHEAD):
        if plan.opens_at is not None:
            return dt.datetime.combine(plan.date, plan.opens_at, local.tzinfo).astimezone(dt.UTC)
    return None


def _opening_label(opening: dt.datetime) -> str:
    local = timezone.localtime(opening)
    if local.date() == timezone.localdate() + dt.timedelta(days=1):
        return _("Until tomorrow's opening")
    return _("Until the next opening, %(day)s") % {"day": date_format(local, "l")}


def _round_up_to_minute(moment: dt.datetime) -> dt.datetime:
    """Rounds up, so that a pause is never shorter than its label says."""
    return (moment + dt.timedelta(seconds=59)).replace(second=0, microsecond=0)

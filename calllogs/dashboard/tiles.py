"""The tiles of the home screen: one figure each, with its change since the previous period."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from calllogs.callbacks import waiting_history
from calllogs.dashboard import change_indicator as change
from calllogs.dashboard.change_indicator import ChangeWording, FigureChange
from calllogs.dashboard.query_params import MISSED, CallListLinks
from calllogs.formatting import format_duration
from calllogs.models import CallLog
from calllogs.statistics.aggregates import Figures
from calllogs.statistics.periods import Period

_ANSWERED: dict[str, Any] = {"statuses": (CallLog.Status.ANSWERED.value,)}


class MissedCallerCounts(NamedTuple):
    """Missed callers waiting now, and at the start of the hour in which the previous period ended.

    `then` is None if that count was not stored.
    """

    now: int
    then: int | None = None


@dataclass(frozen=True, slots=True)
class Tile:
    title: str
    figure: str
    icon: str
    link: str
    change: FigureChange | None = None
    note: str = ""


def build_waiting_tile(waiting: MissedCallerCounts, period: Period) -> Tile:
    """Waiting callers now. Compared with the hour in which the previous period ended, if that count is stored."""
    then = waiting_history.start_of_hour(period.before().end)
    note = _("missed callers, at this moment")
    figure_change = None
    if waiting.then is not None:
        figure_change = change.count_change(
            waiting.now, waiting.then, ChangeWording(_("more"), _("fewer"), is_good=False)
        )
        clock = date_format(localtime(then), "j M, H:i")
        template = (
            _("at this moment, against %(then)s")
            if waiting.then
            else _("at this moment; nobody waited %(then)s")
        )
        note = template % {"then": clock}
    queue_url = reverse("admin:calllogs_missed")
    return Tile(
        _("Still to call back"), intcomma(waiting.now), "phone_callback", queue_url, figure_change, note
    )


def build_tiles(
    now: Figures, previous: Figures, links: CallListLinks, waiting_tile: Tile | None
) -> list[Tile]:
    more, fewer, longer, shorter = _("more"), _("fewer"), _("longer"), _("shorter")
    calls = change.count_change(now.calls, previous.calls, ChangeWording(more, fewer))
    rate = change.share_change(
        now.answer_rate, previous.answer_rate, ChangeWording(_("higher"), _("lower"), is_good=True)
    )
    missed = change.count_change(now.missed, previous.missed, ChangeWording(more, fewer, is_good=False))
    wait = change.seconds_change(
        now.average_wait_s, previous.average_wait_s, ChangeWording(longer, shorter, is_good=False)
    )
    talk = change.seconds_change(now.average_talk_s, previous.average_talk_s, ChangeWording(longer, shorter))
    nothing = _("No calls to compare with")
    return [
        Tile(_("Calls"), intcomma(now.calls), "call", links.url(), calls, "" if calls else nothing),
        Tile(
            _("Answer rate"), format_share(now.answer_rate), "phone_in_talk", links.url(**_ANSWERED), rate,
            "" if rate else nothing,
        ),
        Tile(
            _("Missed calls"), intcomma(now.missed), "phone_missed", links.url(**MISSED), missed,
            "" if missed else _("None to compare with"),
        ),
        *([waiting_tile] if waiting_tile else []),
        Tile(
            _("Average wait"), _format_clock(now.average_wait_s), "hourglass_top", links.url(), wait,
            _("in the menu"),
        ),
        Tile(
            _("Average talk"), _format_clock(now.average_talk_s), "forum", links.url(**_ANSWERED), talk,
            _("of answered calls"),
        ),
    ]  # fmt: skip


def format_share(value: float | None) -> str:
    """`87 %`; 100 % and 0 % only if the share is exactly 1 or 0."""
    if value is None:
        return "–"
    percent = round(value * 100)
    percent = 99 if percent == 100 and value < 1 else 1 if percent == 0 and value > 0 else percent
    return f"{percent} %"


def _format_clock(seconds: float | None) -> str:
    return format_duration(None if seconds is None else round(seconds))

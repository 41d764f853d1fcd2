"""The changes that callers could notice, as marks on a curve: when each came into force, and what it was.

A mark stands at the moment from which callers met the change: when the provider confirmed it, and for a holiday or for
hours of one date not before that date begins. Where the provider's word is not known, it stands where the change was
saved. What was saved but never reached the provider has a mark too, which says so: nobody met it.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from django.db.models import Q
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from calllogs.calls.office_hours_sql import midnight
from calllogs.statistics.periods import Period
from settings_sync import setting_address
from settings_sync.history import change_log, delivery_status
from settings_sync.history.change_log import CHANGED, DELETED, KINDS, Change
from settings_sync.history.delivery_status import DeliveryStatus, Reached
from settings_sync.models import ChangeReason, OfficeHours, ProviderSetting

HOURS, HOLIDAY, OTHER, AGENT = "hours", "holiday", "other", "agent"
MARKED = (HOURS, HOLIDAY, OTHER, AGENT)
MOST_SWITCHES = 60  # of agents; each costs the look for the provider's answer
TOGETHER = dt.timedelta(minutes=2)  # what one person changes alike within it is one change
AROUND = dt.timedelta(days=75)  # a comparison looks no further than ten weeks around its change
LATE = dt.timedelta(
    days=7
)  # a change may come into force so long after it was saved, and is still looked for


class Standing(StrEnum):
    """What `Mark.at` is."""

    IN_FORCE = "in force"  # confirmed by the provider: callers met it from then on
    SAVED = "saved"  # saved; whether and when the provider had it is not known
    NOT_THERE = "not there"  # saved; the provider did not have it, so no caller met it


@dataclass(frozen=True, slots=True)
class Mark:
    """One change, or several that one person made alike within two minutes.

    `key` names it in an address. `was` and `now` are words: `09:30–18:30`, `Available`. `fate` is that of the first.
    """

    key: str
    kind: str
    at: dt.datetime
    saved_at: dt.datetime
    standing: Standing
    title: str
    was: str
    now: str
    fate: Reached
    changes: tuple[Change, ...]

    @property
    def day(self) -> dt.date:
        """In the portal's zone."""
        return timezone.localdate(self.at, timezone.get_default_timezone())

    @property
    def date(self) -> dt.date | None:
        """The one date that it is about; None if it holds until the next change."""
        return self.changes[0].row.date if self.kind in (HOLIDAY, OTHER) else None

    @property
    def weekdays(self) -> tuple[int, ...]:
        """Of a change of hours, from Monday, 0; of any other, none."""
        if self.kind != HOURS:
            return ()
        return tuple(sorted(setting_address.WEEKDAYS.index(change.row.day) for change in self.changes))


@dataclass(frozen=True, slots=True)
class Marks:
    """`found`, the oldest first; `is_cut` if there are more switches of agents than are read.

    `special`: dates that are no usual days, HOLIDAY or OTHER, in the period and eight weeks around it.
    """

    found: tuple[Mark, ...] = ()
    is_cut: bool = False
    special: Mapping[dt.date, str] = field(default_factory=dict)


def marks(period: Period, *, kinds: Collection[str] = MARKED) -> Marks:
    """The marks within a period, for any curve of its calls: each has its moment (`at`) and says what it was.

    At most six queries, however long the history is. Left out: what did not change what callers meet (a name, a
    note), what time did by itself (shifts), and what came with the sample data. `kinds`: those that the person may
    see.
    """
    return within(read(period, kinds=kinds), period)


def within(found: Marks, period: Period) -> Marks:
    start, end = period.start, period.so_far().end
    return replace(found, found=tuple(mark for mark in found.found if start <= mark.at < end))


def read(period: Period, *, kinds: Collection[str] = MARKED) -> Marks:
    """The marks of a period, and all changes of hours around it, which say how far a comparison may reach."""
    start, end = period.start, period.end
    dates = Q(date__range=(period.first_day - AROUND, period.last_day + AROUND))
    switched = Q(history_date__gte=start - LATE, history_date__lt=end)
    switched &= Q(history_change_reason=None) | ~Q(history_change_reason=ChangeReason.SHIFT)
    switches = KINDS[AGENT].rows.filter(switched).order_by("-history_id").values("history_id")
    wanted = {
        HOURS: Q(history_date__gte=start - AROUND, history_date__lt=end + AROUND),
        HOLIDAY: dates,
        OTHER: dates,
        AGENT: Q(history_id__in=switches[: MOST_SWITCHES + 1]),
    }
    found = {kind: change_log.matching(KINDS[kind], wanted[kind]) for kind in kinds}
    is_cut = len(found.get(AGENT, [])) > MOST_SWITCHES
    if is_cut:
        del found[AGENT][0]
    special = {date: kind for kind in (OTHER, HOLIDAY) for date in _dates_of(found.get(kind, []))}
    told = [change for each in found.values() for change in each if _is_noticed(change, period)]
    return Marks(_of(told, period.now), is_cut=is_cut, special=special)


def _dates_of(found: list[Change]) -> set[dt.date]:
    """The dates that the records have, as their history ends."""
    last = {change.row.id: change for change in found}
    return {change.row.date for change in last.values() if change.row.history_type != DELETED}


def _is_noticed(change: Change, period: Period) -> bool:
    """Whether callers could meet it, and within the period if it is about a date."""
    row, kind = change.row, change.kind.name
    if row.history_change_reason == ChangeReason.SAMPLE_DATA:
        return False
    if kind == AGENT and row.history_type == CHANGED and change.before is not None:
        return change.before.availability != row.availability
    if kind in (HOLIDAY, OTHER):
        is_of_period = period.first_day <= row.date <= period.last_day
        return is_of_period and row.history_type != DELETED and change.is_told
    return change.is_told


def _of(told: list[Change], now: dt.datetime) -> tuple[Mark, ...]:
    fates = delivery_status.delivery_statuses(told, now=now)
    unsure = [
        change
        for change, fate in zip(told, fates, strict=True)
        if fate.fate != DeliveryStatus.IN_FORCE or (change.kind.name == HOLIDAY and change.replaced_at)
    ]
    sent = _first_sent(unsure)
    single = [_mark(change, fate, sent) for change, fate in zip(told, fates, strict=True)]
    return tuple(sorted(_together(_last_word(single)), key=lambda mark: (mark.at, mark.saved_at, mark.key)))


def _first_sent(found: Iterable[Change]) -> dict[str, dt.datetime | None]:
    """When each thing was first told to the provider; None: not yet. What is not in it was never to be told."""
    addresses = {change_log.provider_value(change)[0] for change in found}
    if not addresses:
        return {}
    rows = ProviderSetting.objects.filter(address__in=addresses).order_by()
    return dict(rows.values_list("address", "first_sent_at"))


def _mark(change: Change, fate: Reached, sent: dict[str, dt.datetime | None]) -> Mark:
    row = change.row
    standing = Standing.IN_FORCE if fate.at and not _is_taken_back(change, sent) else _standing(change, sent)
    at = fate.at or row.history_date
    if change.kind.name in (HOLIDAY, OTHER):
        at = max(at, midnight(row.date))
    was, now = _words(change)
    return Mark(
        key=f"{change.kind.name}-{row.history_id}",
        kind=change.kind.name,
        at=at,
        saved_at=row.history_date,
        standing=standing,
        title=change_log.title(change.kind, row),
        was=was,
        now=now,
        fate=fate,
        changes=(change,),
    )


def _is_taken_back(change: Change, sent: dict[str, dt.datetime | None]) -> bool:
    """A holiday that the provider's support took off again: then its setting is gone."""
    is_holiday = change.kind.name == HOLIDAY and change.replaced_at is not None
    return is_holiday and change_log.provider_value(change)[0] not in sent


def _standing(change: Change, sent: dict[str, dt.datetime | None]) -> Standing:
    """Of a change that the provider does not have: did it surely never have it, or do we not know?"""
    is_dated = change.kind.name in (HOLIDAY, OTHER)
    is_too_late = is_dated and change.row.history_date >= midnight(change.row.date + dt.timedelta(days=1))
    if is_too_late or _is_taken_back(change, sent):
        return Standing.NOT_THERE
    address = change_log.provider_value(change)[0]
    if address not in sent:
        return Standing.SAVED
    at, replaced = sent[address], change.replaced_at
    is_before_our_time = replaced is not None and (at is None or at >= replaced)
    return Standing.SAVED if is_before_our_time else Standing.NOT_THERE


def _words(change: Change) -> tuple[str, str]:
    kind, row, before = change.kind.name, change.row, change.before
    if kind == AGENT:
        now = "" if row.history_type == DELETED else change_log.availability_words(row)
        return change_log.availability_words(before) if before is not None else "", now
    if kind == HOLIDAY:
        return "", _("Holiday")
    now = change_log.span_words(row.opens_at, row.closes_at)
    is_known = before is not None and before.history_type != DELETED
    return change_log.span_words(before.opens_at, before.closes_at) if is_known else "", now


def _last_word(single: list[Mark]) -> list[Mark]:
    """Of what was said of one date, only the last that the provider had, or else the last."""
    found: dict[tuple[str, dt.date], Mark] = {}
    for mark in sorted(single, key=lambda mark: (mark.standing != Standing.NOT_THERE, mark.saved_at)):
        if mark.date:
            found[mark.kind, mark.date] = mark
    return [mark for mark in single if not mark.date or found[mark.kind, mark.date] is mark]


# --- what one person changed alike is one change ---------------------------------------------------------


def _together(single: list[Mark]) -> list[Mark]:
    groups: list[list[Mark]] = []
    newest: dict[tuple[object, ...], list[Mark]] = {}
    for mark in sorted(single, key=lambda mark: mark.saved_at):
        row = mark.changes[0].row
        alike = (
            mark.kind,
            mark.date,
            mark.was,
            mark.now,
            mark.standing,
            row.history_user_id,
            row.history_type,
        )
        group = newest.get(alike)
        if group is None or mark.saved_at - group[0].saved_at > TOGETHER or _has_record(group, row.id):
            group = newest[alike] = []
            groups.append(group)
        group.append(mark)
    return [_one(group) for group in groups]


def _has_record(group: list[Mark], record_id: int) -> bool:
    return any(mark.changes[0].row.id == record_id for mark in group)


def _one(group: list[Mark]) -> Mark:
    """They are in force together when the last of them is."""
    if len(group) == 1:
        return group[0]
    found = tuple(mark.changes[0] for mark in group)
    return replace(
        group[0], at=max(mark.at for mark in group), title=_title(group[0].kind, found), changes=found
    )


def _title(kind: str, found: tuple[Change, ...]) -> str:
    if kind == AGENT:
        names = sorted(change.row.name for change in found)
        if len(names) > 3:
            return _("%(count)d agents") % {"count": len(names)}
        return str(get_text_list(names, _("and")))
    numbers = sorted(setting_address.WEEKDAYS.index(change.row.day) for change in found)
    names = [str(OfficeHours.Day(setting_address.WEEKDAYS[number]).label) for number in numbers]
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return _("%(first)s to %(last)s") % {"first": names[0], "last": names[-1]}
    return str(get_text_list(names, _("and")))

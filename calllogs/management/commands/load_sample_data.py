"""`load_sample_data [--calls N] [--days D]`: an office to look at: agents, holidays, hours, calls."""

import datetime as dt
import io
import itertools
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from django.utils import timezone

from calllogs import sample_calls
from calllogs.callbacks import refresh
from calllogs.models import CallLog
from settings_sync import setting_address
from settings_sync.delivery import service
from settings_sync.models import Agent, ChangeReason, Holiday, OfficeHours

# The days on which all of India rests, and which no moon moves.
NATIONAL_DAYS = {(1, 26): "Republic Day", (8, 15): "Independence Day", (10, 2): "Gandhi Jayanti"}
# What LifelikeCall does not know: the order of a row in the file that the database reads.
COLUMNS = (
    "call_id", "caller", "started_at", "agent_number", "ivr_seconds", "talk_seconds", "status", "raw_status",
    "circle", "virtual_number", "department", "recording_url", "received_at", "told_at", "updated_at",
    "has_conflict", "call_type",
)  # fmt: skip
ROWS_AT_ONCE = 20_000
# One in so many recordings comes late, by up to so many seconds and a minute.
LATE_ONE_IN, LATE_S = 12, 1800


class Command(BaseCommand):
    help = "Loads sample agents, holidays, hours and calls. What is there already stays."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--calls", type=int, default=5000)
        parser.add_argument("--days", type=int, default=90, help="how far back the calls reach")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument(
            "--recordings", default=sample_calls.RECORDINGS, help="the address below which recordings lie"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["calls"] < 0 or options["days"] < 1:
            raise CommandError("--calls must be 0 or more, --days 1 or more.")
        agents = sample_calls.lifelike_agents()
        end = timezone.localtime()  # local, because the rhythm of the day is
        start = end - dt.timedelta(days=options["days"])
        with transaction.atomic():
            _load_office(agents, since=start)
        rows = sample_calls.call_rows(
            # Two loads side by side must not share ids, so the seed is part of what is already there.
            options["seed"] + CallLog.objects.count(),
            options["calls"],
            agents=agents,
            start=start,
            end=end,
            recordings=options["recordings"],
        )
        count = _copy(_whole(rows, end)) if connection.vendor == "postgresql" else _insert(_whole(rows, end))
        _tidy(count)
        refresh.rebuild()
        if options["verbosity"]:
            self.stdout.write(f"{count} calls, {Agent.objects.count()} agents.")


def _load_office(agents: list[sample_calls.LifelikeAgent], *, since: dt.datetime) -> None:
    """`since`: the first call; the office had its hours then already."""
    Agent.objects.bulk_create(
        [Agent(name=agent.name, number=agent.number, department=agent.department) for agent in agents],
        ignore_conflicts=True,
    )
    today = timezone.localdate()
    dates = {
        dt.date(year, month, day): name
        for year in (today.year, today.year + 1)
        for (month, day), name in NATIONAL_DAYS.items()
    }
    Holiday.objects.bulk_create(
        [Holiday(date=date, name=name) for date, name in dates.items() if date >= today],
        ignore_conflicts=True,
    )
    OfficeHours.objects.bulk_create(
        [
            OfficeHours(day=day, opens_at=dt.time(9, 30), closes_at=dt.time(18, 30))
            for day in setting_address.WEEKDAYS
        ],
        ignore_conflicts=True,
    )
    for kind in (Agent, Holiday, OfficeHours):
        unknown = kind._default_manager.exclude(pk__in=kind.history.values("id"))
        kind.history.bulk_history_create(
            unknown,
            default_change_reason=ChangeReason.SAMPLE_DATA,
            default_date=since if kind is OfficeHours else None,
        )
    service.record(
        [
            *(setting_address.agent_address(agent.number) for agent in agents),
            *(setting_address.holiday_address(date) for date in dates),
            *(setting_address.hours_address(day) for day in setting_address.WEEKDAYS),
        ],
        trigger="sample",
    )


def _whole(rows: Iterator[sample_calls.Row], end: dt.datetime) -> Iterator[tuple[Any, ...]]:
    """With the moments of the pushes. Some recordings come in a push of their own, minutes later, or not yet."""
    place = COLUMNS.index("recording_url")
    row: tuple[Any, ...]
    for number, row in enumerate(rows):
        told_at = row[-1]
        if row[place] and number % LATE_ONE_IN == 0:
            told_at += dt.timedelta(seconds=60 + number * 7 % LATE_S)
            if told_at > end:
                yield (*row[:place], "", *row[place + 1 :], row[-1], row[-1], False, "")
                continue
        yield (*row, told_at, told_at, False, "")


def _tidy(count: int) -> None:
    """What PostgreSQL would do by itself some minutes after so many rows: until then its plans are those for none."""
    if connection.vendor == "postgresql" and count >= ROWS_AT_ONCE and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM (ANALYZE) {CallLog._meta.db_table}")


def _copy(rows: Iterator[tuple[Any, ...]]) -> int:
    """PostgreSQL's own way in, one text block for many rows. Our sample texts hold no tab, newline or backslash."""
    names, count = ", ".join(COLUMNS), 0
    with (
        transaction.atomic(),
        connection.cursor() as cursor,
        cursor.copy(f"COPY {CallLog._meta.db_table} ({names}) FROM STDIN") as copy,
    ):
        for batch in _batches(rows):
            block = io.StringIO()
            for row in batch:
                block.write("\t".join(["\\N" if value is None else str(value) for value in row]))
                block.write("\n")
            copy.write(block.getvalue())
            count += len(batch)
    return count


def _insert(rows: Iterator[tuple[Any, ...]]) -> int:
    names, count = ", ".join(COLUMNS), 0
    places = ", ".join(["%s"] * len(COLUMNS))
    for batch in _batches(rows):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {CallLog._meta.db_table} ({names}) VALUES ({places})",
                [
                    [
                        str(value.replace(tzinfo=None)) if isinstance(value, dt.datetime) else value
                        for value in row
                    ]
                    for row in batch
                ],
            )
        count += len(batch)
    return count


def _batches(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    while batch := list(itertools.islice(rows, ROWS_AT_ONCE)):
        yield batch

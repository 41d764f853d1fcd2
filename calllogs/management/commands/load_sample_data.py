"""`load_sample_data [--calls N] [--days D]`: load sample agents, holidays, office hours and calls."""

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

# National holidays of India with fixed dates.
NATIONAL_DAYS = {(1, 26): "Republic Day", (8, 15): "Independence Day", (10, 2): "Gandhi Jayanti"}
# Columns of an inserted row; the last four are not part of SampleRow.
COLUMNS = (
    "call_id", "caller", "started_at", "agent_number", "ivr_seconds", "talk_seconds", "status", "raw_status",
    "circle", "virtual_number", "department", "recording_url", "received_at", "told_at", "updated_at",
    "has_conflict", "call_type",
)  # fmt: skip
ROWS_AT_ONCE = 20_000
# One in LATE_ONE_IN recordings comes late, by at least a minute and up to LATE_S seconds more.
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
        agents = sample_calls.generate_agents()
        end = timezone.localtime()  # local time, because the daily peaks depend on it
        start = end - dt.timedelta(days=options["days"])
        with transaction.atomic():
            _load_office(agents, since=start)
        rows = sample_calls.generate_rows(
            # A second load must not repeat call ids, so the number of existing calls is part of the seed.
            options["seed"] + CallLog.objects.count(),
            options["calls"],
            agents=agents,
            start=start,
            end=end,
            recordings=options["recordings"],
        )
        count = (
            _copy_rows(_with_push_times(rows, end))
            if connection.vendor == "postgresql"
            else _insert_rows(_with_push_times(rows, end))
        )
        _analyze_table(count)
        refresh.rebuild()
        if options["verbosity"]:
            self.stdout.write(f"{count} calls, {Agent.objects.count()} agents.")


def _load_office(agents: list[sample_calls.SampleAgent], *, since: dt.datetime) -> None:
    """`since`: the start of the calls, from which the history of the office hours begins."""
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
    for model in (Agent, Holiday, OfficeHours):
        unknown = model._default_manager.exclude(pk__in=model.history.values("id"))
        model.history.bulk_history_create(
            unknown,
            default_change_reason=ChangeReason.SAMPLE_DATA,
            default_date=since if model is OfficeHours else None,
        )
    service.reconcile_and_enqueue(
        [
            *(setting_address.agent_address(agent.number) for agent in agents),
            *(setting_address.holiday_address(date) for date in dates),
            *(setting_address.hours_address(day) for day in setting_address.WEEKDAYS),
        ],
        trigger="sample",
    )


def _with_push_times(rows: Iterator[sample_calls.SampleRow], end: dt.datetime) -> Iterator[tuple[Any, ...]]:
    """Add the times of the pushes. Some recordings come in a later push, or not before `end`."""
    recording_index = COLUMNS.index("recording_url")
    row: tuple[Any, ...]
    for number, row in enumerate(rows):
        told_at = row[-1]
        if row[recording_index] and number % LATE_ONE_IN == 0:
            told_at += dt.timedelta(seconds=60 + number * 7 % LATE_S)
            if told_at > end:
                yield (*row[:recording_index], "", *row[recording_index + 1 :], row[-1], row[-1], False, "")
                continue
        yield (*row, told_at, told_at, False, "")


def _analyze_table(count: int) -> None:
    """Run VACUUM ANALYZE at once: autovacuum would take minutes, and until then the planner assumes an empty table."""
    if connection.vendor == "postgresql" and count >= ROWS_AT_ONCE and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM (ANALYZE) {CallLog._meta.db_table}")


def _copy_rows(rows: Iterator[tuple[Any, ...]]) -> int:
    """Insert by COPY, one text block per batch. Sample values contain no tab, newline or backslash."""
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


def _insert_rows(rows: Iterator[tuple[Any, ...]]) -> int:
    names, count = ", ".join(COLUMNS), 0
    placeholders = ", ".join(["%s"] * len(COLUMNS))
    for batch in _batches(rows):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {CallLog._meta.db_table} ({names}) VALUES ({placeholders})",
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

"""Marks, comparisons and their sentences for changes of hours, holidays and agents, and the page that shows them."""

import datetime as dt
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from calllogs.impact import change_marks, explanation, significance, summary_text
from calllogs.impact.change_marks import MarkStatus
from calllogs.impact.compare import compare_change
from calllogs.impact.comparison import ComparisonProblem
from calllogs.impact.minute_spans import difference, partial_hours, whole_hours
from calllogs.impact.significance import ComparedCount, Verdict
from calllogs.models import CallLog, DepartmentLimit
from calllogs.statistics import aggregates, refresh
from calllogs.statistics.periods import Period
from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from settings_sync import setting_address
from settings_sync.delivery.outcomes import Outcome
from settings_sync.models import Agent, Attempt, Holiday, OfficeHours, OtherHours, ProviderSetting

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_broker")]
PAGE = "/admin/calllogs/effect/"
INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))
SATURDAY = dt.date(2026, 10, 3)  # the change; NOW is nearly six weeks later
NOW = dt.datetime(2026, 11, 12, 13, tzinfo=INDIA)
PERIOD = Period.days(dt.date(2026, 9, 1), dt.date(2026, 11, 12), NOW)
WEEK = dt.timedelta(days=7)
DAY = dt.timedelta(days=1)
OLD, NEW = ("09:30", "13:00"), ("09:30", "16:30")


def at(day, time="10:00"):
    return dt.datetime.combine(day, dt.time.fromisoformat(time), INDIA)


def add_history(record, when, kind="~", **fields):
    """Add a history row of a record, saved at `when`."""
    model = type(record)
    names = [field.attname for field in model._meta.concrete_fields if field.attname != "shift_edge_at"]
    values = {name: getattr(record, name) for name in names} | fields
    return model.history.create(**values, history_date=when, history_type=kind)


def add_office_hours(day="Saturday", hours=OLD, *, since=None):
    opens, closes = map(dt.time.fromisoformat, hours)
    record = OfficeHours.objects.bulk_create([OfficeHours(day=day, opens_at=opens, closes_at=closes)])[0]
    add_history(record, since or at(dt.date(2026, 1, 1)), "+")
    return record


def change_hours(record, hours, when, *, attempted_at=None, outcome=Outcome.CONFIRMED):
    record.opens_at, record.closes_at = map(dt.time.fromisoformat, hours)
    OfficeHours.objects.filter(pk=record.pk).update(opens_at=record.opens_at, closes_at=record.closes_at)
    row = add_history(record, when)
    if attempted_at:
        add_attempt(
            setting_address.hours_address(record.day), "-".join(hours), when=attempted_at, outcome=outcome
        )
    return row


def add_attempt(address, value, *, when, outcome=Outcome.CONFIRMED):
    """Add an attempt to send the value, with its outcome."""
    setting, _ = ProviderSetting.objects.get_or_create(
        address=address,
        defaults={"kind": setting_address.kind_of(address), "lane": address, "desired": value, "changed_at": when,
                  "first_sent_at": when},
    )  # fmt: skip
    Attempt.objects.create(
        setting=setting, address=address, value=value, generation=1, trigger="save", token=f"{when}", started_at=when,
        outcome=outcome,
    )  # fmt: skip


def add_calls(day, missed, answered, *, time="10:00", department=""):
    """Add calls from that local time on, one per second. `compare_mark` stores them."""
    start = at(day, time)
    for number in range(missed + answered):
        CALLS.append(
            CallLog(
                call_id=f"{start:%m%d%H%M}{department}{number}", started_at=start + dt.timedelta(seconds=number),
                status="MISSED" if number < missed else "ANSWERED", department=department,
                received_at=start, told_at=start, updated_at=start,
            )
        )  # fmt: skip


CALLS: list[CallLog] = []


def load_marks_within(period):
    return change_marks.marks_within(change_marks.load_marks(period), period)


def compare_mark(key=None, *, period=PERIOD, now=NOW, departments=None) -> Any:
    """The comparison of the mark `key`, by default of the newest mark."""
    CallLog.objects.bulk_create(CALLS)
    CALLS.clear()
    refresh.rebuild()
    with aggregates.refreshed_counts():
        period = replace(period, now=now)
        loaded = change_marks.load_marks(period)
        chosen = [mark for mark in loaded.marks if key in (None, mark.key)]
        return compare_change(chosen[-1], loaded, period, visible_departments=departments)


def count_by_sql(days, *, spans=(("00:00", None),), department=None):
    """Calls and missed calls of these days, by plain SQL."""
    calls = missed = 0
    with connection.cursor() as cursor:
        for day in days:
            for start, end in spans:
                moments = [
                    at(day, start).astimezone(dt.UTC),
                    (at(day, end) if end else at(day + DAY, "00:00")).astimezone(dt.UTC),
                ]
                if connection.vendor == "sqlite":
                    moments = [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in moments]
                sql = "SELECT count(*), sum(CASE WHEN status = 'MISSED' THEN 1 ELSE 0 END) FROM calllogs_calllog WHERE"
                sql += " started_at >= %s AND started_at < %s" + (
                    " AND department = %s" if department else ""
                )
                cursor.execute(sql, [*moments, department] if department else moments)
                one, other = cursor.fetchone()
                calls, missed = calls + one, missed + (other or 0)
    return ComparedCount(calls, missed)


def plain_spaces(value):
    return str(value).replace("\u00a0", " ")


@pytest.fixture(autouse=True)
def _no_calls_left():
    CALLS.clear()


# --- a change of hours -----------------------------------------------------------------------------------
def test_the_sentence_has_the_counts_of_a_plain_sql_query():
    saturday = add_office_hours()
    change_hours(saturday, NEW, at(SATURDAY, "08:00"), attempted_at=at(SATURDAY, "08:01"))
    for week in range(1, 6):
        before, after = SATURDAY - week * WEEK, SATURDAY + week * WEEK
        (
            add_calls(before, 20, 20),
            add_calls(before, 8, 2, time="15:59"),
        )  # over the hour, so that both are touched
        add_calls(after, 6, 34), add_calls(after, 1, 9, time="15:59")
        add_calls(before + DAY, 30, 0), add_calls(after + DAY, 30, 0)  # Sundays
    # Across midnight: the last second of Saturday and the first of Sunday, in the portal's zone.
    CALLS.extend(
        CallLog(call_id=f"edge{number}", started_at=at(SATURDAY - WEEK, "23:59:59") + dt.timedelta(seconds=number),
                status="MISSED", received_at=NOW, told_at=NOW, updated_at=NOW)
        for number in range(2)
    )  # fmt: skip
    result = compare_mark()
    assert result.before.days == tuple(SATURDAY - week * WEEK for week in range(1, 5))
    assert result.after.days == tuple(SATURDAY + week * WEEK for week in range(1, 5))
    assert result.before.total == count_by_sql(result.before.days) == ComparedCount(201, 113)
    assert result.after.total == count_by_sql(result.after.days)
    assert plain_spaces(summary_text.build_sentence(result)) == (
        "After the hours of Saturday went from 09:30–13:00 to 09:30–16:30, missed calls on Saturdays fell from 56 % "
        "(113 of 201) to 14 % (28 of 200)."
    )
    assert result.significance.verdict == Verdict.MORE
    assert summary_text.format_spans(result.spans) == "13:00–16:30"
    assert (
        result.before.touched_total
        == count_by_sql(result.before.days, spans=[("13:00", "16:30")])
        == ComparedCount(40, 32)
    )
    assert result.after.touched_total == count_by_sql(result.after.days, spans=[("13:00", "16:30")])
    assert (
        "Saturdays: 4 before it and 4 after it. Sat 3 Oct 2026, the day of the change"
        in explanation.build_lines(result)[0]
    )


@pytest.mark.parametrize("departments", [("Sales",), ("Billing", "Sales"), ("Goa",)])
def test_limited_users_get_a_comparison_of_their_departments_only(departments):
    saturday = add_office_hours(hours=("09:30", "18:00"))
    change_hours(saturday, ("09:15", "18:30"), at(SATURDAY, "08:00"))
    for week in (-3, -2, -1, 1, 2, 3):
        day = SATURDAY + week * WEEK
        for department, missed in (("Sales", 3), ("Billing", 5), ("", 7), ("Support", 20)):
            add_calls(day, missed + week % 2, 9, department=department)  # ten o'clock
            add_calls(day, missed, 2, time="09:14", department=department)  # not touched
            add_calls(day, missed, 3, time="09:29", department=department)  # touched, within an hour
            add_calls(day, missed, 1, time="18:00", department=department)
    result = compare_mark(departments=departments)
    if departments == ("Goa",):
        assert result.problem == ComparisonProblem.NO_CALLS_BEFORE
        return
    assert result.before.days == tuple(SATURDAY - week * WEEK for week in (1, 2, 3))
    spans = [("09:15", "09:30"), ("18:00", "18:30")]
    for side in (result.before, result.after):
        whole = [count_by_sql(side.days, department=name) for name in departments]
        touched = [count_by_sql(side.days, spans=spans, department=name) for name in departments]
        assert side.total == significance.sum_counts(whole)
        assert side.touched_total == significance.sum_counts(touched)
    period_days = [PERIOD.first_day + DAY * n for n in range((NOW.date() - PERIOD.first_day).days + 1)]
    of_period = [count_by_sql(period_days, department=name) for name in departments]
    assert (
        sum(calls for _at, calls, _missed in result.period_days) == significance.sum_counts(of_period).calls
    )
    assert (
        f"Only calls of the departments that you see count: {', '.join(departments)}."
        in explanation.build_lines(result)
    )


def test_an_agent_of_an_invisible_department_is_compared_by_the_visible_calls():
    for index, department in enumerate(["Sales", "Billing"]):
        agent = Agent(name="Asha", number=f"+91981234567{index}", department=department)
        add_history(Agent.objects.bulk_create([agent])[0], at(SATURDAY, f"0{8 + index}:00"), "+")
    for week in (-2, -1, 1, 2):
        add_calls(SATURDAY + week * WEEK, 3, 4, department="Sales")
        add_calls(SATURDAY + week * WEEK, 5, 6, department="Billing")
    keys = {mark.changes[0].row.department: mark.key for mark in load_marks_within(PERIOD).marks}
    for department in ("Sales", "Billing"):
        result = compare_mark(keys[department], departments=["Sales"])
        assert result.agent_department == ("Sales" if department == "Sales" else "")
        assert result.before.total == count_by_sql(result.before.days, department="Sales")


def test_the_page_of_a_limited_user_counts_and_links_the_visible_departments(client_for, recent_change):
    _day, row = recent_change
    client = client_for(SUPERVISORS)
    DepartmentLimit.objects.create(person=User.objects.get(username="supervisors"), department="Sales")
    page = client.get(f"{PAGE}?period=90d").text
    assert "Departments: Sales" in page
    assert "department=Sales" in page
    calls = CallLog.objects.filter(department="Sales").count()
    chart_data = json.loads(re.search(r'id="effect-data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    assert sum(chart_data["calls"]) == calls == 160
    assert "There are no calls before it" in client.get(f"{PAGE}?period=90d&change=hours-{row.pk}").text


def test_touched_hours_begin_and_end_within_an_hour():
    assert difference((dt.time(9, 30), dt.time(18)), (dt.time(9, 15), dt.time(18, 30))) == (
        (555, 570),
        (1080, 1110),
    )
    assert difference((dt.time(9), dt.time(10)), (dt.time(14), dt.time(23, 59))) == ((540, 600), (840, 1440))
    assert list(whole_hours((555, 690))) == [10]
    assert partial_hours((555, 690)) == ((555, 600), (660, 690))
    assert partial_hours((555, 570)) == ((555, 570),)
    saturday = add_office_hours(hours=("09:30", "18:00"))
    change_hours(saturday, ("09:15", "18:00"), at(SATURDAY, "08:00"))
    for side in (-1, 1):
        for time in ("09:14", "09:29"):  # 59 and 1 seconds within, and as many without
            CALLS.extend(
                CallLog(call_id=f"{side}{time}{number}", started_at=at(SATURDAY + side * WEEK, f"{time}:59")
                        + dt.timedelta(seconds=number), status="MISSED", received_at=NOW, told_at=NOW, updated_at=NOW)
                for number in range(2)
            )  # fmt: skip
    result = compare_mark()
    assert (
        result.before.touched_total
        == count_by_sql(result.before.days, spans=[("09:15", "09:30")])
        == ComparedCount(2, 2)
    )


def test_no_side_reaches_past_another_change_into_today_or_onto_holidays():
    saturday = add_office_hours()
    change_hours(saturday, ("10:00", "13:00"), at(SATURDAY - 4 * WEEK, "08:00"))
    row = change_hours(saturday, NEW, at(SATURDAY, "08:00"))
    Holiday.objects.create(date=SATURDAY - WEEK, name="Puja")
    OtherHours.objects.create(date=SATURDAY + 2 * WEEK, opens_at=dt.time(9), closes_at=dt.time(10))
    for week in range(-9, 6):
        add_calls(SATURDAY + week * WEEK, 10, 10)
    result = compare_mark(f"hours-{row.pk}", now=at(SATURDAY + 5 * WEEK))
    assert result.before.days == (
        SATURDAY - 2 * WEEK,
        SATURDAY - 3 * WEEK,
    )  # between the change and the holiday
    assert result.after.days == (SATURDAY + WEEK, SATURDAY + 3 * WEEK)
    lines = " ".join(explanation.build_lines(result))
    assert "No more, because the same had been changed on Sat 5 Sep 2026." in lines
    assert "Left out: Sat 26 Sep 2026 (holiday), Sat 17 Oct 2026 (hours for that date only)." in lines
    assert compare_mark(f"hours-{row.pk}", now=at(SATURDAY + WEEK)).problem == ComparisonProblem.NOT_OVER


def test_a_recent_change_says_that_no_more_time_has_passed():
    saturday = add_office_hours()
    change_hours(saturday, NEW, at(SATURDAY, "08:00"))
    for week in (-3, -2, -1, 1):
        add_calls(SATURDAY + week * WEEK, 20, 20)
    result = compare_mark(now=at(SATURDAY + 2 * WEEK))
    assert (len(result.before.days), result.significance.verdict) == (1, Verdict.ONE_DAY)
    assert "No more, because no more time has passed since." in explanation.build_lines(result)
    assert "one day can always be an odd one" in summary_text.describe_verdict(result.significance)[0]


def test_equal_changes_of_several_days_are_one_mark_compared_by_weekday():
    week = [add_office_hours(day, ("09:30", "18:30")) for day in setting_address.WEEKDAYS[:5]]
    for number, record in enumerate(week):
        change_hours(record, ("09:00", "18:30"), at(SATURDAY, "08:00") + dt.timedelta(seconds=number))
    for day in range(-35, 36):
        if day:
            add_calls(SATURDAY + DAY * day, 3, 5)
    (mark,) = load_marks_within(PERIOD).marks
    assert (summary_text.describe_mark(mark), len(mark.changes)) == (
        "Monday to Friday: 09:30–18:30 → 09:00–18:30",
        5,
    )
    result = compare_mark()
    assert len(result.before.days) == len(result.after.days) == 20
    pairs = zip(result.before.days, result.after.days, strict=True)
    assert all(one.weekday() == other.weekday() < 5 for one, other in pairs)
    assert "calls on these days stayed about the same: 38 % (60 of 160) before it" in plain_spaces(
        summary_text.build_sentence(result)
    )
    assert result.are_spans_widened
    assert summary_text.format_spans(result.spans) == "09:00–10:00"


# --- when it was in force --------------------------------------------------------------------------------
def test_a_mark_is_placed_at_its_confirmation_or_else_where_it_was_saved():
    saturday, sunday = add_office_hours(), add_office_hours("Sunday")
    change_hours(saturday, NEW, at(SATURDAY, "08:00"), attempted_at=at(SATURDAY + DAY, "11:30"))
    change_hours(sunday, NEW, at(SATURDAY, "08:00"))
    known, unknown = sorted(load_marks_within(PERIOD).marks, key=lambda mark: mark.status)
    assert (known.status, known.at) == (MarkStatus.IN_FORCE, at(SATURDAY + DAY, "11:30"))
    assert summary_text.describe_status(known) == "In force at the provider since 4 Oct, 11:30"
    assert (unknown.status, unknown.at) == (MarkStatus.SAVED, at(SATURDAY, "08:00"))
    assert summary_text.describe_status(unknown) == "Saved 3 Oct, 08:00; the provider's answer is not known"
    assert not load_marks_within(Period.days(SATURDAY + 2 * DAY, SATURDAY + 9 * DAY, NOW)).marks
    only = load_marks_within(Period.days(SATURDAY + DAY, SATURDAY + DAY, NOW)).marks
    assert [mark.key for mark in only] == [known.key], "saved the day before, in force on this one"


def test_a_change_that_the_provider_refused_has_no_effect_and_limits_no_other():
    saturday = add_office_hours()
    add_attempt(
        setting_address.hours_address("Saturday"), "-".join(OLD), when=at(dt.date(2026, 1, 1), "11:00")
    )
    refused = change_hours(
        saturday, ("10:00", "10:01"), at(SATURDAY - WEEK, "08:00"), attempted_at=at(SATURDAY - WEEK, "08:01"),
        outcome=Outcome.REFUSED,
    )  # fmt: skip
    change_hours(saturday, NEW, at(SATURDAY, "08:00"), attempted_at=at(SATURDAY, "08:01"))
    for week in (-2, -1, 1, 2):
        add_calls(SATURDAY + week * WEEK, 20, 20)
    result = compare_mark(f"hours-{refused.pk}")
    assert (result.mark.status, result.problem) == (MarkStatus.NOT_THERE, ComparisonProblem.NOT_THERE)
    assert "never in force at the provider" in summary_text.describe_status(result.mark)
    assert "callers did not notice it" in explanation.describe_problem(result)
    assert summary_text.build_sentence(result) == ""
    assert compare_mark().before.days == (SATURDAY - WEEK, SATURDAY - 2 * WEEK)


def test_two_changes_on_one_day_are_compared_together_at_the_last_one():
    saturday = add_office_hours()
    first = change_hours(saturday, ("12:00", "16:30"), at(SATURDAY, "08:00"))
    change_hours(saturday, NEW, at(SATURDAY, "09:00"))
    for week in (-2, -1, 1, 2):
        add_calls(SATURDAY + week * WEEK, 20, 20)
    one = compare_mark(f"hours-{first.pk}")
    assert (one.problem, one.changed_again_at) == (ComparisonProblem.CHANGED_AGAIN, at(SATURDAY, "09:00"))
    assert "changed again 3 Oct, 09:00" in explanation.describe_problem(one)
    both = compare_mark()
    assert summary_text.format_spans(both.spans) == "13:00–16:30", "against the hours before both"
    assert both.before.days == (SATURDAY - WEEK, SATURDAY - 2 * WEEK)
    assert plain_spaces(summary_text.build_sentence(both)).startswith(
        "After the hours of Saturday became 09:30–16:30, missed calls"
    )
    assert any(
        "changed 2 times: this is what they did together" in line for line in explanation.build_lines(both)
    )


def test_a_change_undone_the_next_day_says_that_nothing_lies_between():
    saturday = add_office_hours()
    first = change_hours(saturday, NEW, at(SATURDAY, "08:00"))
    change_hours(saturday, OLD, at(SATURDAY + DAY, "08:00"))
    for week in (-2, -1, 1, 2):
        add_calls(SATURDAY + week * WEEK, 20, 20)
    one, other = compare_mark(f"hours-{first.pk}"), compare_mark()
    assert one.problem == ComparisonProblem.CHANGED_AGAIN
    assert "before a whole day had passed" in explanation.describe_problem(one)
    assert other.problem == ComparisonProblem.NO_CALLS_BEFORE
    assert "The same had been changed on Sat 3 Oct 2026" in explanation.describe_problem(other)
    assert len(load_marks_within(PERIOD).marks) == 2


# --- a date ----------------------------------------------------------------------------------------------
def test_a_holiday_is_compared_with_the_same_weekday_of_the_weeks_before():
    holiday = Holiday.objects.bulk_create([Holiday(date=SATURDAY, name="Founder's day")])[0]
    add_history(holiday, at(SATURDAY - 10 * DAY), "+")
    add_attempt(setting_address.holiday_address(SATURDAY), "HOLIDAY", when=at(SATURDAY - 9 * DAY))
    add_calls(SATURDAY, 40, 0), add_calls(SATURDAY - DAY, 40, 0)
    for week in range(1, 7):
        add_calls(SATURDAY - week * WEEK, 9 + week % 2, 30)
    result = compare_mark()
    assert (result.mark.day, result.mark.status) == (SATURDAY, MarkStatus.IN_FORCE)
    assert summary_text.describe_status(result.mark) == "The provider had it since 24 Sep, 10:00"
    assert result.before.days == tuple(SATURDAY - week * WEEK for week in range(1, 5))
    assert plain_spaces(summary_text.build_sentence(result)) == (
        "On Founder's day, Saturday, 3 October 2026, 100 % (40 of 40) were missed; on the 4 Saturdays before it, 24 % "
        "(38 of 158)."
    )
    assert result.significance.verdict == Verdict.MORE
    assert compare_mark(now=at(SATURDAY)).problem == ComparisonProblem.NOT_OVER


def test_a_holiday_withdrawn_before_its_date_has_no_comparison():
    holiday = Holiday.objects.bulk_create([Holiday(date=SATURDAY, name="A slip")])[0]
    add_history(holiday, at(SATURDAY - 10 * DAY), "+")
    add_attempt(setting_address.holiday_address(SATURDAY), "HOLIDAY", when=at(SATURDAY - 9 * DAY))
    add_history(holiday, at(SATURDAY - 8 * DAY), "-")
    assert compare_mark().problem != ComparisonProblem.TAKEN_OFF, (
        "deleted here, but still live at the provider"
    )
    ProviderSetting.objects.all().delete()  # as when a person confirms that the provider's support took it back
    (mark,) = load_marks_within(PERIOD).marks
    assert mark.status == MarkStatus.NOT_THERE
    assert "the provider took it back" in explanation.describe_problem(compare_mark())


def test_hours_for_one_date_touch_the_difference_to_the_usual_hours_of_that_time():
    saturday = add_office_hours(hours=("09:30", "18:00"))
    other = OtherHours.objects.bulk_create(
        [OtherHours(date=SATURDAY, opens_at=dt.time(9, 30), closes_at=dt.time(14))]
    )[0]
    add_history(other, at(SATURDAY - DAY), "+")
    change_hours(saturday, NEW, at(SATURDAY + 2 * WEEK))
    for week in range(4):
        add_calls(SATURDAY - week * WEEK, 20, 20, time="15:00")
    (mark,) = (mark for mark in load_marks_within(PERIOD).marks if mark.kind == "other")
    result = compare_mark(mark.key)
    assert summary_text.describe_mark(mark) == "Open 09:30–14:00 on Sat 3 Oct 2026 only"
    assert summary_text.format_spans(result.spans) == "14:00–18:00"
    assert (
        result.after.touched_total
        == count_by_sql([SATURDAY], spans=[("14:00", "18:00")])
        == ComparedCount(40, 20)
    )


# --- an agent --------------------------------------------------------------------------------------------
def test_an_agents_switch_is_compared_in_the_department_and_ends_at_the_next_switch():
    asha = Agent.objects.bulk_create([Agent(name="Asha", number="+919812345678", department="Sales")])[0]
    add_history(asha, at(SATURDAY - 60 * DAY), "+")
    off = add_history(asha, at(SATURDAY), availability="OFF")
    add_history(asha, at(SATURDAY + DAY), availability="OFF", name="Asha N")  # a name is no switch
    add_history(
        asha, at(SATURDAY + 4 * DAY), history_change_reason="shift"
    )  # no mark, but it ends the comparison
    for day in range(-14, 15):
        add_calls(SATURDAY + DAY * day, 10, 10, department="Sales")
        add_calls(SATURDAY + DAY * day, 0, 30, department="Support")
    assert [mark.key for mark in load_marks_within(PERIOD).marks] == [f"agent-{off.pk}"]
    result = compare_mark()
    assert result.agent_department == "Sales"
    by_weekday = tuple(SATURDAY + DAY * day for day in (2, 3, 1))
    assert result.after.days == by_weekday
    assert result.before.total == count_by_sql(result.before.days, department="Sales")
    assert "After Asha was switched off, missed calls of Sales stayed" in summary_text.build_sentence(result)
    Agent.history.all().update(department="Unknown to the calls")
    assert compare_mark().agent_department == ""


# --- chance ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ([(29, 29)] * 1, [(900, 0)] * 1, Verdict.TOO_FEW),
        ([(900, 300)], [(900, 100)], Verdict.ONE_DAY),
        ([(73, 30), (73, 30), (73, 29), (74, 31)], [(72, 9), (73, 8), (73, 9), (73, 9)], Verdict.MORE),
        ([(20, 8)] * 4, [(20, 6)] * 4, Verdict.MAY_BE_CHANCE),  # by how single calls fall
        ([(9000, 1000), (9000, 4000)] * 2, [(9000, 900), (9000, 2000)] * 2, Verdict.MAY_BE_CHANCE),  # by days
        ([(90, 9)] * 3, [(90, 60)], Verdict.MORE),
        ([(90, 0)] * 3, [(90, 0)] * 3, Verdict.MAY_BE_CHANCE),
    ],
)
def test_small_numbers_are_not_taken_for_an_effect(before, after, verdict):
    result = significance.assess(
        [ComparedCount(*day) for day in before], [ComparedCount(*day) for day in after]
    )
    assert result.verdict == verdict
    assert summary_text.describe_verdict(result)[0]


# --- the page --------------------------------------------------------------------------------------------
@pytest.fixture
def recent_change():
    """A confirmed change of Saturdays some weeks ago, with calls around it."""
    today = timezone.localdate()
    day = today - DAY * ((today.weekday() - 5) % 7) - 3 * WEEK
    row = change_hours(
        add_office_hours(since=at(day - 300 * DAY)), NEW, at(day, "08:00"), attempted_at=at(day, "08:02")
    )
    asha = Agent.objects.bulk_create([Agent(name="Asha", number="+919812345678", department="Sales")])[0]
    add_history(asha, at(day - DAY), "+")
    Holiday.objects.bulk_create([Holiday(date=day + 3 * DAY, name="Puja")])
    add_history(Holiday.objects.get(), at(day - DAY), "+")
    other = OtherHours.objects.bulk_create(
        [OtherHours(date=day + WEEK - DAY, opens_at=dt.time(9), closes_at=dt.time(9, 20))]
    )[0]
    add_history(other, at(day), "+")
    add_office_hours("Friday", since=at(day - 300 * DAY))
    for week in (-2, -1, 1, 2):
        add_calls(day + week * WEEK, 20 if week < 0 else 5, 20)
        add_calls(day + week * WEEK - DAY, 20, 20, department="Sales")
    CallLog.objects.bulk_create(CALLS)
    refresh.rebuild()
    return day, row


def test_the_page_leads_from_the_sentence_to_the_calls_behind_it(
    client_for, recent_change, django_assert_max_num_queries
):
    day, row = recent_change
    client = client_for(SUPERVISORS)
    address = f"{PAGE}?period=90d&change=hours-{row.pk}"
    for key in set(re.findall(r"change=([a-z]+-\d+)", client.get(address).text)):
        with django_assert_max_num_queries(15):
            assert "effect-sentence" in client.get(f"{PAGE}?period=90d&change={key}").text
    page = client.get(address).text
    assert "missed calls on Saturdays fell from 50\u00a0% (40 of 80) to 20\u00a0% (10 of 50)." in page
    assert "Holiday: Puja" in page
    assert "Asha: added, available" in page
    for side, counts in ((-2, (80, 40)), (1, (50, 10))):
        link = f"/admin/calllogs/calllog/?period=custom&from={day + side * WEEK}&to={day + (side + 1) * WEEK}"
        for more, count in zip(("&weekday=Saturday", "&status=MISSED&weekday=Saturday"), counts, strict=True):
            assert f'{link}{more}"'.replace("&", "&amp;") in page
            assert len(client.get(link + more).context["rows"]) == min(count, 50)
    for wanted, count in (("", 40), ("&amp;status=MISSED", 20)):
        link = f"/admin/calllogs/calllog/?period=custom&amp;from={day - WEEK}&amp;to={day - WEEK}{wanted}"
        assert link in page
        assert len(client.get(link.replace("&amp;", "&")).context["rows"]) == count


def test_invalid_parameters_are_reported_and_anonymous_users_are_redirected(client_for):
    client = client_for(OFFICE_MANAGERS)
    for query, message in (
        ("period=x&from=x", "nothing was changed"),
        ("from=2026-10-10&to=2026-10-01", "ends before it begins"), ("change=hours-0", "not among these days"),
        ("period=custom&from=2001-01-01", "a long time"), ("change=%00", "not among these days"),
        ("period=today", ""), ("period=custom&to=0001-01-01", ""),
    ):  # fmt: skip
        answer = client.get(f"{PAGE}?{query}")
        assert answer.status_code == 200, query
        assert message in answer.text, query
    stranger = client_for(None)
    stranger.session.flush()
    assert stranger.get(PAGE).status_code == 302

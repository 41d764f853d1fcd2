"""The home screen: its figures match plain SQL and the linked call list, and a failure does not break the page."""

import datetime as dt
import random
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from calllogs import tasks
from calllogs.callbacks import waiting_history
from calllogs.calls.filters import from_query
from calllogs.dashboard import change_indicator, page_model, query_params
from calllogs.dashboard.tiles import MissedCallerCounts, format_share
from calllogs.models import CallLog, DepartmentLimit, MissedCaller, MissedHistory, MissedProgress
from calllogs.privacy import retention
from calllogs.statistics import aggregates
from calllogs.statistics.aggregates import Period
from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from settings_sync.models import Agent
from tests.calllogs.statistics.test_refresh import MIDNIGHT, RAVI, call, minutes, store

pytestmark = pytest.mark.django_db
NOW = MIDNIGHT + dt.timedelta(days=1, hours=10, minutes=20)  # Monday 2 November, 10:20 in India
ONE_DAY = "period=custom&from=2026-11-01&to=2026-11-01"


@pytest.fixture(autouse=True)
def _no_worker_counts(request, monkeypatch):
    """Count at once, because no worker runs in these tests."""
    if "fifteen" not in request.node.name:
        monkeypatch.setattr(page_model, "MAX_COUNT_AGE_S", 0)


def fill(seed=1):
    """Create calls around midnight, the month's end and in the previous weeks."""
    luck = random.Random(seed)
    moments = [luck.randrange(-60 * 24 * 14, 60 * 36) for _ in range(90)] + [-1, 0, 59, 60, 1439, 1440]
    store([
        call(
            minutes(moment),
            luck.choice(["ANSWER", "ANSWER", "MISSED", "DROPPED"]),
            department=luck.choice(["Sales", "Support", ""]),
            agentnumber=luck.choice(["9800100001", "9800100002", ""]),
            number=luck.choice(["9800200001", "9800200002"]),
            state=luck.choice(["Delhi", "Kerala", ""]),
            ivrduration="00:00:20",
            callduration="00:02:00",
            calllogid=uuid4().hex,
        )
        for moment in moments
    ])  # fmt: skip


def load(query, now=NOW, *, waiting=None, departments=None):
    params = query_params.parse_params(QueryDict(query), now=now)
    return page_model.load_page(
        params, names={RAVI: "Ravi"}, waiting=waiting or MissedCallerCounts(3), departments=departments
    )


def parse_number(text):
    return int(text.replace(",", ""))


def count_in_list(link):
    """The number of calls in the list that a link opens."""
    wanted = from_query(parse_qs(urlsplit(link).query))
    assert wanted.problems == ()
    return wanted.apply(CallLog.objects.all(), now=NOW).count()


def sql(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


@pytest.mark.parametrize("query", ["period=today", "period=7d", ONE_DAY])
def test_figures_match_plain_sql_and_the_linked_call_list(query):
    fill()
    found = load(query)
    period = found.params.period
    edges = [connection.ops.adapt_datetimefield_value(edge) for edge in (period.start, period.end)]
    where = "WHERE started_at >= %s AND started_at < %s"
    ((calls, missed),) = sql(
        f"SELECT count(*), count(CASE WHEN status = 'MISSED' THEN 1 END) FROM calllogs_calllog {where}",
        *edges,
    )
    tiles = {tile.title: tile for tile in found.tiles}
    assert parse_number(tiles["Calls"].figure) == calls == count_in_list(tiles["Calls"].link)
    assert parse_number(tiles["Missed calls"].figure) == missed == count_in_list(tiles["Missed calls"].link)
    assert tiles["Average wait"].figure == "0:20"
    for section, column in zip(
        found.sections, ["agent_number", "circle", "department", "virtual_number"], strict=True
    ):
        plain = sql(f"SELECT count(*) FROM calllogs_calllog {where} GROUP BY {column}", *edges)
        lines = [*section.visible, *section.more]
        assert sorted(parse_number(line.calls) for line in lines) == sorted(n for (n,) in plain)
        assert [count_in_list(line.link) for line in lines] == [parse_number(line.calls) for line in lines]
        assert sum(parse_number(line.missed) for line in lines) == missed
        assert sum(count_in_list(line.missed_link) for line in lines if line.missed_link) == missed
    by_hour = found.charts[0]
    of_day = [0 if cells[0] == "–" else parse_number(cells[0]) for _label, _link, cells in by_hour.rows]
    assert of_day == [count_in_list(link) for _label, link, _cells in by_hour.rows]
    assert of_day == [value or 0 for value in by_hour.data["series"][0]["values"]]
    missed_of_day = [value or 0 for value in by_hour.data["series"][1]["values"]]
    assert missed_of_day == [count_in_list(link) for link in by_hour.data["missedLinks"]]
    if period.last_day != period.first_day:
        by_day = found.charts[1]
        assert [parse_number(cells[0]) for *_, cells in by_day.rows] == [
            count_in_list(link) for _, link, _ in by_day.rows
        ]
        cells = [cell for _hour, row in found.heatmap.rows for cell in row]
        assert sum(int(cell[1]) for cell in cells) == calls
        assert all(
            count_in_list(link) == int(count) for _level, count, _missed, _text, link in cells[::5] if link
        )


def test_a_call_merged_after_its_hour_was_counted_moves_to_the_right_hour():
    store([call(minutes(-5), "MISSED", call_id="C1"), call(minutes(200))])
    assert [tile.figure for tile in load(ONE_DAY).tiles[:3]] == ["1", "100 %", "0"]
    store([call(minutes(5), "MISSED", call_id="C1", after_s=9, department="Sales")])
    assert [tile.figure for tile in load(ONE_DAY).tiles[:3]] == ["2", "50 %", "1"]
    assert load("period=custom&from=2026-10-31&to=2026-10-31").is_empty


def test_a_morning_is_compared_with_a_morning():
    today = MIDNIGHT + dt.timedelta(days=1)
    store([
        *(call(today + dt.timedelta(hours=9), "MISSED") for _ in range(3)),
        *(call(today - dt.timedelta(hours=15), "MISSED") for _ in range(2)),  # yesterday at nine
        *(call(today - dt.timedelta(hours=2), "MISSED") for _ in range(8)),  # yesterday evening
    ])  # fmt: skip
    found = load("period=today")
    assert found.comparison == "compared with 1 Nov 2026 until 10:20"
    tiles = {tile.title: tile.change for tile in found.tiles}
    assert (tiles["Calls"].text, tiles["Calls"].tone) == ("+50 % more", "neither")
    assert (tiles["Missed calls"].text, tiles["Missed calls"].tone) == ("+50 % more: worse", "worse")
    assert tiles["Answer rate"].text == "about the same"


def test_a_change_says_whether_it_is_good():
    wording = change_indicator.ChangeWording("more", "fewer", is_good=False)
    assert change_indicator.count_change(80, 100, wording).text == "\u221220 % fewer: better"
    assert change_indicator.count_change(5, 0, wording) is None
    assert change_indicator.count_change(1001, 1000, wording).tone == "neither"
    assert (
        change_indicator.share_change(0.9, 0.75, change_indicator.ChangeWording("higher", "lower", True)).tone
        == "better"
    )
    assert [format_share(value) for value in (None, 0, 0.001, 0.9999, 1)] == [
        "–",
        "0 %",
        "1 %",
        "99 %",
        "100 %",
    ]


@pytest.mark.parametrize(
    ("query", "first", "last", "problems"),
    [
        ("", "2026-11-02", "2026-11-02", 0),
        ("period=7d", "2026-10-27", "2026-11-02", 0),
        ("period=90d", "2026-08-05", "2026-11-02", 0),
        ("period=custom&from=2026-11-01", "2026-11-01", "2026-11-01", 0),
        ("period=custom&from=2026-11-05&to=2026-11-01", "2026-11-01", "2026-11-05", 0),
        ("period=custom&from=2001-01-01&to=2026-11-01", "2025-09-28", "2026-11-01", 1),
        ("period=custom&from=soon", "2026-11-02", "2026-11-02", 1),
        ("period=ever", "2026-11-02", "2026-11-02", 1),
    ],
)
def test_a_period_is_parsed_from_the_query_string_and_written_to_it(query, first, last, problems):
    params = query_params.parse_params(QueryDict(query), now=NOW)
    assert (str(params.first), str(params.last), len(params.problems)) == (first, last, problems)
    again = query_params.parse_params(QueryDict(params.query()), now=NOW)
    assert (again.choice, again.period, again.problems) == (params.choice, params.period, ())


@pytest.mark.parametrize("role", [None, OFFICE_MANAGERS, SUPERVISORS, "of Sales"])
def test_the_whole_screen_takes_at_most_fifteen_queries(client_for, role):
    Agent.objects.create(name="Ravi", number=RAVI, department="Sales", availability="AVAIL")
    fill()
    client = limited(client_for, "Sales") if role == "of Sales" else client_for(role)
    aggregates.load_figures(Period.today())
    for query in ("?period=90d", "?period=custom&from=2026-10-01&to=2026-11-01", f"?{ONE_DAY}"):
        client.get(f"/admin/{query}")
        store([call(MIDNIGHT, department="Sales", agentnumber=RAVI)])  # which the worker has not counted yet
        with CaptureQueriesContext(connection) as queries:
            page = client.get(f"/admin/{query}")
        assert page.status_code == 200
        assert len(queries) <= 15, [query["sql"][:90] for query in queries]
    text = page.text
    assert "Ravi" in text
    figures, office = text.index('id="home-figures"'), text.index('class="home-office"')
    assert (office < figures) == (role in (None, OFFICE_MANAGERS))


def test_no_calls_at_all_differs_from_no_calls_in_the_period(client_for):
    client = client_for(SUPERVISORS)
    assert "No calls yet" in client.get("/admin/").text
    store([call(minutes(0))])
    assert "No calls in these days" in client.get("/admin/?period=custom&from=2026-01-01&to=2026-01-02").text


def test_a_database_failure_hides_only_the_figures(client_for, monkeypatch, caplog):
    client = client_for(OFFICE_MANAGERS)

    def fail(*_args, **_more):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(aggregates, "load_counts", fail)
    page = client.get("/admin/?period=7d")
    assert page.status_code == 200
    assert "The figures cannot be shown now" in page.text
    assert "What callers hear" in page.text
    assert 'hx-get="/admin/home/figures/?period=7d"' in page.text
    assert "OperationalError" in caplog.text


def test_the_figures_view_needs_the_permission_to_see_calls(client_for, django_user_model):
    alone = client_for(SUPERVISORS).get("/admin/home/figures/?period=30d")
    assert alone.status_code == 200
    assert "<html" not in alone.text
    client = client_for(None)
    client.force_login(django_user_model.objects.create_user("nobody", is_staff=True))
    assert client.get("/admin/home/figures/").status_code == 403
    assert "home-figures" not in client.get("/admin/").text


def limited(client_for, *departments):
    client = client_for(SUPERVISORS)
    person = User.objects.get(username="supervisors")
    DepartmentLimit.objects.bulk_create(
        DepartmentLimit(person=person, department=name) for name in departments
    )
    return client


def test_a_department_limited_user_sees_only_calls_of_these_departments(client_for):
    fill()
    store([call(minutes(61), "MISSED", department="Billing", agentnumber="9800100009", number="9800200009")])
    for departments in (["Sales"], ["Sales", "Support"]):
        found = load("period=7d", departments=departments)
        period = found.params.period
        calls = CallLog.objects.filter(
            started_at__gte=period.start, started_at__lt=period.end, department__in=departments
        )
        tiles = {tile.title: tile for tile in found.tiles}
        assert parse_number(tiles["Calls"].figure) == calls.count() == count_in_list(tiles["Calls"].link)
        missed = calls.filter(status="MISSED").count()
        assert (
            parse_number(tiles["Missed calls"].figure) == missed == count_in_list(tiles["Missed calls"].link)
        )
        by_hour, by_day = found.charts
        of_day = [0 if cells[0] == "–" else parse_number(cells[0]) for _label, _link, cells in by_hour.rows]
        assert of_day == [count_in_list(link) for _label, link, _cells in by_hour.rows]
        assert sum(parse_number(cells[0]) for *_, cells in by_day.rows) == calls.count()
        assert [parse_number(cells[0]) for *_, cells in by_day.rows] == [
            count_in_list(link) for _, link, _ in by_day.rows
        ]
        cells = [cell for _hour, row in found.heatmap.rows for cell in row]
        assert sum(int(cell[1]) for cell in cells) == calls.count()
        assert all(count_in_list(link) == int(count) for _level, count, _missed, _text, link in cells if link)
        (section,) = found.sections
        assert {line.label for line in section.visible} == set(departments)
        assert "shown to people who see all departments" in found.left_out_note


def test_one_day_of_some_departments_has_rows_by_agent_number_and_circle(client_for):
    fill()
    store([
        call(minutes(70), department="Sales", agentnumber="9800100002"),
        call(minutes(70), department="Sales", agentnumber="9800100009", state="Goa"),  # lent by another department
        call(minutes(70), department="Billing", agentnumber="9800100002", number="9800200009", state="Bihar"),
    ])  # fmt: skip
    found = load(ONE_DAY, departments=["Sales"])
    calls = CallLog.objects.filter(
        started_at__gte=found.params.period.start, started_at__lt=found.params.period.end, department="Sales"
    )
    agents, circles, departments, numbers = found.sections
    assert {line.label for line in agents.visible} == {"Ravi", "No agent"}
    assert (agents.note, numbers.note) == ("Only agents of these departments.", "")
    assert [line.label for line in departments.visible] == ["Sales"]
    for section in (circles, departments, numbers):
        assert sum(parse_number(line.calls) for line in section.visible) == calls.count()
    for section in found.sections:
        assert [count_in_list(line.link) for line in section.visible] == [
            parse_number(line.calls) for line in section.visible
        ]
    assert not found.left_out_note


def test_the_page_of_a_department_limited_user_says_so_and_names_no_other_department(client_for):
    today = timezone.now()
    store([call(today, "MISSED", department=name) for name in ("Sales", "Billing", "Billing", "")])
    for department, count in (("Sales", 1), ("Billing", 4)):
        for index in range(count):
            create_missed_caller(f"+9198123456{len(department)}{index}", department)
    Agent.objects.create(name="Asha Nair", number="+919800100003", department="Billing")
    client = limited(client_for, "Sales")
    for address in ("/admin/", "/admin/home/figures/?period=7d", "/admin/?period=7d"):
        text = client.get(address).text
        assert "Departments: Sales" in text
        assert "Billing" not in text
        assert 'home-tile-figure">1<' in text
        assert "Pushes that could not be used" not in text
        assert "Asha Nair" not in text
        assert "department=Sales" in text
    assert 'home-tile-figure">4<' not in text


def create_missed_caller(caller, department):
    now = timezone.now()
    moments = {"first_at": now, "last_at": now}
    MissedCaller.objects.create(
        caller=caller, department=department, misses=1, last_call=1, why="OTHER", **moments
    )


def test_waiting_callers_are_compared_with_the_end_of_the_previous_period():
    store([call(NOW - dt.timedelta(hours=1))])
    MissedProgress.objects.create(pk=MissedProgress.ONLY, built_at=NOW)
    for index, department in enumerate(["Sales", "Sales", "", "Billing"]):
        create_missed_caller(f"+91981234561{index}", department)
    then = NOW - dt.timedelta(days=1)  # 10:20
    assert not waiting_history.record_hour(then), "the hour is no longer young"
    assert waiting_history.count_waiting_at(then) is None
    assert waiting_history.record_hour(then - dt.timedelta(minutes=19))
    assert not waiting_history.record_hour(then - dt.timedelta(minutes=18)), "once an hour"
    MissedCaller.objects.all().delete()
    assert waiting_history.record_hour(NOW - dt.timedelta(minutes=16))
    assert [
        waiting_history.count_waiting_at(then, who)
        for who in (None, ["Sales"], ["Billing", "Sales"], ["Goa"])
    ] == [
        4,
        2,
        3,
        0,
    ]
    assert waiting_history.count_waiting_at(NOW) == 0


@pytest.mark.parametrize(
    ("then", "note", "text"),
    [
        (None, "missed callers, at this moment", None),
        (0, "at this moment; nobody waited 1 Nov, 10:00", None),
        (4, "at this moment, against 1 Nov, 10:00", "\u221225 % fewer: better"),
        (2, "at this moment, against 1 Nov, 10:00", "+50 % more: worse"),
        (3, "at this moment, against 1 Nov, 10:00", "about the same"),
    ],
)
def test_the_change_in_waiting_callers_has_a_text(then, note, text):
    store([call(NOW - dt.timedelta(hours=1))])
    (tile,) = [
        tile for tile in load("", waiting=MissedCallerCounts(3, then)).tiles if "call back" in tile.title
    ]
    assert (tile.figure, tile.note) == ("3", note)
    assert (tile.change.text if tile.change else None) == text


def test_a_worker_stores_the_waiting_callers_that_the_page_compares_with(client_for, monkeypatch):
    now = timezone.now()
    store([
        call(now, "MISSED", department="Sales"),
        call(now, department="Billing", callnumber="9812345679"),
    ])  # fmt: skip
    MissedProgress.objects.create(pk=MissedProgress.ONLY, built_at=timezone.now())
    monkeypatch.setattr(waiting_history, "MAX_DELAY", dt.timedelta(hours=1))
    tasks.refresh_missed()
    assert dict(MissedHistory.objects.values_list("department", "waiting")) == {"": 0, "Sales": 1}
    MissedHistory.objects.update(hour=waiting_history.start_of_hour(timezone.now() - dt.timedelta(days=1)))
    client = limited(client_for, "Billing")
    assert "nobody waited" in client.get("/admin/").text
    DepartmentLimit.objects.update(department="Sales")
    for address in ("/admin/", "/admin/home/figures/"):
        assert "at this moment, against" in client.get(address).text
    retention.delete_old(budget_s=5)
    assert MissedHistory.objects.exists()
    MissedHistory.objects.update(hour=NOW - dt.timedelta(days=500))
    retention.delete_old(budget_s=5)
    assert not MissedHistory.objects.exists()


def test_future_hours_of_today_have_no_values():
    store([call(NOW - dt.timedelta(hours=1)), call(NOW - dt.timedelta(days=7))])
    series = load("").charts[0].data["series"]
    assert [one["name"] for one in series] == ["Calls", "Missed", "Calls, usually", "Missed, usually"]
    assert series[0]["values"][9:12] == (1, 0, None)
    assert series[2]["values"][9:12] == (0.0, 1.0, 0.0)
    assert timezone.localtime(NOW).hour == 10

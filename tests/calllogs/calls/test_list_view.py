"""The call list: pages, columns, saved views, and messages for invalid parameters."""

import datetime as dt
import html

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from calllogs.calls import pagination
from calllogs.calls.count_estimates import EstimatedCount
from calllogs.calls.list_view import format_count
from calllogs.models import CallLog, SavedView
from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from settings_sync.models import Agent, OfficeHours

pytestmark = pytest.mark.django_db
CALLS, VIEWS = "/admin/calllogs/calllog/", "/admin/calllogs/calllog/views/"


@pytest.fixture
def calls():
    now = timezone.now()
    same = {"received_at": now, "told_at": now, "updated_at": now, "department": "Sales", "circle": "Delhi"}
    CallLog.objects.bulk_create(
        CallLog(
            call_id=f"c{number}",
            caller="+919812345678",
            started_at=now - dt.timedelta(minutes=number),
            **same,
        )
        for number in range(120)
    )


def text_of(reply):
    assert reply.status_code == 200
    return html.unescape(reply.text)


def test_pages_are_reached_from_both_ends(client_for, calls):
    supervisor = client_for(SUPERVISORS)
    first = supervisor.get(CALLS + "?circle=Delhi")
    assert "120 calls" in text_of(first)
    assert (first.context["newer_url"], first.context["newest_url"]) == ("", "")
    last = supervisor.get(first.context["oldest_url"])
    assert [row["cells"][0] for row in last.context["rows"]][-1] is not None
    assert last.context["older_url"] == ""
    assert len(supervisor.get(first.context["older_url"]).context["rows"]) == 50


def test_invalid_parameters_are_reported(client_for, calls):
    supervisor = client_for(SUPERVISORS)
    for query, message in (
        ("page=older.1000000.1", "There are no calls of this filter beyond this page"),
        ("page=17", "This page's address is not complete"),
        ("p=99999&o=-1&all=&e=1", "120 calls"),
        ("from=2026-11-08&to=2026-11-01", "ends before it begins"),
        ("department=Marketing", "No call is known with the department “Marketing”"),
        ("agent=9800100099", "98001 00099 is no agent here any more"),
        ("q=" + "9" * 10_000, "at most 128"),
        ("q=%00%F0%9F%98%80'\"--", "The search was left out"),
        ("status=LOST&column=nothing", "status “LOST” is not known"),
        ("q=5550001", "No call fits"),
    ):
        assert message in text_of(supervisor.get(f"{CALLS}?{query}")), query


def test_an_empty_list_has_an_explanation(client_for):
    assert "As soon as the provider tells of a finished call" in text_of(client_for(SUPERVISORS).get(CALLS))


def test_without_permission_list_and_views_are_forbidden(client_for):
    nobody = client_for(OFFICE_MANAGERS)
    User.objects.get().groups.clear()
    assert nobody.get(CALLS).status_code == 403
    assert nobody.post(VIEWS, {"do": "save", "name": "x"}).status_code == 403
    assert client_for(SUPERVISORS).get(VIEWS).status_code == 405


def test_selected_columns_are_in_the_url_and_remembered(client_for, calls):
    supervisor = client_for(SUPERVISORS)
    response = supervisor.get(f"{CALLS}?circle=Delhi&column=call_id&column=caller&remember=1")
    assert response.url == f"{CALLS}?circle=Delhi&column=caller&column=call_id"
    for url in (response.url, CALLS):
        page = supervisor.get(url)
        assert [column.name for column in page.context["columns"]] == ["caller", "call_id"]
    assert "column=caller&column=call_id" in supervisor.get(CALLS).context["share_url"]


def test_each_condition_can_be_removed_from_the_filter(client_for, calls):
    page = client_for(SUPERVISORS).get(f"{CALLS}?status=MISSED&status=OTHER&circle=Delhi&column=caller")
    assert page.context["chips"] == [
        ("missed", f"{CALLS}?status=OTHER&circle=Delhi&column=caller"),
        ("other", f"{CALLS}?status=MISSED&circle=Delhi&column=caller"),
        ("Delhi", f"{CALLS}?status=MISSED&status=OTHER&column=caller"),
    ]


def test_a_view_is_saved_shared_renamed_and_deleted(client_for, calls):
    owner, other = client_for(SUPERVISORS), client_for(OFFICE_MANAGERS)
    sent = {"do": "save", "name": " Missed  here ", "query": "status=MISSED&column=caller&x=1"}
    response = owner.post(VIEWS, sent, follow=True)
    assert "The view “Missed here” is saved." in text_of(response)
    assert response.request["QUERY_STRING"] == "status=MISSED&column=caller"
    view = SavedView.objects.get()
    assert "Missed here" not in text_of(other.get(CALLS))
    owner.post(VIEWS, {"do": "share", "view": view.pk})
    assert "Missed here" in text_of(other.get(CALLS))
    for do in ("rename", "keep", "delete"):
        refused = other.post(VIEWS, {"do": do, "view": view.pk, "name": "Mine"}, follow=True)
        assert "not there any more" in text_of(refused)
    owner.post(VIEWS, {"do": "save", "name": "Second", "query": ""})
    taken = owner.post(VIEWS, {"do": "rename", "view": view.pk, "name": "Second"}, follow=True)
    assert "you have a view “Second” already" in text_of(taken)
    owner.post(VIEWS, {"do": "rename", "view": view.pk, "name": "First"})
    owner.post(VIEWS, {"do": "save", "name": "First", "query": "circle=Delhi"})
    assert [(each.name, each.query, each.shared) for each in SavedView.objects.all()] == [
        ("First", "circle=Delhi", False), ("Second", "", False),
    ]  # fmt: skip
    assert "deleted" in text_of(owner.post(VIEWS, {"do": "delete", "view": view.pk}, follow=True))
    assert "not there any more" in text_of(owner.post(VIEWS, {"do": "delete", "view": view.pk}, follow=True))


def test_a_view_without_a_usable_name_is_not_saved(client_for):
    supervisor = client_for(SUPERVISORS)
    for sent in ({}, {"name": " "}, {"name": "x" * 61}, {"name": "a\x00b"}):
        assert "a view needs a name" in text_of(supervisor.post(VIEWS, {"do": "save", **sent}, follow=True))
    assert not SavedView.objects.exists()


def test_a_shared_view_outlives_its_owner(client_for, calls):
    client_for(OFFICE_MANAGERS).post(
        VIEWS, {"do": "save", "name": "Kept", "query": "circle=Delhi", "shared": "1"}
    )
    User.objects.all().delete()
    page = text_of(client_for(SUPERVISORS).get(CALLS))
    assert "Kept" in page
    assert "of somebody who left" in page


def test_a_page_takes_at_most_twelve_queries(client_for, calls, django_assert_max_num_queries):
    OfficeHours.objects.create(day="Monday", opens_at=dt.time(9), closes_at=dt.time(18))
    Agent.objects.bulk_create(Agent(name=str(number), number=f"+9198001{number:05d}") for number in range(40))
    supervisor = client_for(SUPERVISORS)
    supervisor.get(CALLS)
    for query in ("", "period=7d", "office=in&circle=Delhi", "office=out&status=MISSED", "q=345678"):
        with django_assert_max_num_queries(12):
            supervisor.get(f"{CALLS}?{query}")


@pytest.mark.parametrize("query", ["", "&q=98", "&status=MISSED&period=7d", "&talk_from=5"])
def test_an_office_that_never_closes_has_no_calls_out_of_its_hours(client_for, calls, query):
    page = text_of(client_for(SUPERVISORS).get(f"{CALLS}?office=out{query}"))
    assert "No call fits" in page


def test_a_page_of_rare_calls_takes_few_queries(
    client_for, calls, monkeypatch, django_assert_max_num_queries
):
    """The walk finds nothing, so the index lookup follows."""
    OfficeHours.objects.create(day="Monday", opens_at=dt.time(9), closes_at=dt.time(18))
    for name in ("WALK", "EXTENDED_WALK"):
        monkeypatch.setattr(pagination, name, dict.fromkeys(("postgresql", "sqlite"), 1))
    load_by_index, lookups = pagination._load_by_index, []
    monkeypatch.setattr(
        pagination, "_load_by_index", lambda *given: lookups.append(1) or load_by_index(*given)
    )
    client = client_for(SUPERVISORS)
    for query in ("?office=out", "?office=out&talk_from=5&q=98"):
        client.get(CALLS + query)
        with django_assert_max_num_queries(12):
            assert client.get(CALLS + query).status_code == 200
    assert len(lookups) == 4


def test_estimated_counts_are_rounded():
    assert format_count(EstimatedCount(1, is_exact=True)) == "1 call"
    assert format_count(EstimatedCount(1234, is_exact=True)) == "1,234 calls"
    assert format_count(EstimatedCount(41_771, is_estimate=True)) == "about 42,000 calls"
    assert format_count(EstimatedCount(4_968_566, is_estimate=True)) == "about 5.0 million calls"
    assert format_count(EstimatedCount(10_000)) == "more than 10,000 calls"
    assert format_count(EstimatedCount()) == ""

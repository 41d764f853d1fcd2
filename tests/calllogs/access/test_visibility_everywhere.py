"""Property test: list, callback queue, files and search reveal exactly what the visibility allows."""

import datetime as dt

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calllogs.access.visibility import CallVisibility
from calllogs.callbacks import refresh
from calllogs.exports.columns import COLUMN_NAMES
from calllogs.models import CallLog, DepartmentLimit, MissedCaller
from ivrportal.common.phone import format_national, mask_partially
from tests.calllogs.exports.exporting import read_csv_rows, read_xlsx_rows

pytestmark = pytest.mark.django_db(transaction=True)
LIST, QUEUE = "/admin/calllogs/calllog/", "/admin/calllogs/missed/"
RIGHTS = ["view_calllog", "export_calls", "view_missedcaller", "change_missedcaller"]
DEPARTMENTS = ["Sales", "Billing", "-", ""]

mobiles = st.from_regex(r"\+919[0-2]0000[0-3][01]00", fullmatch=True)
others = st.sampled_from(
    ["", "anonymous", "+441632960961", "12345", "1234", "139", "090000100", "9100001200"]
)
calls = st.lists(
    st.tuples(mobiles | others, st.sampled_from(DEPARTMENTS), st.sampled_from(CallLog.Status.values)),
    max_size=8,
)
limits = st.none() | st.sets(st.sampled_from([*DEPARTMENTS, "Nobody"]), min_size=1)
# Search texts: whole numbers, their beginnings and ends, ids, and nothing.
searches = st.one_of(
    st.just(""),
    st.builds(lambda n, first, last: n[first:last], mobiles | others, st.integers(0, 5), st.integers(5, 13)),
    st.sampled_from(["C-0", "derived-0", "C-1-900000000", "98••• ••210", "9•|•00", "00", "100", "45"]),
)


def client_with(rights, limit):
    user = User.objects.create_user("somebody", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    DepartmentLimit.objects.bulk_create(DepartmentLimit(person=user, department=each) for each in limit or ())
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(user)
    return client


def create_calls(rows):
    for model in (CallLog, MissedCaller, User):
        model.objects.all().delete()
    now = timezone.now()
    for number, (caller, department, status) in enumerate(rows):
        digits = caller.removeprefix("+91")
        call_id = [f"C-{number}", f"C-{number}-{digits}", f"derived-{number}"][number % 3]
        CallLog.objects.create(
            call_id=call_id, caller=caller, department=department, status=status, recording_url="https://r.test/1",
            started_at=now - dt.timedelta(minutes=number), received_at=now, told_at=now, updated_at=now,
        )  # fmt: skip
    refresh.rebuild()
    return list(CallLog.objects.order_by("-started_at"))


def may_see(limit, department):
    """The rule, independently of the product: a limited user sees these departments, and no call without one."""
    return limit is None or (department in limit and department not in ("", "-"))


@settings(
    max_examples=15, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(calls, limits, st.booleans(), st.booleans(), searches)
def test_rows_and_numbers_are_those_that_the_visibility_allows(rows, limit, sees_numbers, may_download, q):
    every_call = create_calls(rows)
    rights = [
        *RIGHTS,
        *(["see_numbers"] if sees_numbers else []),
        *(["download_recording"] if may_download else []),
    ]
    client = client_with(rights, limit)
    seen = [call for call in every_call if may_see(limit, call.department)]
    shown = format_national if sees_numbers else mask_partially

    page = client.get(LIST, {"column": ["caller", "call_id"]}).context["rows"]
    assert [row["pk"] for row in page] == [call.pk for call in seen]
    assert [row["cells"][0][1] for row in page] == [shown(call.caller) or "–" for call in seen]

    _check_files(client, seen, sees_numbers=sees_numbers, may_download=may_download)
    _check_search(client, seen, q, sees_numbers=sees_numbers)

    waiting = [
        row for row in MissedCaller.objects.order_by("first_at", "pk") if may_see(limit, row.department)
    ]
    queue = client.get(QUEUE).context["queue"]
    assert [row.pk for row in queue.rows] == [row.pk for row in waiting]
    assert [row.caller for row in queue.rows] == [shown(row.caller) for row in waiting]
    assert [row.tel for row in queue.rows] == [row.caller if sees_numbers else "" for row in waiting]
    assert queue.count == len(waiting)


def _check_files(client, seen, *, sees_numbers, may_download):
    visibility = CallVisibility(sees_numbers)
    for file_format, read in (("csv", read_csv_rows), ("xlsx", read_xlsx_rows)):
        answer = client.post(f"{LIST}export/", {"format": file_format})
        rows = [dict(zip(COLUMN_NAMES, row, strict=True)) for row in read(b"".join(answer.streaming_content))]
        assert [row["department"] or "" for row in rows] == [
            "'" + call.department if call.department == "-" else call.department for call in seen
        ]
        numbers = [call.caller if sees_numbers else mask_partially(call.caller) for call in seen]
        assert [(row["caller"] or "").lstrip("'") for row in rows] == numbers
        assert [row["call_id"] for row in rows] == [
            visibility.mask_call_id(call.call_id, call.caller) for call in seen
        ]
        url = "https://r.test/1" if sees_numbers and may_download else None
        assert {row["recording_url"] for row in rows} <= {url}


def _check_search(client, seen, q, *, sees_numbers):
    """A search finds all or none of the calls with equally masked numbers, so it reveals no hidden digits."""
    found = {row["pk"] for row in client.get(LIST, {"q": q}).context["rows"]}
    assert found <= {call.pk for call in seen}
    if sees_numbers or not q:
        return
    visibility = CallVisibility(False)
    by_id = {
        call.pk
        for call in seen
        if call.call_id == q.strip() == visibility.mask_call_id(call.call_id, call.caller)
    }
    by_mask = {}
    for call in seen:
        if call.pk not in by_id:
            by_mask.setdefault(mask_partially(call.caller), set()).add(call.pk in found)
    assert all(len(results) == 1 for results in by_mask.values()), (q, by_mask)
    assert by_id <= found

"""What a person may see of calls."""

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from calllogs.access.visibility import EVERYTHING, CallVisibility, require_unlimited, visibility_for
from calllogs.models import CallLog, DepartmentLimit
from ivrportal.accounts import roles
from ivrportal.common.phone import mask_partially
from tests.conftest import make_user

NOW = dt.datetime(2026, 11, 8, 10, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+919812345210", "98••• ••210"),
        ("+441632960961", "+4••••••••961"),
        ("12345", "•••45"),
        ("199", "•••"),
        ("", ""),
    ],
)
def test_a_hidden_number_keeps_its_ends_only(number, shown):
    assert mask_partially(number) == shown
    assert CallVisibility(sees_numbers=False).number(number) == shown


def test_roles_see_what_they_need(db):
    assert visibility_for(make_user("admin", None)) == EVERYTHING
    assert visibility_for(make_user("s", roles.SUPERVISORS)).sees_numbers
    assert visibility_for(make_user("a", roles.ADMINISTRATORS)).sees_numbers
    assert not visibility_for(make_user("m", roles.OFFICE_MANAGERS)).sees_numbers
    assert not visibility_for(make_user("d", roles.AUDITORS)).sees_numbers


def test_who_is_limited_sees_no_other_department_and_no_call_without_one(db, django_assert_num_queries):
    for department in ("Sales", "Billing", ""):
        moments = dict.fromkeys(["started_at", "received_at", "told_at", "updated_at"], NOW)
        CallLog.objects.create(call_id=department or "none", department=department, **moments)
    person = make_user("s", roles.SUPERVISORS)
    assert visibility_for(person).calls().count() == 3
    DepartmentLimit.objects.create(person=person, department="Sales")
    person = User.objects.get(pk=person.pk)  # as the next request has it
    sight = visibility_for(person)
    assert [call.call_id for call in sight.calls()] == ["Sales"]
    assert sight.covers("Sales")
    assert not sight.covers("")
    assert sight.among(["Billing", "Sales"]) == ["Sales"]
    with django_assert_num_queries(0):
        assert visibility_for(person) is sight
    with pytest.raises(PermissionDenied):
        require_unlimited(person)

"""What a user may see of calls."""

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
def test_a_masked_number_keeps_only_its_ends(number, shown):
    assert mask_partially(number) == shown
    assert CallVisibility(sees_numbers=False).format_number(number) == shown


def test_which_roles_see_whole_numbers(db):
    assert visibility_for(make_user("admin", None)) == EVERYTHING
    assert visibility_for(make_user("s", roles.SUPERVISORS)).sees_numbers
    assert visibility_for(make_user("a", roles.ADMINISTRATORS)).sees_numbers
    assert not visibility_for(make_user("m", roles.OFFICE_MANAGERS)).sees_numbers
    assert not visibility_for(make_user("d", roles.AUDITORS)).sees_numbers


def test_a_limited_user_sees_only_calls_of_their_departments(db, django_assert_num_queries):
    for department in ("Sales", "Billing", ""):
        moments = dict.fromkeys(["started_at", "received_at", "told_at", "updated_at"], NOW)
        CallLog.objects.create(call_id=department or "none", department=department, **moments)
    user = make_user("s", roles.SUPERVISORS)
    assert visibility_for(user).calls().count() == 3
    DepartmentLimit.objects.create(person=user, department="Sales")
    user = User.objects.get(pk=user.pk)  # without the cache, as in the next request
    visibility = visibility_for(user)
    assert [call.call_id for call in visibility.calls()] == ["Sales"]
    assert visibility.covers("Sales")
    assert not visibility.covers("")
    assert visibility.filter_departments(["Billing", "Sales"]) == ["Sales"]
    with django_assert_num_queries(0):
        assert visibility_for(user) is visibility
    with pytest.raises(PermissionDenied):
        require_unlimited(user)

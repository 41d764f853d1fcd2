"""Filters restricted to what a user may see."""

import pytest
from django.http import QueryDict

from calllogs.access.visibility import EVERYTHING, CallVisibility
from calllogs.calls import search, visible_filter
from calllogs.calls.filters import CallFilter, from_query

SALES = CallVisibility(True, frozenset({"Sales"}))
HALF = CallVisibility(False)


def test_full_visibility_leaves_the_filter_unchanged():
    call_filter = CallFilter(q="9812345210", departments=("Sales",))
    assert visible_filter.visible_filter_for(call_filter, EVERYTHING) == call_filter
    assert visible_filter.visible_filter_for(CallFilter(), HALF) == CallFilter()
    assert visible_filter.visibility_notices(call_filter, EVERYTHING) == []


@pytest.mark.parametrize(
    ("selected", "expected", "notice"),
    [
        ((), ("Sales",), ""),
        (("Sales",), ("Sales",), ""),
        (("Sales", "Billing"), ("Sales",), "the other departments of the filter are left out"),
        (("Billing",), (visible_filter.NO_DEPARTMENT,), "asks for other ones, so no call fits"),
        (("-",), (visible_filter.NO_DEPARTMENT,), "asks for other ones, so no call fits"),
    ],
)
def test_departments_are_the_intersection(selected, expected, notice):
    call_filter = CallFilter(departments=selected)
    assert visible_filter.visible_filter_for(call_filter, SALES).departments == expected
    assert notice in " ".join(visible_filter.visibility_notices(call_filter, SALES))


def test_a_limit_to_nothing_finds_nothing():
    for limits in (frozenset(), frozenset({"-"}), frozenset({""})):
        assert visible_filter.visible_filter_for(CallFilter(), CallVisibility(True, limits)).departments == (
            visible_filter.NO_DEPARTMENT,
        )


@pytest.mark.parametrize(
    ("typed", "shown", "notice"),
    [
        ("9812345210", "98••• ••210", "begin with 98 and end in 210"),
        ("+91 98123", "98•", "begin with 98"),
        ("45210", "45•|•210", "begin with 45 or end in 210"),
        ("210", "•210", "end in 210"),
        ("98", "98•|•98", ""),
        ("98••• ••210", "98••• ••210", ""),
        ("C-1", "C-1", ""),
    ],
)
def test_a_search_is_masked_with_a_notice(typed, shown, notice):
    assert search.mask_search(typed) == shown
    assert search.mask_search(shown) == shown
    assert notice in " ".join(visible_filter.visibility_notices(CallFilter(q=typed), HALF))
    assert bool(visible_filter.visibility_notices(CallFilter(q=typed), HALF)) is bool(notice)


def test_the_search_of_another_user_is_masked():
    assert visible_filter.for_viewer(from_query(QueryDict("q=9812345210")), HALF).q == "98••• ••210"
    text = visible_filter.for_viewer_text("missed, “98123452”", "status=MISSED&q=98123452", HALF)
    assert text == "missed, “98•|•452”"
    assert visible_filter.for_viewer_text("“98123452”", "q=98123452", EVERYTHING) == "“98123452”"

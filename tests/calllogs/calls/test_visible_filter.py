"""A filter, narrowed to what a person may see."""

import pytest
from django.http import QueryDict

from calllogs.access.visibility import EVERYTHING, CallVisibility
from calllogs.calls import search, visible_filter
from calllogs.calls.filters import CallFilter, from_query

SALES = CallVisibility(True, frozenset({"Sales"}))
HALF = CallVisibility(False)


def test_who_sees_everything_asks_the_very_filter():
    wanted = CallFilter(q="9812345210", departments=("Sales",))
    assert visible_filter.visible_filter_for(wanted, EVERYTHING) == wanted
    assert visible_filter.visible_filter_for(CallFilter(), HALF) == CallFilter()
    assert visible_filter.visibility_notices(wanted, EVERYTHING) == []


@pytest.mark.parametrize(
    ("chosen", "left", "told"),
    [
        ((), ("Sales",), ""),
        (("Sales",), ("Sales",), ""),
        (("Sales", "Billing"), ("Sales",), "the other departments of the filter are left out"),
        (("Billing",), (visible_filter.NOWHERE,), "asks for other ones, so no call fits"),
        (("-",), (visible_filter.NOWHERE,), "asks for other ones, so no call fits"),
    ],
)
def test_departments_are_those_of_both(chosen, left, told):
    wanted = CallFilter(departments=chosen)
    assert visible_filter.visible_filter_for(wanted, SALES).departments == left
    assert told in " ".join(visible_filter.visibility_notices(wanted, SALES))


def test_a_limit_to_nothing_finds_nothing():
    for limits in (frozenset(), frozenset({"-"}), frozenset({""})):
        assert visible_filter.visible_filter_for(CallFilter(), CallVisibility(True, limits)).departments == (
            visible_filter.NOWHERE,
        )


@pytest.mark.parametrize(
    ("typed", "shown", "told"),
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
def test_a_search_says_what_it_is_shortened_to(typed, shown, told):
    assert search.shortened(typed) == shown
    assert search.shortened(shown) == shown
    assert told in " ".join(visible_filter.visibility_notices(CallFilter(q=typed), HALF))
    assert bool(visible_filter.visibility_notices(CallFilter(q=typed), HALF)) is bool(told)


def test_what_others_looked_for_is_shown_shortened():
    assert visible_filter.for_viewer(from_query(QueryDict("q=9812345210")), HALF).q == "98••• ••210"
    words = visible_filter.for_viewer_text("missed, “98123452”", "status=MISSED&q=98123452", HALF)
    assert words == "missed, “98•|•452”"
    assert visible_filter.for_viewer_text("“98123452”", "q=98123452", EVERYTHING) == "“98123452”"

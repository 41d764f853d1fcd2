"""Restrict a call filter to what a user may see.

All queries for calls use `visible_filter_for`, so pages, counts and files need no rules of their own. Descriptions and
URLs keep the filter as the user chose it.
"""

from dataclasses import replace

from django.http import QueryDict
from django.utils.translation import gettext as _

from calllogs.access.visibility import CallVisibility
from calllogs.calls import search as number_search
from calllogs.calls.filters import NO_VALUE, CallFilter, from_query

NO_DEPARTMENT = "\x1f"  # matches no call: the push parser never stores this character


def visible_filter_for(call_filter: CallFilter, visibility: CallVisibility) -> CallFilter:
    """Return the filter for queries: the user's departments only, and a search by visible digits only."""
    return replace(
        call_filter,
        departments=_visible_departments(call_filter, visibility),
        # Set only with a search, so that equal filters stay equal.
        hides_numbers=bool(call_filter.q) and not visibility.sees_numbers,
    )


def _visible_departments(call_filter: CallFilter, visibility: CallVisibility) -> tuple[str, ...]:
    if visibility.departments is None:
        return call_filter.departments
    visible = visibility.departments - {"", NO_VALUE}
    chosen = (
        [each for each in call_filter.departments if each in visible]
        if call_filter.departments
        else sorted(visible)
    )
    return tuple(chosen) or (NO_DEPARTMENT,)


def visibility_notices(call_filter: CallFilter, visibility: CallVisibility) -> list[str]:
    """Return a sentence for each part of the filter that the user's visibility restricts."""
    notices = []
    if visibility.departments is not None and any(
        not visibility.covers(each) for each in call_filter.departments
    ):
        if visible_filter_for(call_filter, visibility).departments == (NO_DEPARTMENT,):
            text = _("You may see calls of %(seen)s only; the filter asks for other ones, so no call fits.")
        else:
            text = _("You may see calls of %(seen)s only; the other departments of the filter are left out.")
        notices.append(text % {"seen": format_departments(visibility)})
    if call_filter.q and not visibility.sees_numbers and (text := masked_search_notice(call_filter.q)):
        notices.append(text)
    return notices


def masked_search_notice(text: str) -> str:
    """Say which visible digits the search uses; empty if it uses no hidden ones, or is not a number."""
    if number_search.DOT in text or sum(char.isdigit() for char in text) < 3:
        return ""
    masks = number_search.parse_masks(text)
    begin = [mask.first for mask in masks if mask.first]
    end = [mask.last for mask in masks if mask.last]
    digits = {"first": _(" or ").join(begin), "last": _(" or ").join(end)}
    if not masks:
        return ""
    if len(masks) == 1 and begin and end:
        numbers = _("numbers that begin with %(first)s and end in %(last)s")
    elif begin and end:
        numbers = _("numbers that begin with %(first)s or end in %(last)s")
    elif end:
        numbers = _("numbers that end in %(last)s")
    else:
        numbers = _("numbers that begin with %(first)s")
    return _(
        "You see the first two and the last three digits of a number, so the search finds %(numbers)s."
    ) % {"numbers": numbers % digits}


def format_departments(visibility: CallVisibility) -> str:
    """`Billing and Sales`: the departments of a limited user."""
    visible = sorted(visibility.departments or ())
    if not visible:
        return _("no department")
    *others, last = visible
    return _("%(others)s and %(last)s") % {"others": ", ".join(others), "last": last} if others else last


def for_viewer(call_filter: CallFilter, visibility: CallVisibility) -> CallFilter:
    """Mask another user's filter (of a view or an export) for this viewer."""
    return (
        call_filter
        if visibility.sees_numbers or not call_filter.q
        else replace(call_filter, q=number_search.mask_search(call_filter.q))
    )


def for_viewer_text(text: str, query: str, visibility: CallVisibility) -> str:
    """Mask the stored description of another user's filter; it contains the search text."""
    if visibility.sees_numbers:
        return text
    search = from_query(QueryDict(query)).q
    return visibility.mask_text(text.replace(search, number_search.mask_search(search)) if search else text)


def describe_scope(text: str, visibility: CallVisibility) -> str:
    """Describe an export for the record: the filter's description and the user's department limits."""
    if visibility.departments is None:
        return text
    return _("%(words)s (only of %(seen)s)") % {"words": text, "seen": format_departments(visibility)}

"""A filter, narrowed to what a person may see of calls.

Whatever asks for calls asks with `narrowed`: pages, counts and files then need no rule of their own. Words and
addresses keep the filter as the person chose it.
"""

from dataclasses import replace

from django.http import QueryDict
from django.utils.translation import gettext as _

from calllogs.access.visibility import CallVisibility
from calllogs.calls import search as number_search
from calllogs.calls.filters import NOTHING, CallFilter, from_query

NOWHERE = "\x1f"  # a department of no call: the parser keeps no such sign


def visible_filter_for(wanted: CallFilter, sight: CallVisibility) -> CallFilter:
    """For queries: of the person's departments only, and searching by what the person sees of numbers."""
    return replace(
        wanted,
        departments=_departments(wanted, sight),
        # Without a search it makes no difference: equal filters stay equal.
        hides_numbers=bool(wanted.q) and not sight.sees_numbers,
    )


def _departments(wanted: CallFilter, sight: CallVisibility) -> tuple[str, ...]:
    if sight.departments is None:
        return wanted.departments
    seen = sight.departments - {"", NOTHING}
    chosen = [each for each in wanted.departments if each in seen] if wanted.departments else sorted(seen)
    return tuple(chosen) or (NOWHERE,)


def visibility_notices(wanted: CallFilter, sight: CallVisibility) -> list[str]:
    """A sentence for each thing that the person chose and gets less of."""
    sentences = []
    if sight.departments is not None and any(not sight.covers(each) for each in wanted.departments):
        if visible_filter_for(wanted, sight).departments == (NOWHERE,):
            words = _("You may see calls of %(seen)s only; the filter asks for other ones, so no call fits.")
        else:
            words = _("You may see calls of %(seen)s only; the other departments of the filter are left out.")
        sentences.append(words % {"seen": departments_words(sight)})
    if wanted.q and not sight.sees_numbers and (words := search_words(wanted.q)):
        sentences.append(words)
    return sentences


def search_words(text: str) -> str:
    """For a person who sees half numbers: empty if the search says no more than is seen, or is none for a number."""
    if number_search.DOT in text or sum(sign.isdigit() for sign in text) < 3:
        return ""
    looks = number_search.masks(text)
    begin = [look.first for look in looks if look.first]
    end = [look.last for look in looks if look.last]
    said = {"first": _(" or ").join(begin), "last": _(" or ").join(end)}
    if not looks:
        return ""
    if len(looks) == 1 and begin and end:
        words = _("numbers that begin with %(first)s and end in %(last)s")
    elif begin and end:
        words = _("numbers that begin with %(first)s or end in %(last)s")
    elif end:
        words = _("numbers that end in %(last)s")
    else:
        words = _("numbers that begin with %(first)s")
    return _(
        "You see the first two and the last three digits of a number, so the search finds %(numbers)s."
    ) % {"numbers": words % said}


def departments_words(sight: CallVisibility) -> str:
    """`Billing and Sales`; for who is limited."""
    seen = sorted(sight.departments or ())
    if not seen:
        return _("no department")
    *others, last = seen
    return _("%(others)s and %(last)s") % {"others": ", ".join(others), "last": last} if others else last


def for_viewer(wanted: CallFilter, sight: CallVisibility) -> CallFilter:
    """What another person chose, for this one to read: a view or an export."""
    return (
        wanted if sight.sees_numbers or not wanted.q else replace(wanted, q=number_search.shortened(wanted.q))
    )


def for_viewer_text(words: str, query: str, sight: CallVisibility) -> str:
    """The words of another person's filter, which were written down with the search in them."""
    if sight.sees_numbers:
        return words
    search = from_query(QueryDict(query)).q
    return sight.text(words.replace(search, number_search.shortened(search)) if search else words)


def scope_words(words: str, sight: CallVisibility) -> str:
    """What stands on record about an export: the filter's words, and the limits of the person."""
    if sight.departments is None:
        return words
    return _("%(words)s (only of %(seen)s)") % {"words": words, "seen": departments_words(sight)}

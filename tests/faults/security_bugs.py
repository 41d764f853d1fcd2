"""Deliberate security bugs, and for each the test that must find it. Nothing of this is in the product.

As a plugin of pytest (`-p tests.faults.security_bugs`) it plants the bug that `FAULT_BUG` names before the tests run.
"""

import os
from collections.abc import Callable
from typing import Any

SECURITY = "tests/ivrportal/web/test_security.py"
PAGES = "tests/ivrportal/web/test_pages.py"
ERASING = "tests/calllogs/privacy/test_erasure_jobs.py"
FETCHING = "tests/calllogs/recordings/test_fetch.py"
SIGHT = "tests/calllogs/access/test_visibility_pages.py"


def recordings_for_all() -> None:
    """Who may see a call hears it as well."""
    from calllogs.recordings import admin

    admin._must_be_allowed = lambda request: None


def redirects_unchecked() -> None:
    """Only the first address of a recording is checked; where it redirects to is not."""
    from calllogs.recordings import url_policy

    resolved = url_policy.resolved
    asked: list[str] = []

    def trusting(place: Any, *, allowed: Any = (), within_s: float) -> str:
        asked.append(place.url)
        if len(asked) % 2:
            return resolved(place, allowed=allowed, within_s=within_s)
        return url_policy._ask(place, within_s=within_s)[0]

    url_policy.resolved = trusting


def back_is_believed() -> None:
    """The page that was left leads back to wherever its form says."""
    from calllogs.alarms import views

    views.url_has_allowed_host_and_scheme = lambda url, hosts, **rest: True


def inline_scripts_allowed() -> None:
    """The policy of pages lets scripts run that stand in the page."""
    from django.conf import settings

    settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["script-src"].append("'unsafe-inline'")


def strangers_words_are_safe() -> None:
    """What the provider sent is put into the list of calls as it came, tags and all."""
    from django.utils.safestring import mark_safe

    from calllogs.calls import columns

    cells = columns.rows

    def trusting(*given: Any, **more: Any) -> Any:
        rows = cells(*given, **more)
        return [
            {**row, "cells": [(column, mark_safe(text)) for column, text in row["cells"]]} for row in rows
        ]

    columns.rows = trusting


def direction_turned() -> None:
    """Signs that turn the direction of writing are written into pages."""
    from ivrportal.common import invisible_characters

    invisible_characters.shown = lambda text: text


def cookies_for_everybody() -> None:
    """The session's cookie travels without TLS too. Planted into the environment of a portal of production."""
    from tests.ivrportal.web import test_security

    test_security.ASKED = test_security.ASKED.replace(
        "import json\n",
        "import json\nfrom django.conf import settings\nsettings.SESSION_COOKIE_SECURE = False\n",
        1,
    )


def spool_forgotten() -> None:
    """An erasure does not look at what waits on the disk, and the drain does not know who was erased."""
    from collections import Counter

    from calllogs.intake import replay
    from calllogs.privacy import file_erasure

    file_erasure.bring_in_the_spool = Counter
    replay.without_erased = list


def late_pushes_believed() -> None:
    """Nobody watches what comes after an erasure."""
    from calllogs.privacy import late_pushes

    late_pushes._forget_again = lambda ids: None


def anybody_erases() -> None:
    """The page that erases asks nobody who they are."""
    from calllogs.privacy import erasure_views

    erasure_views._must_be_allowed = lambda request: None


def numbers_for_everybody() -> None:
    """Who may not see whole numbers reads them all the same."""
    from calllogs.access import visibility

    visibility.half_hidden = visibility.for_people


def departments_for_everybody() -> None:
    """Who is limited to a department finds the calls of all."""
    from django.db.models import Q

    from calllogs.access.visibility import CallVisibility

    CallVisibility.condition = lambda self, field="department": Q()


def guesses_without_end() -> None:
    """Wrong passwords are not counted."""
    from ivrportal.accounts.login_throttle import Handler

    Handler.get_failures = lambda self, request, credentials=None: 0


def password_is_enough() -> None:
    """Who has a second factor is not asked for it."""
    from ivrportal.accounts import second_factor

    second_factor.device_of = lambda person: None


def changed_entries_hold() -> None:
    """The audit trail is verified by what stands in it."""
    from ivrportal.audit import audit_log

    audit_log._chained = lambda entry, before, key: entry.digest


def looks_unrecorded() -> None:
    """Who looks at the list of calls leaves no entry."""
    from types import SimpleNamespace

    from calllogs.calls import list_view

    list_view.audit = SimpleNamespace(record=lambda *given, **more: None)


# The bug, and the test that finds it.
BUGS: dict[str, tuple[Callable[[], None], str]] = {
    "recordings for all": (
        recordings_for_all,
        "tests/calllogs/recordings/test_playback.py::test_office_managers_do_not_listen_and_strangers_see_the_login",
    ),
    "redirects unchecked": (redirects_unchecked, f"{FETCHING}::test_every_redirect_is_checked_as_the_first"),
    "back is believed": (back_is_believed, f"{SECURITY}::test_no_address_leads_out_of_the_portal"),
    "inline scripts allowed": (
        inline_scripts_allowed,
        f"{PAGES}::test_no_page_has_anything_inline_and_every_page_has_the_headers",
    ),
    "strangers' words are safe": (
        strangers_words_are_safe,
        f"{PAGES}::test_a_strangers_words_are_plain_text_on_every_page_of_a_call",
    ),
    "direction turned": (direction_turned, f"{PAGES}::test_no_page_of_a_call_turns_the_direction_of_writing"),
    "cookies for everybody": (cookies_for_everybody, f"{SECURITY}::test_cookies_are_bound_to_the_host"),
    "spool forgotten": (
        spool_forgotten,
        f"{ERASING}::test_a_push_that_lay_in_the_spool_brings_no_number_back",
    ),
    "late pushes believed": (
        late_pushes_believed,
        f"{ERASING}::test_a_late_repeat_of_an_erased_call_brings_no_number_back",
    ),
    "anybody erases": (
        anybody_erases,
        "tests/calllogs/privacy/test_erasure_views.py::test_only_administrators_erase",
    ),
    "numbers for everybody": (
        numbers_for_everybody,
        f"{SIGHT}::test_who_sees_no_numbers_finds_none_in_any_answer",
    ),
    "departments for everybody": (
        departments_for_everybody,
        f"{SIGHT}::test_who_is_limited_finds_other_departments_nowhere",
    ),
    "guesses without end": (
        guesses_without_end,
        "tests/ivrportal/accounts/test_login_throttle.py::test_five_failures_lock_the_account_at_this_address_with_a_sentence",
    ),
    "password is enough": (
        password_is_enough,
        "tests/ivrportal/accounts/test_second_factor.py::test_with_the_password_alone_no_page_gives_anything",
    ),
    "changed entries hold": (
        changed_entries_hold,
        "tests/ivrportal/audit/test_audit_log.py::test_tampering_shows",
    ),
    "looks unrecorded": (
        looks_unrecorded,
        "tests/ivrportal/audit/test_every_action.py::test_what_tells_of_callers_is_an_entry_that_holds_their_digests",
    ),
}


def pytest_collection_finish(session: Any) -> None:
    # After everything is imported: the rooms have each other's functions by then, as a real bug of theirs would.
    if name := os.environ.get("FAULT_BUG"):
        BUGS[name][0]()

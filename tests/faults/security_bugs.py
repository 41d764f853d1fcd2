"""Deliberate security bugs, each with the test that must detect it. The product does not use this module.

As a pytest plugin (`-p tests.faults.security_bugs`) it plants the bug that `FAULT_BUG` names before the tests run.
"""

import os
from collections.abc import Callable
from typing import Any

SECURITY = "tests/ivrportal/web/test_security.py"
PAGES = "tests/ivrportal/web/test_pages.py"
ERASING = "tests/calllogs/privacy/test_erasure_jobs.py"
FETCHING = "tests/calllogs/recordings/test_fetch.py"
VISIBILITY = "tests/calllogs/access/test_visibility_pages.py"


def recordings_for_all() -> None:
    """Any user who may see a call may also play its recording."""
    from calllogs.recordings import admin

    admin._require_listen_permission = lambda request: None


def redirects_unchecked() -> None:
    """Only the first URL of a recording is checked; its redirect targets are not."""
    from calllogs.recordings import url_policy

    resolve_host = url_policy.resolve_host
    requested: list[str] = []

    def resolve_every_other(url: Any, *, allowed: Any = (), timeout_s: float) -> str:
        requested.append(url.url)
        if len(requested) % 2:
            return resolve_host(url, allowed=allowed, timeout_s=timeout_s)
        return url_policy._look_up_host(url, timeout_s=timeout_s)[0]

    url_policy.resolve_host = resolve_every_other


def back_is_believed() -> None:
    """The URL to return to is taken from the form without a check."""
    from calllogs.alarms import views

    views.url_has_allowed_host_and_scheme = lambda url, hosts, **rest: True


def inline_scripts_allowed() -> None:
    """The Content-Security-Policy allows inline scripts."""
    from django.conf import settings

    settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["script-src"].append("'unsafe-inline'")


def strangers_words_are_safe() -> None:
    """The call list renders provider text unescaped."""
    from django.utils.safestring import mark_safe

    from calllogs.calls import columns

    build_rows = columns.build_rows

    def build_unescaped_rows(*args: Any, **kwargs: Any) -> Any:
        rows = build_rows(*args, **kwargs)
        return [
            {**row, "cells": [(column, mark_safe(text)) for column, text in row["cells"]]} for row in rows
        ]

    columns.build_rows = build_unescaped_rows


def direction_turned() -> None:
    """Characters that change the writing direction reach the pages unmarked."""
    from ivrportal.common import invisible_characters

    invisible_characters.make_visible = lambda text: text


def cookies_for_everybody() -> None:
    """The session cookie is also sent without TLS. Planted in the script that runs with production settings."""
    from tests.ivrportal.web import test_security

    test_security.ASKED = test_security.ASKED.replace(
        "import json\n",
        "import json\nfrom django.conf import settings\nsettings.SESSION_COOKIE_SECURE = False\n",
        1,
    )


def spool_forgotten() -> None:
    """An erasure ignores the spool, and the drain does not drop the pushes of erased callers."""
    from collections import Counter

    from calllogs.intake import replay
    from calllogs.privacy import file_erasure

    file_erasure.drain_spool = Counter
    replay.drop_erased = list


def late_pushes_believed() -> None:
    """Pushes that arrive after an erasure are not erased."""
    from calllogs.privacy import late_pushes

    late_pushes._erase_late_calls = lambda ids: None


def anybody_erases() -> None:
    """The erasure page requires no permission."""
    from calllogs.privacy import erasure_views

    erasure_views._require_permission = lambda request: None


def numbers_for_everybody() -> None:
    """Users without permission for full numbers see them unmasked."""
    from calllogs.access import visibility

    visibility.mask_partially = visibility.format_national


def departments_for_everybody() -> None:
    """Users limited to a department find the calls of all departments."""
    from django.db.models import Q

    from calllogs.access.visibility import CallVisibility

    CallVisibility.condition = lambda self, field="department": Q()


def guesses_without_end() -> None:
    """Failed logins are not counted."""
    from ivrportal.accounts.login_throttle import Handler

    Handler.get_failures = lambda self, request, credentials=None: 0


def password_is_enough() -> None:
    """Users with a second factor sign in with the password alone."""
    from ivrportal.accounts import second_factor

    second_factor.device_of = lambda user: None


def changed_entries_hold() -> None:
    """The audit log is verified against the digests that it stores itself."""
    from ivrportal.audit import audit_log

    audit_log._chain_digest = lambda entry, before, key: entry.digest


def looks_unrecorded() -> None:
    """Viewing the call list writes no audit entry."""
    from types import SimpleNamespace

    from calllogs.calls import list_view

    list_view.audit_log = SimpleNamespace(record=lambda *args, **kwargs: None)


# By name: the function that plants the bug, and the test that must detect it.
BUGS: dict[str, tuple[Callable[[], None], str]] = {
    "recordings for all": (
        recordings_for_all,
        "tests/calllogs/recordings/test_playback.py::test_only_permitted_users_can_listen",
    ),
    "redirects unchecked": (
        redirects_unchecked,
        f"{FETCHING}::test_every_redirect_is_checked_like_the_first_url",
    ),
    "back is believed": (back_is_believed, f"{SECURITY}::test_no_address_leads_out_of_the_portal"),
    "inline scripts allowed": (
        inline_scripts_allowed,
        f"{PAGES}::test_no_page_has_anything_inline_and_every_page_has_the_headers",
    ),
    "strangers' words are safe": (
        strangers_words_are_safe,
        f"{PAGES}::test_texts_from_outside_are_escaped_on_every_page_of_a_call",
    ),
    "direction turned": (direction_turned, f"{PAGES}::test_no_page_of_a_call_turns_the_direction_of_writing"),
    "cookies for everybody": (cookies_for_everybody, f"{SECURITY}::test_cookies_are_bound_to_the_host"),
    "spool forgotten": (
        spool_forgotten,
        f"{ERASING}::test_a_push_from_the_spool_brings_no_number_back",
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
        f"{VISIBILITY}::test_masked_users_find_no_number_in_any_response",
    ),
    "departments for everybody": (
        departments_for_everybody,
        f"{VISIBILITY}::test_limited_users_find_other_departments_nowhere",
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
        "tests/ivrportal/audit/test_every_action.py::test_a_view_of_callers_is_recorded_with_their_digests",
    ),
}


def pytest_collection_finish(session: Any) -> None:
    # After all imports: names that modules imported from each other keep the original function.
    if name := os.environ.get("FAULT_BUG"):
        BUGS[name][0]()

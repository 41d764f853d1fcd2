"""Limits of a session's length, and its end when the second factor changes.

- A session ends SESSION_COOKIE_AGE (12 hours) after login.
- It ends after SESSION_IDLE_MINUTES without a click. Polling by an open page is no click.
- The wall board is exempt from the idle limit: nobody clicks there, and it shows masked numbers only.
- Once a minute the session is checked against the user's second factor, which may have been reset or become required.

All times are kept in the session, so that most requests need no extra query.
"""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from ivrportal.accounts import second_factor

SEEN, CHECKED, FACTOR = "seen_at", "checked_at", "factor"
WRITE_INTERVAL_S = 60  # a session is written and checked at most this often
BOARD = "board"
# URL names that open pages poll. A request to any other page counts as a click and extends the session.
POLLING_URL_NAMES = {
    BOARD,
    "provider_live",
    "calllogs_export_news",
    "calllogs_export_progress",
    "calllogs_report_runs",
    "calllogs_erasure_progress",
    "connect_pushes",
    "calllogs_missed",
    "agent_look",
}


def start(request: HttpRequest, **_: Any) -> None:
    """Runs after every login."""
    now = time.time()
    request.session.update({SEEN: now, CHECKED: now, FACTOR: 0})
    request.session.set_expiry(timezone.now() + dt.timedelta(seconds=settings.SESSION_COOKIE_AGE))


def set_device(request: HttpRequest, device: int) -> None:
    """`device` is the primary key of the phone used at login or just set up; 0 is none."""
    request.session.update({FACTOR: device, CHECKED: time.time()})


class SessionLimits:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        """Ends a session that is over, so that the view sees an anonymous user."""
        has_cookie = settings.SESSION_COOKIE_NAME in request.COOKIES  # machines have none: load no session
        if not has_cookie or SESSION_KEY not in request.session:
            return
        now = time.time()
        name, is_polling = _url_name_and_polling(request)
        is_idle = _is_idle(request, now)
        if is_idle and name != BOARD:
            _end_session(request, _idle_message())
            return
        if now - request.session.get(CHECKED, 0) >= WRITE_INTERVAL_S:
            if reason := _reason_to_end(request):
                _end_session(request, reason)
                return
            request.session[CHECKED] = now
        if not is_idle and not is_polling and now - request.session.get(SEEN, 0) >= WRITE_INTERVAL_S:
            request.session[SEEN] = now


def _url_name_and_polling(request: HttpRequest) -> tuple[str, bool]:
    match = request.resolver_match
    name = (match.url_name if match else "") or ""
    is_whole_page = request.headers.get("Sec-Fetch-Mode") == "navigate"
    return name, name in POLLING_URL_NAMES and request.method == "GET" and not is_whole_page


def _is_idle(request: HttpRequest, now: float) -> bool:
    limit = settings.SESSION_IDLE_MINUTES * 60
    return 0 < limit <= now - request.session.get(SEEN, now)


def _reason_to_end(request: HttpRequest) -> str:
    """The message why the session must end; empty if it may continue. One or two queries."""
    person: Any = request.user
    if not person.is_authenticated:
        return ""
    device = second_factor.device_of(person)
    if device is not None and device.pk == request.session.get(FACTOR):
        return ""
    if device is not None:
        return _("Your second factor has changed: please sign in again.")
    if request.session.get(FACTOR):
        return _("Your second factor was removed: please sign in again.")
    if second_factor.is_required_for(person):
        return _("Your role asks for a second factor: please sign in again to set it up.")
    return ""


def _idle_message() -> str:
    return _("You were signed out after %(n)d minutes without a click.") % {
        "n": settings.SESSION_IDLE_MINUTES
    }


def _end_session(request: HttpRequest, reason: str) -> None:
    logout(request)
    messages.info(request, reason)

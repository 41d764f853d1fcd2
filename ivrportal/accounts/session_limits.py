"""How long a session lasts, and that it ends when its second factor is gone.

- 12 hours after signing in it ends, whatever is done (SESSION_COOKIE_AGE, from the sign-in on).
- SESSION_IDLE_MINUTES without a click end it. What an open page asks by itself is no click: it keeps nothing alive.
- The wall board goes on until the 12 hours are over: it hangs on a wall, nobody clicks there, its numbers are hidden.
- Once a minute a session is compared with what its person owes: a phone that was reset, or a role that asks for one.

All of it is kept in the session itself, so a request asks the database nothing that it did not ask anyway.
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
STEP_S = 60  # a session is written at most this often
BOARD = "board"
# What open pages ask for by themselves. A name that is missing here counts as a click: the session lives longer.
BY_ITSELF = {
    BOARD,
    "provider_live",
    "calllogs_export_news",
    "calllogs_export_progress",
    "calllogs_report_runs",
    "connect_pushes",
    "calllogs_missed",
    "agent_look",
}


def begin(request: HttpRequest, **_: Any) -> None:
    """When somebody has signed in, whatever the way."""
    now = time.time()
    request.session.update({SEEN: now, CHECKED: now, FACTOR: 0})
    request.session.set_expiry(timezone.now() + dt.timedelta(seconds=settings.SESSION_COOKIE_AGE))


def note_factor(request: HttpRequest, device: int) -> None:
    """`device`: by which the person was let in, or which was set up just now; 0 is none."""
    request.session.update({FACTOR: device, CHECKED: time.time()})


class SessionLimits:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        """A session that is over is ended here; the view then meets a stranger, and treats him so."""
        has_cookie = (
            settings.SESSION_COOKIE_NAME in request.COOKIES
        )  # machines have none: nothing is read for them
        if not has_cookie or SESSION_KEY not in request.session:
            return
        now = time.time()
        name, is_asked_by_page = _asked(request)
        is_idle = _is_idle(request, now)
        if is_idle and name != BOARD:
            _end(request, _too_long())
            return
        if now - request.session.get(CHECKED, 0) >= STEP_S:
            if why := _owes(request):
                _end(request, why)
                return
            request.session[CHECKED] = now
        if not is_idle and not is_asked_by_page and now - request.session.get(SEEN, 0) >= STEP_S:
            request.session[SEEN] = now


def _asked(request: HttpRequest) -> tuple[str, bool]:
    match = request.resolver_match
    name = (match.url_name if match else "") or ""
    is_whole_page = request.headers.get("Sec-Fetch-Mode") == "navigate"
    return name, name in BY_ITSELF and request.method == "GET" and not is_whole_page


def _is_idle(request: HttpRequest, now: float) -> bool:
    limit = settings.SESSION_IDLE_MINUTES * 60
    return 0 < limit <= now - request.session.get(SEEN, now)


def _owes(request: HttpRequest) -> str:
    """Why the session must end, in words; empty if it may go on. One or two queries."""
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
    if second_factor.is_required_of(person):
        return _("Your role asks for a second factor: please sign in again to set it up.")
    return ""


def _too_long() -> str:
    return _("You were signed out after %(n)d minutes without a click.") % {
        "n": settings.SESSION_IDLE_MINUTES
    }


def _end(request: HttpRequest, why: str) -> None:
    logout(request)
    messages.info(request, why)

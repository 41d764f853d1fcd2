"""An id for every request, in all of its log lines and in its answer (`X-Request-ID`).

A trusted proxy's own id is taken over, so that its log and ours can be laid side by side. Pushes are answered before
any middleware; a line about one has the push's own id.
"""

import re
from collections.abc import Callable, Iterator

from django.conf import settings
from django.http import FileResponse, HttpRequest
from django.http.response import HttpResponseBase, StreamingHttpResponse
from structlog.contextvars import bound_contextvars

from ivrportal.common.ids import new_id
from ivrportal.common.network import is_in_networks

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id_middleware(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """The middleware."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        request_id = id_of(request)
        with bound_contextvars(request_id=request_id):
            response = get_response(request)
        response[HEADER] = request_id
        if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
            response.streaming_content = _within(request_id, iter(response))
        return response

    return middleware


def id_of(request: HttpRequest) -> str:
    """The sender's, if it is a trusted proxy and the id is a plain word; else a new one."""
    given = request.headers.get(HEADER, "")
    if _SANE.fullmatch(given) and is_in_networks(
        request.META.get("REMOTE_ADDR", ""), settings.TRUSTED_PROXIES
    ):
        return given
    return new_id()


def _within(request_id: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """A body that is made while it is sent; bound for each piece, because other requests may come between."""
    while True:
        with bound_contextvars(request_id=request_id):
            piece = next(pieces, None)
        if piece is None:
            return
        yield piece

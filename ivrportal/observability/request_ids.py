"""An id for every request, in its log lines and in its response (`X-Request-ID`).

The id of a trusted proxy is taken over, so that its log lines can be matched with ours. Under ASGI, pushes do not reach
middleware; their log lines have the push's own id.
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
_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id_middleware(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        request_id = request_id_for(request)
        with bound_contextvars(request_id=request_id):
            response = get_response(request)
        response[HEADER] = request_id
        if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
            response.streaming_content = _bind_request_id(request_id, iter(response))
        return response

    return middleware


def request_id_for(request: HttpRequest) -> str:
    """The id that a trusted proxy sent, if it is valid; otherwise a new one."""
    received = request.headers.get(HEADER, "")
    if _VALID_ID.fullmatch(received) and is_in_networks(
        request.META.get("REMOTE_ADDR", ""), settings.TRUSTED_PROXIES
    ):
        return received
    return new_id()


def _bind_request_id(request_id: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Binds the id for each chunk of a streamed body, because the thread may serve other requests between chunks."""
    while True:
        with bound_contextvars(request_id=request_id):
            chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk

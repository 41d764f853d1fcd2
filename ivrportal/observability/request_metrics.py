"""Every web request in the metrics: its class of status, and how long the portal worked at it. Pushes are counted by
their writer."""

import time
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ivrportal.common import metrics


def request_metrics_middleware(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """The middleware. Of an answer that is sent piece by piece, only the way to its first piece is timed."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = get_response(request)
        metrics.observe("ivrportal_web_request_seconds", time.perf_counter() - began)
        metrics.count("ivrportal_web_requests", f"{response.status_code // 100}xx")
        return response

    return middleware

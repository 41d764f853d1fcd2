"""Counts web requests by status class, and times them. The push writer counts pushes."""

import time
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ivrportal.common import metrics


def request_metrics_middleware(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """A streamed response is timed until its first chunk."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        started_at = time.perf_counter()
        response = get_response(request)
        metrics.observe("ivrportal_web_request_seconds", time.perf_counter() - started_at)
        metrics.count("ivrportal_web_requests", f"{response.status_code // 100}xx")
        return response

    return middleware

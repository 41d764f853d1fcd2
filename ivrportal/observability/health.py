"""What machines ask: is the process alive, and is the portal able to work?"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST

from ivrportal.common.network import client_address, is_in_networks
from ivrportal.observability import database_probe, gauges, prometheus


def healthz(_: HttpRequest) -> HttpResponse:
    """200 while the process serves; touches nothing, so that it never reports somebody else's illness."""
    return HttpResponse("ok", content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})


def readyz(_: HttpRequest) -> JsonResponse:
    """200 or 503 with `{"database": …, "broker": …, "spool": …, "oldest_due_setting_s": …, "last_push_age_s": …}`.

    A silent broker is told but is no reason for 503: saves and pushes work without it. Nor is a full spool: it is told
    without the database, when it matters most; the last two are null then.
    """
    found, database = database_probe.query_with_timeout(gauges.readiness)
    state: dict[str, Any] = {"database": database, "broker": _broker(), "spool": gauges.spool()}
    state |= {name: found.get(name) for name in ("oldest_due_setting_s", "last_push_age_s")}
    return JsonResponse(state, status=200 if database == "ok" else 503, headers={"Cache-Control": "no-store"})


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text, for METRICS_ALLOWED_NETWORKS only."""
    if not is_in_networks(client_address(request.META), settings.METRICS_ALLOWED_NETWORKS):
        return HttpResponse(status=403)
    return HttpResponse(prometheus.text(), content_type=CONTENT_TYPE_LATEST)


def _broker() -> str:
    import redis

    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=0.5, socket_timeout=0.5
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        return type(error).__name__
    return "ok"

"""Endpoints for machines: liveness, readiness and metrics."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST

from ivrportal.common.network import client_address, is_in_networks
from ivrportal.observability import database_probe, gauges, prometheus


def healthz(_: HttpRequest) -> HttpResponse:
    """200 while the process serves. It checks nothing else, so that another service's failure restarts no process."""
    return HttpResponse("ok", content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})


def readyz(_: HttpRequest) -> JsonResponse:
    """200 or 503 with `{"database": …, "broker": …, "spool": …, "oldest_due_setting_s": …, "last_push_age_s": …}`.

    503 means that the database does not answer; then the last two are null. An unreachable broker or a full spool is
    reported with 200, because saves and pushes work without them.
    """
    found, database = database_probe.query_with_timeout(gauges.readiness)
    state: dict[str, Any] = {"database": database, "broker": _broker_status(), "spool": gauges.spool_status()}
    state |= {name: found.get(name) for name in ("oldest_due_setting_s", "last_push_age_s")}
    return JsonResponse(state, status=200 if database == "ok" else 503, headers={"Cache-Control": "no-store"})


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text; 403 for addresses outside METRICS_ALLOWED_NETWORKS."""
    if not is_in_networks(client_address(request.META), settings.METRICS_ALLOWED_NETWORKS):
        return HttpResponse(status=403)
    return HttpResponse(prometheus.render_metrics(), content_type=CONTENT_TYPE_LATEST)


def _broker_status() -> str:
    import redis

    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=0.5, socket_timeout=0.5
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        return type(error).__name__
    return "ok"

"""What machines ask: is the process alive, and is the portal able to work?"""

from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST

from ivrportal import exposition, measures
from settings_sync.network import client_address, is_in_networks


def healthz(_: HttpRequest) -> HttpResponse:
    """200 while the process serves; touches nothing, so that it never reports somebody else's illness."""
    return HttpResponse("ok", content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})


def readyz(_: HttpRequest) -> JsonResponse:
    """200 or 503 with `{"database": …, "broker": …, "spool": …, "oldest_due_setting_s": …, "last_push_age_s": …}`.

    A silent broker is told but is no reason for 503: saves and pushes work without it.
    """
    state: dict[str, Any] = {"database": _database(), "broker": _broker()}
    if state["database"] == "ok":
        state |= measures.readiness()
    return JsonResponse(
        state, status=200 if state["database"] == "ok" else 503, headers={"Cache-Control": "no-store"}
    )


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text, for METRICS_ALLOWED_NETWORKS only."""
    if not is_in_networks(client_address(request.META), settings.METRICS_ALLOWED_NETWORKS):
        return HttpResponse(status=403)
    return HttpResponse(exposition.text(), content_type=CONTENT_TYPE_LATEST)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return type(error).__name__
    return "ok"


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

"""Baseline: an ordinary Django REST framework view, as its tutorial teaches it."""

from typing import Any

from django.urls import path
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calllogs.models import CallLog
from tests.bench.baseline.names import data_of, key_is_right, moments

FIELDS = [
    "call_id", "caller", "started_at", "agent_number", "ivr_seconds", "talk_seconds", "status", "raw_status", "circle",
    "virtual_number", "department", "recording_url",
]  # fmt: skip


class CallSerializer(serializers.ModelSerializer):
    class Meta:
        model = CallLog
        fields = FIELDS
        # Whether the call is known is for get_or_create to say; its own check would cost one more query.
        extra_kwargs = {"call_id": {"validators": []}}

    def create(self, validated_data: dict[str, Any]) -> CallLog:
        call, _ = CallLog.objects.get_or_create(
            call_id=validated_data.pop("call_id"), defaults=validated_data | moments()
        )
        return call


class PostCallLogs(APIView):
    permission_classes = [AllowAny]
    renderer_classes = [JSONRenderer]

    def get(self, request: Request) -> Response:
        if not key_is_right(request.query_params):
            return Response({"detail": "Failure"}, status=status.HTTP_403_FORBIDDEN)
        data = data_of(request.query_params)
        for name in ("ivr_seconds", "talk_seconds"):
            data[name] = data[name] or None
        serializer = CallSerializer(data=data)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response({"detail": "Successful"})


urlpatterns = [path("api/PostCallLogs", PostCallLogs.as_view())]

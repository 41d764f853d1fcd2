"""Baseline: an ordinary view with a ModelForm."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path

from calllogs.models import CallLog
from tests.bench.baseline.names import build_timestamps, is_valid_key, map_fields


class CallForm(forms.ModelForm):
    class Meta:
        model = CallLog
        fields = [
            "call_id", "caller", "started_at", "agent_number", "ivr_seconds", "talk_seconds", "status", "raw_status",
            "circle", "virtual_number", "department", "recording_url",
        ]  # fmt: skip


def post_call_logs(request: HttpRequest) -> HttpResponse:
    if not is_valid_key(request.GET):
        return HttpResponse("Failure", status=403)
    form = CallForm(map_fields(request.GET))
    if not form.is_valid():
        return HttpResponse("Invalid Data", status=400)
    call = form.save(commit=False)
    for name, moment in build_timestamps().items():
        setattr(call, name, moment)
    call.save()
    return HttpResponse("Successful", content_type="text/plain")


urlpatterns = [path("api/PostCallLogs", post_call_logs)]

"""Baseline: an ordinary view with a ModelForm."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path

from calllogs.models import CallLog
from tests.bench.baseline.names import data_of, key_is_right, moments


class CallForm(forms.ModelForm):
    class Meta:
        model = CallLog
        fields = [
            "call_id", "caller", "started_at", "agent_number", "ivr_seconds", "talk_seconds", "status", "raw_status",
            "circle", "virtual_number", "department", "recording_url",
        ]  # fmt: skip


def post_call_logs(request: HttpRequest) -> HttpResponse:
    if not key_is_right(request.GET):
        return HttpResponse("Failure", status=403)
    form = CallForm(data_of(request.GET))
    if not form.is_valid():
        return HttpResponse("Invalid Data", status=400)
    call = form.save(commit=False)
    for name, moment in moments().items():
        setattr(call, name, moment)
    call.save()
    return HttpResponse("Successful", content_type="text/plain")


urlpatterns = [path("api/PostCallLogs", post_call_logs)]

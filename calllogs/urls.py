"""The push endpoint, with and without a trailing slash: a redirect would lose the push."""

from django.urls import path

from calllogs.intake.endpoint import post_call_logs

urlpatterns = [
    path("api/PostCallLogs", post_call_logs, name="push"),
    path("api/PostCallLogs/", post_call_logs),
]

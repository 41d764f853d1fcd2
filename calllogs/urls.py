"""The provider's address, with and without the slash: a redirect would be a lost push."""

from django.urls import path

from calllogs.intake.endpoint import post_call_logs

urlpatterns = [
    path("api/PostCallLogs", post_call_logs, name="push"),
    path("api/PostCallLogs/", post_call_logs),
]

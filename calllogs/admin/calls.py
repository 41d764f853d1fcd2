"""The calls: their list, and the page of each."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from calllogs.admin import call_page
from calllogs.admin.call_list import CallList
from calllogs.models import CallLog
from settings_sync import theme


@admin.register(CallLog)
class CallLogAdmin(CallList, theme.ReadOnly, theme.ModelAdmin):
    def get_urls(self) -> list[Any]:
        return [*call_page.urls(self), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        return call_page.change_view(request, self, object_id)

"""Admin of calls: the list and the detail page."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from calllogs.access.history_mixin import MaskedHistoryMixin
from calllogs.access.visibility import visibility_for
from calllogs.calls import detail_view
from calllogs.calls.list_view import CallListMixin
from calllogs.models import CallLog
from ivrportal.audit import model_admin
from ivrportal.common import admin_mixins


@admin.register(CallLog)
class CallLogAdmin(
    MaskedHistoryMixin, CallListMixin, admin_mixins.ReadOnlyAdminMixin, model_admin.ModelAdmin
):
    def get_queryset(self, request: HttpRequest) -> QuerySet[CallLog]:
        return super().get_queryset(request).filter(visibility_for(request.user).condition())

    def get_urls(self) -> list[Any]:
        return [*detail_view.get_urls(self), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        return detail_view.change_view(request, self, object_id)

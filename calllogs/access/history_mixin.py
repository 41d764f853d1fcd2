"""The admin's own page "History" of a record whose name, or whose history, may hold a caller's number."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from calllogs.access.visibility import visibility_for


class MaskedHistoryMixin:
    """For those who see whole numbers: call ids, filters and tags stand there as they were written."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not visibility_for(request.user).sees_numbers:
            raise PermissionDenied
        view: Any = super()
        return view.history_view(request, object_id, extra_context)

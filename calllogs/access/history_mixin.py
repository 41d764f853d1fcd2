"""The admin's "History" page for records whose name or history may contain a caller's number."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from calllogs.access.visibility import visibility_for


class MaskedHistoryMixin:
    """Only users who see whole numbers may open the page: it shows call ids, filters and tags unmasked."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not visibility_for(request.user).sees_numbers:
            raise PermissionDenied
        view: Any = super()
        return view.history_view(request, object_id, extra_context)

"""Pages that tell of the whole office: not for people who are limited to departments.

A push, as it came, has no department that could be trusted, and a key opens the door for calls of all.
"""

from typing import Any

from django.http import HttpRequest

from calllogs.access.visibility import visibility_for


def sees_all(request: HttpRequest) -> bool:
    return not visibility_for(request.user).is_limited


class WholeOfficeAdminMixin:
    """For an admin: as if who is limited had no permission."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        inherited: Any = super()
        return inherited.has_module_permission(request) and sees_all(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        inherited: Any = super()
        return inherited.has_view_permission(request, obj) and sees_all(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        inherited: Any = super()
        return inherited.has_add_permission(request) and sees_all(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        inherited: Any = super()
        return inherited.has_change_permission(request, obj) and sees_all(request)

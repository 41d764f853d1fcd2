"""Admin mixin for pages about the whole office, which users limited to departments may not open.

A raw push has no reliable department, and a push key is valid for calls of all departments.
"""

from typing import Any

from django.http import HttpRequest

from calllogs.access.visibility import visibility_for


def is_unlimited(request: HttpRequest) -> bool:
    return not visibility_for(request.user).is_limited


class WholeOfficeAdminMixin:
    """Denies all model permissions to users who are limited to departments."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        inherited: Any = super()
        return inherited.has_module_permission(request) and is_unlimited(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        inherited: Any = super()
        return inherited.has_view_permission(request, obj) and is_unlimited(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        inherited: Any = super()
        return inherited.has_add_permission(request) and is_unlimited(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        inherited: Any = super()
        return inherited.has_change_permission(request, obj) and is_unlimited(request)

"""Mixins of admin screens that need nothing of the theme."""

from typing import Any

from django.http import HttpRequest


class ReadOnlyAdminMixin:
    """What machines write, people only read."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

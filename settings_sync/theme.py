"""The one door to the admin's theme: nothing else imports it, so that it can be changed in one place."""

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin as ThemedModelAdmin
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
    RangeDateTimeFilter,
    RangeNumericFilter,
)
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.sites import UnfoldAdminSite as AdminSite

__all__ = [
    "AdminPasswordChangeForm",
    "AdminSite",
    "AutocompleteSelectFilter",
    "ChoicesDropdownFilter",
    "ModelAdmin",
    "RangeDateFilter",
    "RangeDateTimeFilter",
    "RangeNumericFilter",
    "ReadOnly",
    "TabularInline",
    "UserChangeForm",
    "UserCreationForm",
    "action",
    "display",
]


class ModelAdmin(ThemedModelAdmin):
    """The house's admin: what all lists and forms have in common."""

    list_filter_submit = False
    warn_unsaved_form = True
    compressed_fields = True
    list_per_page = 50


class ReadOnly:
    """What machines write, people only read."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

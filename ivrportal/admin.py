"""The people who use the portal, and their roles, in the portal's look."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from settings_sync import theme
from settings_sync.audit import Action

RIGHTS = {"groups", "user_permissions", "is_active", "is_staff", "is_superuser"}

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, theme.ModelAdmin):  # type: ignore[misc]  # the house's own knows more
    form = theme.UserChangeForm
    add_form = theme.UserCreationForm
    change_password_form = theme.AdminPasswordChangeForm

    def log_change(self, request: HttpRequest, obj: Any, message: Any, **facts: Any) -> LogEntry:
        """In the trail by what was changed: the password, what the person may do, or something else."""
        changed = set(getattr(request, "audit_changes", None) or {})
        action = Action.PASSWORD if "password" in changed else Action.ROLES if changed & RIGHTS else None
        return super().log_change(request, obj, message, **{"action": action, **facts})

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, theme.ModelAdmin):  # type: ignore[misc]  # as there
    audited_change = Action.ROLES

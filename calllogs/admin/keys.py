"""The keys that a push must carry."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from calllogs.models import PushKey
from settings_sync import theme


@admin.register(PushKey)
class PushKeyAdmin(theme.ModelAdmin):
    list_display = ["name", "created_at", "last_used_at", "revoked_at"]
    fields = ["name"]
    actions = ["revoke"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: PushKey, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        key = PushKey.make(obj.name)
        made = PushKey.objects.get(name=obj.name)
        obj.pk, obj.digest, obj.created_at = made.pk, made.digest, made.created_at
        messages.success(request, _("The key is %(key)s. Copy it now: it is not shown again.") % {"key": key})

    @admin.action(description=_("Revoke"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        queryset.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())

"""Push keys in the admin: make (and show once), rotate, revoke."""

import datetime as dt
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from calllogs.access.admin_mixins import WholeOfficeAdminMixin
from calllogs.intake import connect_views
from calllogs.intake.labels import last_use_label
from calllogs.models import PushKey
from ivrportal.audit import model_admin
from ivrportal.audit.audit_log import Action
from ivrportal.common import admin_theme

RECENT_USE = dt.timedelta(days=1)


def find_rotation() -> dict[str, Any] | None:
    """The progress of a key rotation; None unless exactly two keys are live.

    `{old, new, step, old_use, new_use}`. `step` is "hand_over" until the provider has used the new key, "wait" while it
    still uses the old one, then "revoke".
    """
    live = list(PushKey.objects.live().order_by("created_at")[:3])
    if len(live) != 2:
        return None
    old, new = live
    if new.last_used_at is None:
        step = "hand_over"
    elif old.last_used_at and old.last_used_at > timezone.now() - RECENT_USE:
        step = "wait"
    else:
        step = "revoke"
    return {
        "old": old,
        "new": new,
        "step": step,
        "old_use": last_use_label(old),
        "new_use": last_use_label(new),
    }


@admin.register(PushKey)
class PushKeyAdmin(WholeOfficeAdminMixin, model_admin.ModelAdmin):
    list_before_template = "calllogs/intake/push_key_list_intro.html"
    change_form_before_template = "calllogs/intake/push_key_intro.html"
    list_display = ["name_link", "state", "last_use", "created_at", "steps"]
    list_display_links = None
    ordering = [F("revoked_at").desc(nulls_first=True), "-created_at"]
    fields = ["name"]
    actions = None
    audited_addition = Action.KEY_MADE

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Revoked keys stay listed as a record of when each key was used."""
        return False

    # --- the list ---

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        context = {"rotation": find_rotation(), "from_environment": len(settings.PUSH_KEYS)}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        may_change = self.has_change_permission(request)
        return [column for column in super().get_list_display(request) if column != "steps" or may_change]

    @admin_theme.display(description=gettext_lazy("Name"), ordering="name")
    def name_link(self, key: PushKey) -> str:
        css_class = "in-link" if key.revoked_at is None else "in-link in-muted"
        address = reverse("admin:calllogs_pushkey_change", args=[key.pk])
        return format_html('<a href="{}" class="{}">{}</a>', address, css_class, key.name)

    @admin_theme.display(description=gettext_lazy("State"))
    def state(self, key: PushKey) -> str:
        if key.revoked_at is None:
            context = {"label": _("Live"), "colour": "success", "icon": "check"}
        else:
            label = _("Revoked %(ago)s") % {"ago": naturaltime(key.revoked_at)}
            context = {"label": label, "colour": "base", "icon": "block"}
        return render_to_string("components/badge.html", context)

    @admin_theme.display(description=gettext_lazy("Last use"), ordering="last_used_at")
    def last_use(self, key: PushKey) -> str:
        return last_use_label(key)

    @admin_theme.display(description=gettext_lazy("What to do"))
    def steps(self, key: PushKey) -> str:
        if key.revoked_at is not None:
            return "–"
        replace = f"{reverse('admin:calllogs_pushkey_add')}?in_place_of={key.pk}"
        revoke = reverse("admin:calllogs_pushkey_revoke", args=[key.pk])
        links = [(replace, _("Replace")), (revoke, _("Revoke"))]
        return format_html_join(" · ", '<a class="in-link" href="{}">{}</a>', links)

    # --- making ---

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The replacement of a key is proposed with the old name and the current month."""
        old = _find_live_key(request.GET.get("in_place_of", ""))
        return {"name": f"{old.name}, {timezone.localdate():%B %Y}"[:100]} if old else {}

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> Any:
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        if kwargs.get("add"):
            context |= {
                "title": _("Make a push key"),
                "in_place_of": _find_live_key(request.GET.get("in_place_of", "")),
            }
        return super().render_change_form(request, context, **kwargs)

    def save_model(self, request: HttpRequest, obj: PushKey, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=["name"])
            return
        obj.text = PushKey.make(obj.name)  # type: ignore[attr-defined]
        stored_key = PushKey.objects.get(name=obj.name)
        obj.pk, obj.digest, obj.created_at = stored_key.pk, stored_key.digest, stored_key.created_at

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the key in the response itself, so that no session and no message contains it."""
        return connect_views.connect_page(request, self.admin_site, new_key=obj, key=obj.text)

    # --- revoking ---

    def get_urls(self) -> list[URLPattern]:
        revoke = self.admin_site.admin_view(require_http_methods(["GET", "POST"])(self.revoke))
        return [path("<int:pk>/revoke/", revoke, name="calllogs_pushkey_revoke"), *super().get_urls()]

    def revoke(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Confirm, then revoke. Pushes with this key are refused from then on."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        key = get_object_or_404(PushKey, pk=pk)
        if request.method == "POST":
            with transaction.atomic():
                is_live = PushKey.objects.live().filter(pk=pk).update(revoked_at=timezone.now()) > 0
                if is_live:
                    self.log_change(request, key, _("Revoked."), action=Action.KEY_REVOKED)
            if is_live:
                messages.success(request, _("The key “%(name)s” is revoked.") % {"name": key.name})
            else:
                messages.info(request, _("The key “%(name)s” was revoked before.") % {"name": key.name})
            return redirect("admin:calllogs_pushkey_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Revoke the key “%(name)s”?") % {"name": key.name},
            "key": key,
            "use": last_use_label(key),
            "is_used": key.last_used_at is not None and key.last_used_at > timezone.now() - RECENT_USE,
            "others": list(PushKey.objects.live().exclude(pk=pk)),
            "from_environment": len(settings.PUSH_KEYS),
        }
        return TemplateResponse(request, "calllogs/intake/push_key_revoke.html", context)


def _find_live_key(pk: str) -> PushKey | None:
    return (
        PushKey.objects.live().filter(pk=pk).first()
        if pk.isascii() and pk.isdigit() and len(pk) < 19
        else None
    )

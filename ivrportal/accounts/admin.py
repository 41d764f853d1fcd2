"""The admin of users and roles, made for administrators who are not engineers."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods
from django_otp.plugins.otp_totp.models import TOTPDevice

from ivrportal.accounts import login_throttle, permission_labels, role_rules, roles, second_factor
from ivrportal.accounts.user_forms import NewPersonForm, PersonForm
from ivrportal.audit import model_admin
from ivrportal.audit.audit_log import Action
from ivrportal.common import admin_mixins, admin_theme

# Changes of these fields are recorded in the audit log by the form itself (`RolesForm.save_roles`).
FIELDS_AUDITED_BY_FORM = {"roles", "departments", "is_active", "is_superuser"}

admin.site.unregister(User)
admin.site.unregister(Group)
admin.site.unregister(TOTPDevice)  # its admin would show the secrets

NAME_FIELDS = ("username", "first_name", "last_name", "email")
ACCESS_TITLE = gettext_lazy("What the person may do")


@admin.register(User)
class UserAdmin(DjangoUserAdmin, model_admin.ModelAdmin):  # type: ignore[misc]  # both define log_change
    form = PersonForm
    add_form = NewPersonForm
    add_form_template = None
    change_password_form = admin_theme.AdminPasswordChangeForm
    list_display = ["username", "full_name", "role_names", "second_factor_status", "is_active", "last_login"]
    list_filter = ["is_active", "groups"]
    filter_horizontal = []
    actions = None
    readonly_fields = [
        "role_names",
        "department_names",
        "second_factor_status",
        "lock_status",
        "password_link",
        "last_login",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        phones = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        people = super().get_queryset(request).annotate(has_phone=Exists(phones))
        return people.prefetch_related("groups", "department_limits")

    # --- who may do what ---

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and role_rules.can_manage(request.user, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False for the user's own account and for the last administrator's."""
        if not super().has_delete_permission(request, obj) or obj is None:
            return bool(super().has_delete_permission(request, obj))
        is_own, others = obj.pk == request.user.pk, role_rules.administrators().exclude(pk=obj.pk)
        return not is_own and others.exists() and role_rules.can_manage(request.user, obj)

    # --- the form ---

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        access = ("roles", "departments", *(["is_superuser"] if request.user.is_superuser else []))
        if obj is None:
            names = (None, {"fields": (*NAME_FIELDS, "password1", "password2")})
            return (names, (ACCESS_TITLE, {"fields": access}))
        if not self.has_change_permission(request, obj):
            access = ("role_names", "department_names")
        return (
            (None, {"fields": (*NAME_FIELDS, "is_active")}),
            (ACCESS_TITLE, {"fields": access}),
            (
                _("Signing in"),
                {"fields": ("second_factor_status", "lock_status", "password_link", "last_login")},
            ),
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.editor = request.user
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.is_staff = True  # every user needs the admin, which is the whole portal
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        form.save_roles(request)

    # --- columns and read-only fields ---

    @admin_theme.display(description=gettext_lazy("Name"), ordering="last_name")
    def full_name(self, person: User) -> str:
        return person.get_full_name() or "–"

    @admin_theme.display(description=gettext_lazy("Roles"))
    def role_names(self, person: User) -> str:
        names = [_("Superuser")] if person.is_superuser else []
        return ", ".join([*names, *(_(name) for name in roles.roles_of(person))]) or "–"

    @admin_theme.display(description=gettext_lazy("Only these departments"))
    def department_names(self, person: User) -> str:
        return ", ".join(limit.department for limit in person.department_limits.all()) or _("All")

    @admin_theme.display(description=gettext_lazy("Second factor"))
    def second_factor_status(self, person: Any) -> str:
        has_phone = person.has_phone
        badge_context = {
            "label": _("Set up") if has_phone else _("None"),
            "colour": "success" if has_phone else "base",
            "icon": "phonelink_lock" if has_phone else "",
        }
        badge = render_to_string("components/badge.html", badge_context)
        if not has_phone or not getattr(person, "is_on_change_page", False):
            return badge
        left = second_factor.count_codes_left(person)
        codes = ngettext("%(n)d recovery code is left", "%(n)d recovery codes are left", left) % {"n": left}
        address = reverse("admin:auth_user_reset_factor", args=[person.pk])
        return format_html(
            '{} {} · <a class="in-link" href="{}">{}</a>', badge, codes, address, _("Reset it")
        )

    @admin_theme.display(description=gettext_lazy("Lock"))
    def lock_status(self, person: User) -> str:
        locks = [lock for lock in login_throttle.current_locks() if lock.username == person.get_username()]
        if not locks:
            return _("Not locked")
        until = date_format(timezone.localtime(locks[0].until), "H:i")
        where = locks[0].address or _("new addresses")
        text = _("Locked until %(until)s from %(where)s") % {"until": until, "where": where}
        return format_html(
            '{} · <a class="in-link" href="{}">{}</a>', text, reverse("admin:locks"), _("Lift it")
        )

    @admin_theme.display(description=gettext_lazy("Password"))
    def password_link(self, person: User) -> str:
        address = reverse("admin:auth_user_password_change", args=[person.pk])
        return format_html('<a class="in-link" href="{}">{}</a>', address, _("Set a new password"))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        person: Any = super().get_object(request, object_id, from_field)
        if person is not None:
            person.is_on_change_page = True
        return person

    # --- reset of another user's second factor ---

    def get_urls(self) -> list[URLPattern]:
        reset = self.admin_site.admin_view(require_http_methods(["GET", "POST"])(self.reset_factor))
        return [
            path("<int:pk>/reset-second-factor/", reset, name="auth_user_reset_factor"),
            *super().get_urls(),
        ]

    def reset_factor(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Confirm, then remove phone and recovery codes. The user sets up a new phone at the next login."""
        person = get_object_or_404(User, pk=pk)
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        if person.pk == request.user.pk:
            return redirect("admin:account")
        if request.method == "POST":
            second_factor.remove(request, person, why="reset by an administrator")
            messages.success(request, _("The second factor is reset, and open sessions end within a minute."))
            return redirect("admin:auth_user_change", pk)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Reset the second factor of %(name)s?") % {"name": person.get_username()},
            "lines": [
                _("Do so only if you are sure who asks you, for example because you see the person."),
                _(
                    "Phone and recovery codes work no more. Whoever knows the password sets up the next phone."
                ),
            ],
            "button": _("Reset it"),
            "is_danger": True,
            "back": "admin:auth_user_change",
            "pk": pk,
        }
        return TemplateResponse(request, "accounts/confirm.html", context)

    def log_change(self, request: HttpRequest, obj: Any, message: Any, **details: Any) -> LogEntry:
        """Adds no audit entry if the form has recorded all changes already. A password change has its own action."""
        changes = getattr(request, "audit_changes", None) or {}
        others = {name: pair for name, pair in changes.items() if name not in FIELDS_AUDITED_BY_FORM}
        if changes and not others:
            return super(model_admin.ModelAdmin, self).log_change(request, obj, message)
        action = Action.PASSWORD if "password" in others else None
        return super().log_change(request, obj, message, **{"action": action, "changes": others, **details})

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)


@admin.register(Group)
class GroupAdmin(admin_mixins.ReadOnlyAdminMixin, model_admin.ModelAdmin):
    """The roles, read-only, because the portal keeps the groups equal to `roles.PERMISSIONS`."""

    list_display = ["name", "purpose", "user_count"]
    fields = readonly_fields = ["name", "purpose", "permission_table", "users"]
    search_fields = ["name"]
    ordering = ["name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).prefetch_related("user_set")

    @admin_theme.display(description=gettext_lazy("What it is for"))
    def purpose(self, group: Group) -> str:
        return str(roles.DESCRIPTIONS.get(group.name, "–"))

    @admin_theme.display(description=gettext_lazy("People"))
    def user_count(self, group: Group) -> int:
        return len(group.user_set.all())

    @admin_theme.display(description=gettext_lazy("What it allows"))
    def permission_table(self, group: Group) -> str:
        permissions = permission_labels.labels_by_model(group)
        return render_to_string("accounts/role_permissions.html", {"permissions": permissions})

    @admin_theme.display(description=gettext_lazy("People"))
    def users(self, group: Group) -> str:
        return ", ".join(sorted(person.get_username() for person in group.user_set.all())) or "–"

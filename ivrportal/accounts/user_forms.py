"""The user forms: names, roles and departments, without Django's list of permissions."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calllogs.access.visibility import visibility_for
from calllogs.models import DepartmentLimit
from ivrportal.accounts import role_rules, roles
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from ivrportal.common import admin_theme
from settings_sync.models import Agent


class RolesForm(forms.ModelForm):
    """`editor` is the user of the request. The admin sets it on the class that it creates for each request."""

    editor: Any = None
    roles = forms.MultipleChoiceField(
        label=gettext_lazy("Roles"),
        required=False,
        widget=admin_theme.ChoiceBoxes(attrs={"class": "people-box"}),
    )
    departments = forms.MultipleChoiceField(
        label=gettext_lazy("Only these departments"),
        required=False,
        widget=admin_theme.ChoiceBoxes(),
        help_text=gettext_lazy(
            "None ticked: calls of all departments. Then also calls without a department."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.assignable = role_rules.assignable_roles(self.editor)
        person = self.instance if self.instance.pk else None
        self.old_roles = roles.roles_of(person) if person else []
        self.old_departments = sorted(_department_limits(person)) if person else []
        _set_choices(self.fields["roles"], [(name, _role_label(name)) for name in self.assignable])
        _set_choices(self.fields["departments"], [(name, name) for name in self._departments()])
        self.initial["roles"] = [name for name in self.old_roles if name in self.assignable]
        self.initial["departments"] = self.old_departments
        if not self.fields["departments"].choices:  # type: ignore[attr-defined]
            self.fields["departments"].help_text = _("No agent has a department yet.")

    def _departments(self) -> list[str]:
        visibility = visibility_for(self.editor)
        known = set(Agent.objects.exclude(department="").order_by().values_list("department", flat=True))
        known |= set(DepartmentLimit.objects.order_by().values_list("department", flat=True))
        return visibility.filter_departments(sorted(known))

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned is None or self.errors:
            return cleaned
        # Roles that the editor may not assign stay as they are.
        chosen = set(cleaned["roles"]) | (set(self.old_roles) - set(self.assignable))
        cleaned["roles"] = [name for name in roles.PERMISSIONS if name in chosen]
        if visibility_for(self.editor).is_limited and not cleaned["departments"]:
            self.add_error(
                "departments", _("You see some departments only, so choose among them for others too.")
            )
        self._require_remaining_administrator(cleaned)
        return cleaned

    def _require_remaining_administrator(self, cleaned: dict[str, Any]) -> None:
        person = self.instance
        was_administrator = person.pk and (
            roles.ADMINISTRATORS in self.old_roles or self.initial.get("is_superuser")
        )
        is_superuser = cleaned.get("is_superuser", person.is_superuser)
        is_active = cleaned.get("is_active", True)
        is_administrator = is_active and (is_superuser or roles.ADMINISTRATORS in cleaned["roles"])
        if not was_administrator or is_administrator:
            return
        field = "roles" if is_active else "is_active"
        if person.pk == self.editor.pk:
            self.add_error(field, _("You cannot take this from yourself: ask another administrator."))
        elif role_rules.is_last_administrator(User.objects.get(pk=person.pk)):
            self.add_error(field, _("This is the last active administrator: make another one first."))

    def save_roles(self, request: HttpRequest) -> None:
        """Call after the user is saved. Records old and new values of what has changed."""
        person, chosen = self.instance, self.cleaned_data["roles"]
        departments = sorted(self.cleaned_data["departments"])
        changes: dict[str, list[Any]] = {}
        if chosen != self.old_roles:
            others = person.groups.exclude(name__in=roles.PERMISSIONS)
            person.groups.set([*others, *Group.objects.filter(name__in=chosen)])
            changes["roles"] = [", ".join(self.old_roles), ", ".join(chosen)]
        if departments != self.old_departments:
            DepartmentLimit.objects.filter(person=person).exclude(department__in=departments).delete()
            DepartmentLimit.objects.bulk_create(
                DepartmentLimit(person=person, department=name)
                for name in departments
                if name not in self.old_departments
            )
            changes["departments"] = [", ".join(self.old_departments), ", ".join(departments)]
        for field in {"is_superuser", "is_active"} & set(self.changed_data):
            changes[field] = [bool(self.initial.get(field)), bool(self.cleaned_data[field])]
        if changes:
            audit_log.record(
                Action.ROLES,
                request=request,
                what=person.get_username(),
                subject=f"auth.user:{person.pk}",
                changes=changes,
            )


class PersonForm(RolesForm, admin_theme.UserChangeForm):
    pass


class NewPersonForm(RolesForm, admin_theme.UserCreationForm):
    pass


def _department_limits(person: User) -> list[str]:
    return [limit.department for limit in person.department_limits.all()]


def _role_label(name: str) -> str:
    return format_html(
        '<strong>{}</strong> <span class="role-description">{}</span>',
        _(name),
        roles.DESCRIPTIONS.get(name, ""),
    )


def _set_choices(field: Any, choices: list[tuple[str, str]]) -> None:
    field.choices = choices

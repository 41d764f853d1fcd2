"""The forms of a person: names, roles and departments, in words and without a list of permissions."""

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
    """`editor` is set on the class that the admin makes for each request."""

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
        self.givable = role_rules.givable_roles(self.editor)
        person = self.instance if self.instance.pk else None
        self.had_roles = roles.of(person) if person else []
        self.had_departments = sorted(_limits_of(person)) if person else []
        _choices(self.fields["roles"], [(name, _role_words(name)) for name in self.givable])
        _choices(self.fields["departments"], [(name, name) for name in self._departments()])
        self.initial["roles"] = [name for name in self.had_roles if name in self.givable]
        self.initial["departments"] = self.had_departments
        if not self.fields["departments"].choices:  # type: ignore[attr-defined]
            self.fields["departments"].help_text = _("No agent has a department yet.")

    def _departments(self) -> list[str]:
        mine = visibility_for(self.editor)
        known = set(Agent.objects.exclude(department="").order_by().values_list("department", flat=True))
        known |= set(DepartmentLimit.objects.order_by().values_list("department", flat=True))
        return mine.among(sorted(known))

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned is None or self.errors:
            return cleaned
        chosen = set(cleaned["roles"]) | (set(self.had_roles) - set(self.givable))  # those stay as they are
        cleaned["roles"] = [name for name in roles.PERMISSIONS if name in chosen]
        if visibility_for(self.editor).is_limited and not cleaned["departments"]:
            self.add_error(
                "departments", _("You see some departments only, so choose among them for others too.")
            )
        self._keep_an_administrator(cleaned)
        return cleaned

    def _keep_an_administrator(self, cleaned: dict[str, Any]) -> None:
        person = self.instance
        was = person.pk and (roles.ADMINISTRATORS in self.had_roles or self.initial.get("is_superuser"))
        stays_super = cleaned.get("is_superuser", person.is_superuser)
        is_active = cleaned.get("is_active", True)
        stays = is_active and (stays_super or roles.ADMINISTRATORS in cleaned["roles"])
        if not was or stays:
            return
        field = "roles" if is_active else "is_active"
        if person.pk == self.editor.pk:
            self.add_error(field, _("You cannot take this from yourself: ask another administrator."))
        elif role_rules.is_last_administrator(User.objects.get(pk=person.pk)):
            self.add_error(field, _("This is the last active administrator: make another one first."))

    def keep_roles(self, request: HttpRequest) -> None:
        """After the person is saved. On record, old and new, if roles or departments are others than before."""
        person, chosen = self.instance, self.cleaned_data["roles"]
        departments = sorted(self.cleaned_data["departments"])
        changes: dict[str, list[Any]] = {}
        if chosen != self.had_roles:
            others = person.groups.exclude(name__in=roles.PERMISSIONS)
            person.groups.set([*others, *Group.objects.filter(name__in=chosen)])
            changes["roles"] = [", ".join(self.had_roles), ", ".join(chosen)]
        if departments != self.had_departments:
            DepartmentLimit.objects.filter(person=person).exclude(department__in=departments).delete()
            DepartmentLimit.objects.bulk_create(
                DepartmentLimit(person=person, department=name)
                for name in departments
                if name not in self.had_departments
            )
            changes["departments"] = [", ".join(self.had_departments), ", ".join(departments)]
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


def _limits_of(person: User) -> list[str]:
    return [limit.department for limit in person.department_limits.all()]


def _role_words(name: str) -> str:
    return format_html(
        '<strong>{}</strong> <span class="people-words">{}</span>', _(name), roles.WORDS.get(name, "")
    )


def _choices(field: Any, choices: list[tuple[str, str]]) -> None:
    field.choices = choices

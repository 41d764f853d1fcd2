"""The forms of an agent's page: the agent and the weekly shifts."""

import datetime as dt
import itertools
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import TimeField
from django.forms import BaseInlineFormSet, DateTimeField, DateTimeInput, ModelForm
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ivrportal.common import admin_theme
from ivrportal.common.phone import format_national
from settings_sync.models import Agent, Shift


class MomentWidget(DateTimeInput):
    """`<input type="datetime-local">`, in the portal's time zone."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(
            attrs={"class": admin_theme.TimeWidget().attrs["class"], "step": 60}, format="%Y-%m-%dT%H:%M"
        )


class AgentForm(ModelForm):
    off_until = DateTimeField(
        label=gettext_lazy("Off until"),
        required=False,
        widget=MomentWidget,
        help_text=gettext_lazy(
            "Leave it empty to switch by hand. With a moment here the agent is off now, and comes back by itself then."
        ),
    )

    class Meta:
        model = Agent
        fields = ["name", "number", "department", "availability", "off_until"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.initial.get("number"):
            self.initial["number"] = format_national(self.initial["number"])
        if "department" in self.fields:  # absent for users with view permission only
            self.fields["department"].widget.attrs["list"] = "departments"

    def clean_department(self) -> str:
        """Use the existing spelling, so that “sales” does not become a second department beside “Sales”."""
        typed = " ".join(self.cleaned_data["department"].split())
        return (
            Agent.objects.filter(department__iexact=typed).values_list("department", flat=True).first()
            or typed
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "off_until" not in self.errors:
            _apply_pause_rules(cleaned, self)
        return cleaned


def _apply_pause_rules(cleaned: dict[str, Any], form: ModelForm) -> None:
    """A new `off_until` switches the agent off; a manual switch ends the pause."""
    until: dt.datetime | None = cleaned.get("off_until")
    if "off_until" in form.changed_data and until:
        if until <= timezone.now():
            form.add_error(
                "off_until", ValidationError(_("This moment has passed. Choose a later one."), code="past")
            )
            return
        cleaned["availability"] = Agent.Availability.OFF
    elif "availability" in form.changed_data or cleaned.get("availability") == Agent.Availability.AVAIL:
        cleaned["off_until"] = None


class ShiftForm(ModelForm):
    class Meta:
        model = Shift
        fields = ["day", "starts_at", "ends_at"]

    def has_changed(self) -> bool:
        """A new row with only a day is empty: the browser preselects the day."""
        is_empty = self.instance.pk is None and not {"starts_at", "ends_at"} & set(self.changed_data)
        return not is_empty and super().has_changed()


class WeekFormSet(BaseInlineFormSet):
    """The weekly shifts of one agent. Overlapping shifts are rejected: one would end inside another."""

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        prefix = kwargs.get("prefix") or self.get_default_prefix()
        if data is not None and f"{prefix}-TOTAL_FORMS" not in data:
            # A POST without the formset leaves the shifts unchanged.
            data = {**data.dict(), f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
        super().__init__(data, *args, **kwargs)

    def clean(self) -> None:
        super().clean()
        shifts = [
            form
            for form in self.forms
            if form.is_valid() and form.cleaned_data and not form.cleaned_data.get("DELETE")
        ]
        shifts.sort(key=lambda form: (form.cleaned_data["day"], form.cleaned_data["starts_at"]))
        for before, after in itertools.pairwise(shifts):
            first, second = before.cleaned_data, after.cleaned_data
            if first["day"] == second["day"] and second["starts_at"] < first["ends_at"]:
                after.add_error(
                    "starts_at",
                    ValidationError(
                        _("This shift begins before the one before it ends, at %(time)s.")
                        % {"time": f"{first['ends_at']:%H:%M}"},
                        code="overlap",
                    ),
                )


class ShiftInline(admin_theme.TabularInline):
    model = Shift
    form = ShiftForm
    formset = WeekFormSet
    extra = 1
    max_num = 28
    template = "settings_sync/agents/shifts.html"
    formfield_overrides = {TimeField: {"widget": admin_theme.TimeWidget}}

"""The only module that imports the admin theme, so that the theme can be replaced in one place."""

from typing import Any

from django.forms import DateInput, TimeInput
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
from unfold.forms import AdminPasswordChangeForm, AuthenticationForm, UserChangeForm, UserCreationForm
from unfold.sites import UnfoldAdminSite as AdminSite
from unfold.widgets import INPUT_CLASSES
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget as ChoiceBoxes
from unfold.widgets import UnfoldAdminFileFieldWidget as FileWidget
from unfold.widgets import UnfoldAdminPasswordWidget as PasswordWidget
from unfold.widgets import UnfoldAdminTextInputWidget as TextWidget

__all__ = [
    "AdminPasswordChangeForm",
    "AdminSite",
    "AuthenticationForm",
    "AutocompleteSelectFilter",
    "ChoiceBoxes",
    "ChoicesDropdownFilter",
    "DateWidget",
    "FileWidget",
    "PasswordWidget",
    "RangeDateFilter",
    "RangeDateTimeFilter",
    "RangeNumericFilter",
    "TabularInline",
    "TextWidget",
    "ThemedModelAdmin",
    "TimeWidget",
    "UserChangeForm",
    "UserCreationForm",
    "action",
    "display",
]


class TimeWidget(TimeInput):
    """The browser's native time field. It always submits 24-hour times."""

    input_type = "time"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(
            attrs={"class": " ".join(INPUT_CLASSES), "step": 60, **(attrs or {})}, format="%H:%M"
        )


class DateWidget(DateInput):
    """The browser's native date field. It always submits ISO dates."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs={"class": " ".join(INPUT_CLASSES), **(attrs or {})}, format="%Y-%m-%d")

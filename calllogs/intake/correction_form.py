"""The form with which a user corrects an unusable push."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from calllogs.intake.push_fields import PushField
from calllogs.provider_fields import BLANKS


class CorrectionForm(forms.Form):
    """One text field per push field, by our field names."""

    def __init__(self, data: Any, *, rows: list[PushField]) -> None:
        super().__init__(data)
        for row in rows:
            self.fields[row.name] = forms.CharField(
                label=row.label, required=False, max_length=2000, validators=[_validate_printable]
            )

    def corrections(self, rows: list[PushField]) -> dict[str, str]:
        """The values that differ from what was received. A field missing in the POST keeps its current value."""
        found: dict[str, str] = {}
        for row in rows:
            value = self.cleaned_data[row.name] if row.name in self.data else row.value
            if value.casefold() in BLANKS:
                value = ""
            if value != row.received:
                found[row.name] = value
        return found


def _validate_printable(value: str) -> None:
    if not value.isprintable():
        raise ValidationError(_("Letters, digits and signs only."), code="unprintable")

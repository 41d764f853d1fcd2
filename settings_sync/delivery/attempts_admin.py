"""Read-only admin of the requests sent to the provider."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ivrportal.audit import model_admin
from ivrportal.common import admin_mixins, admin_theme
from ivrportal.common.invisible_characters import make_visible
from settings_sync.delivery import record_lookup
from settings_sync.delivery.outcomes import Outcome
from settings_sync.models import Attempt

# Label and badge colour of each outcome. The empty outcome means that the request is in flight.
OUTCOME_LABELS: dict[str, tuple[Any, str]] = {
    "": (gettext_lazy("Under way"), "info"),
    Outcome.CONFIRMED: (gettext_lazy("Confirmed"), "success"),
    Outcome.NOT_SENT: (gettext_lazy("Not sent: no connection"), "warning"),
    Outcome.UNKNOWN: (gettext_lazy("No clear answer: it may have arrived"), "warning"),
    Outcome.THROTTLED: (gettext_lazy("Asked us to slow down"), "warning"),
    Outcome.ACCOUNT: (gettext_lazy("Account refused"), "danger"),
    Outcome.CONFIG: (gettext_lazy("The provider's address does not work"), "danger"),
    Outcome.REFUSED: (gettext_lazy("Refused"), "danger"),
    Outcome.UNRECOGNISED: (gettext_lazy("An answer that we do not know"), "danger"),
}
TRIGGER_LABELS: dict[str, Any] = {
    "save": gettext_lazy("a save"),
    "delete": gettext_lazy("a deletion"),
    "bulk": gettext_lazy("several switched at once"),
    "manual": gettext_lazy("Send now"),
    "resend": gettext_lazy("Send everything again"),
    "sweep": gettext_lazy("the regular check"),
    "retry": gettext_lazy("another try"),
    "check": gettext_lazy("sent once more to be sure"),
    "sample": gettext_lazy("sample data"),
    "import": gettext_lazy("an import"),
    "clock": gettext_lazy("by itself, at its time"),
}


class OutcomeFilter(admin.SimpleListFilter):
    title = gettext_lazy("what came of it")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(str(outcome), label) for outcome, (label, _colour) in OUTCOME_LABELS.items() if outcome]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(outcome=self.value()) if self.value() else queryset


@admin.register(Attempt)
class AttemptAdmin(admin_mixins.ReadOnlyAdminMixin, model_admin.ModelAdmin):
    list_display = ["started_at", "sent_value", "outcome_badge", "provider_reply", "duration", "trigger_text"]
    list_filter = [OutcomeFilter]
    search_fields = ["address"]
    search_help_text = gettext_lazy("An agent's number, a holiday's date (2026-11-08) or a day (Monday)")
    fields = [
        "started_at",
        "sent_value",
        "outcome_badge",
        "http_status",
        "provider_reply",
        "duration",
        "trigger_text",
    ]
    readonly_fields = fields

    @admin_theme.display(description=gettext_lazy("What we said"))
    def sent_value(self, attempt: Attempt) -> str:
        return record_lookup.describe(attempt.address, attempt.value)

    @admin_theme.display(description=gettext_lazy("What came of it"), ordering="outcome")
    def outcome_badge(self, attempt: Attempt) -> str:
        colour = OUTCOME_LABELS.get(attempt.outcome, ("", "base"))[1]
        return render_to_string("components/badge.html", {"label": outcome_label(attempt), "colour": colour})

    @admin_theme.display(description=gettext_lazy("Answer"), ordering="reply")
    def provider_reply(self, attempt: Attempt) -> str:
        return make_visible(attempt.reply) or "–"

    @admin_theme.display(description=gettext_lazy("Took"), ordering="duration_ms")
    def duration(self, attempt: Attempt) -> str:
        return format_duration(attempt)

    @admin_theme.display(description=gettext_lazy("Because of"), ordering="trigger")
    def trigger_text(self, attempt: Attempt) -> str:
        return trigger_label(attempt)


def outcome_label(attempt: Attempt) -> str:
    return str(OUTCOME_LABELS.get(attempt.outcome, (attempt.outcome, ""))[0])


def format_duration(attempt: Attempt) -> str:
    if attempt.duration_ms is None:
        return "–"
    if attempt.duration_ms < 1000:
        return _("%(n)d ms") % {"n": attempt.duration_ms}
    return _("%(n).1f s") % {"n": attempt.duration_ms / 1000}


def trigger_label(attempt: Attempt) -> str:
    return str(TRIGGER_LABELS.get(attempt.trigger, attempt.trigger))


def build_history(attempts: Any) -> list[dict[str, Any]]:
    """Return the rows of the history table on a setting's page."""
    return [
        {
            "started_at": attempt.started_at,
            "sent_value": record_lookup.describe(attempt.address, attempt.value),
            "outcome": outcome_label(attempt),
            "colour": OUTCOME_LABELS.get(attempt.outcome, ("", "base"))[1],
            # Without an HTTP status nothing came back: the text is ours and must not be quoted.
            "reply": f"“{make_visible(attempt.reply)}”"
            if attempt.reply and attempt.http_status
            else attempt.reply,
            "duration": format_duration(attempt),
            "trigger": trigger_label(attempt),
        }
        for attempt in attempts
    ]

"""Every request to the provider, in words: for reading."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ivrportal.audit import model_admin
from ivrportal.common import admin_mixins, admin_theme
from ivrportal.common.invisible_characters import shown
from settings_sync.delivery import record_lookup
from settings_sync.delivery.outcomes import Outcome
from settings_sync.models import Attempt

# What a person reads for each outcome, and its badge's colour. Empty: the request is under way.
OUTCOMES: dict[str, tuple[Any, str]] = {
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
TRIGGERS: dict[str, Any] = {
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
        return [(str(outcome), words) for outcome, (words, _colour) in OUTCOMES.items() if outcome]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(outcome=self.value()) if self.value() else queryset


@admin.register(Attempt)
class AttemptAdmin(admin_mixins.ReadOnlyAdminMixin, model_admin.ModelAdmin):
    list_display = ["started_at", "said", "became", "replied", "took", "because"]
    list_filter = [OutcomeFilter]
    search_fields = ["address"]
    search_help_text = gettext_lazy("An agent's number, a holiday's date (2026-11-08) or a day (Monday)")
    fields = ["started_at", "said", "became", "http_status", "replied", "took", "because"]
    readonly_fields = fields

    @admin_theme.display(description=gettext_lazy("What we said"))
    def said(self, attempt: Attempt) -> str:
        return record_lookup.describe(attempt.address, attempt.value)

    @admin_theme.display(description=gettext_lazy("What came of it"), ordering="outcome")
    def became(self, attempt: Attempt) -> str:
        colour = OUTCOMES.get(attempt.outcome, ("", "base"))[1]
        return render_to_string("components/badge.html", {"words": outcome_words(attempt), "colour": colour})

    @admin_theme.display(description=gettext_lazy("Answer"), ordering="reply")
    def replied(self, attempt: Attempt) -> str:
        return shown(attempt.reply) or "–"

    @admin_theme.display(description=gettext_lazy("Took"), ordering="duration_ms")
    def took(self, attempt: Attempt) -> str:
        return took_words(attempt)

    @admin_theme.display(description=gettext_lazy("Because of"), ordering="trigger")
    def because(self, attempt: Attempt) -> str:
        return trigger_words(attempt)


def outcome_words(attempt: Attempt) -> str:
    return str(OUTCOMES.get(attempt.outcome, (attempt.outcome, ""))[0])


def took_words(attempt: Attempt) -> str:
    if attempt.duration_ms is None:
        return "–"
    if attempt.duration_ms < 1000:
        return _("%(n)d ms") % {"n": attempt.duration_ms}
    return _("%(n).1f s") % {"n": attempt.duration_ms / 1000}


def trigger_words(attempt: Attempt) -> str:
    return str(TRIGGERS.get(attempt.trigger, attempt.trigger))


def history(attempts: Any) -> list[dict[str, Any]]:
    """Attempts as the history of a setting's page draws them."""
    return [
        {
            "started_at": attempt.started_at,
            "said": record_lookup.describe(attempt.address, attempt.value),
            "outcome": outcome_words(attempt),
            "colour": OUTCOMES.get(attempt.outcome, ("", "base"))[1],
            # Without a status nothing came back: then these are our words, and no quotation.
            "reply": f"“{shown(attempt.reply)}”" if attempt.reply and attempt.http_status else attempt.reply,
            "took": took_words(attempt),
            "because": trigger_words(attempt),
        }
        for attempt in attempts
    ]

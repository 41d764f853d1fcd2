"""The audit trail: who did or saw what, newest first. Quick at millions of entries: it never counts them all."""

import datetime as dt
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import QuerySet
from django.forms.utils import pretty_name
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ivrportal.audit import export, model_admin
from ivrportal.audit.audit_log import COMMAND_LINE, SYSTEM, Action
from ivrportal.audit.models import AuditEntry
from ivrportal.common import admin_mixins, admin_theme, pagination

MOST_FOUND = 1000  # by a search, newest first; an export has all
MOST_PEOPLE = 200  # to choose from; others are found by the search
# Entries that come at once are numbered in another order than their moments have, by a few.
DISORDER = 1000

# Colour of a deed's badge, where it is not the usual one.
COLOURS: dict[str, str] = {
    Action.SIGN_IN_FAILED: "warning",
    Action.LOCKED: "danger",
    Action.EXPORTED: "info",
    Action.FETCHED: "info",
    Action.LISTENED: "info",
    Action.DOWNLOADED: "info",
    Action.UNMASKED: "info",
    Action.DELETED: "warning",
    Action.ERASED: "danger",
    Action.KEY_MADE: "warning",
    Action.KEY_REVOKED: "warning",
    Action.ROLES: "warning",
    Action.PASSWORD: "warning",
    Action.STOPPED: "danger",
}


class PersonFilter(admin.SimpleListFilter):
    """The people are those who can sign in: to ask the trail for its own would be to read all of it."""

    title = _("who")
    parameter_name = "person"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        names = get_user_model().objects.order_by("username").values_list("username", flat=True)
        return [(name, name) for name in (*names[:MOST_PEOPLE], COMMAND_LINE, SYSTEM)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(person=self.value()) if self.value() else queryset


class DaysFilter(admin_theme.RangeDateFilter):
    """Whole days of the portal's zone. Days become numbers, so that the trail is read in its own order."""

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        first, last = (self._day(f"{self.parameter_name}_{end}") for end in ("from", "to"))
        if first is not None:
            queryset = queryset.filter(at__gte=first, number__gte=_number_at(first) - DISORDER)
        if last is not None:
            end = last + dt.timedelta(days=1)
            queryset = queryset.filter(at__lt=end, number__lte=_number_at(end) + DISORDER)
        return queryset

    def _day(self, name: str) -> dt.datetime | None:
        try:
            day = dt.date.fromisoformat(str(self.used_parameters.get(name)))
        except ValueError:
            return None
        return dt.datetime.combine(day, dt.time(), timezone.get_current_timezone())


def _number_at(moment: dt.datetime) -> int:
    """Of the first entry from then on; that of the last one if there is none."""
    numbers = AuditEntry.objects.filter(at__gte=moment).order_by("at").values_list("number", flat=True)
    return numbers.first() or AuditEntry.objects.last_number()


@admin.register(AuditEntry)
class AuditEntryAdmin(admin_mixins.ReadOnlyAdminMixin, model_admin.ModelAdmin):
    list_before_template = "audit/list_intro.html"
    change_form_template = "audit/entry.html"
    list_display = ["moment", "person", "shown_action", "shown_what", "shown_count", "address"]
    list_filter = [PersonFilter, ("action", admin_theme.ChoicesDropdownFilter), ("at", DaysFilter)]
    list_filter_submit = True
    list_fullwidth = True
    search_fields = ["what"]  # see get_search_results
    search_help_text = _(
        "User name, record (app.model:key), or words of the scope in the newest 200,000 entries"
    )
    show_full_result_count = False
    paginator = pagination.CappedPaginator
    fields = ["number"]
    readonly_fields = fields
    actions = None
    custom_urls = (("export.csv", "audit_export", export.export),)

    class Media:
        css = {"all": ["portal/audit.css"]}

    # --- the list ---

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Two searches, each by its own way: as one, all entries would be read in the hope of an early find."""
        text = search_term.strip()
        if not text:
            return queryset, False
        newest_first = queryset.order_by("-number")
        found: set[int] = set()
        for entries in (newest_first.named(text), newest_first.told(text)):
            found.update(entries.values_list("number", flat=True)[:MOST_FOUND])
        return queryset.filter(number__in=sorted(found)[-MOST_FOUND:]), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        verified = AuditEntry.objects.filter(action=Action.VERIFIED).first()
        context = {
            "verified": verified,
            "may_export": request.user.has_perm(export.EXPORT),
            "query": request.GET.urlencode(),
            "most": MOST_FOUND if request.GET.get("q") else pagination.CappedPaginator.most,
            "title": _("Audit trail"),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    @admin_theme.display(description=_("When"))
    def moment(self, entry: AuditEntry) -> str:
        return f"{timezone.localtime(entry.at):%d %b %Y, %H:%M:%S}"

    @admin_theme.display(description=_("What"))
    def shown_action(self, entry: AuditEntry) -> str:
        look = {"words": entry.get_action_display(), "colour": COLOURS.get(entry.action, "base")}
        return render_to_string("components/badge.html", look)

    @admin_theme.display(description=_("Scope"))
    def shown_what(self, entry: AuditEntry) -> str:
        return entry.what or entry.subject or "–"

    @admin_theme.display(description=_("How many"))
    def shown_count(self, entry: AuditEntry) -> str:
        return "–" if entry.count is None else intcomma(entry.count)

    # --- one entry ---

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> Any:
        entry = kwargs["obj"]
        context |= {
            "title": entry.get_action_display(),
            "subtitle": None,
            "entry": entry,
            "at": self.moment(entry),
            "badge": self.shown_action(entry),
            "rows": [(pretty_name(name), old, new) for name, (old, new) in entry.changes.items()],
        }
        return super().render_change_form(request, context, **kwargs)

"""The admin of the audit log, newest entries first. It never counts all entries, because there may be millions."""

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

MAX_RESULTS = 1000  # of a search, newest first; an export contains all
MAX_PEOPLE = 200  # in the filter; other users are found by the search
# Entries written at the same time may be numbered in a slightly different order than their times.
NUMBER_DISORDER = 1000

# Badge colours of actions; the others use "base".
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
    """Lists the users of the user table, because a list of distinct persons would read the whole audit log."""

    title = _("who")
    parameter_name = "person"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        names = get_user_model().objects.order_by("username").values_list("username", flat=True)
        return [(name, name) for name in (*names[:MAX_PEOPLE], COMMAND_LINE, SYSTEM)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(person=self.value()) if self.value() else queryset


class DaysFilter(admin_theme.RangeDateFilter):
    """Whole days in the portal's time zone. Also filters by entry number, so that the query follows the primary key."""

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        first, last = (self._day(f"{self.parameter_name}_{end}") for end in ("from", "to"))
        if first is not None:
            queryset = queryset.filter(
                at__gte=first, number__gte=_first_number_since(first) - NUMBER_DISORDER
            )
        if last is not None:
            end = last + dt.timedelta(days=1)
            queryset = queryset.filter(at__lt=end, number__lte=_first_number_since(end) + NUMBER_DISORDER)
        return queryset

    def _day(self, name: str) -> dt.datetime | None:
        try:
            day = dt.date.fromisoformat(str(self.used_parameters.get(name)))
        except ValueError:
            return None
        return dt.datetime.combine(day, dt.time(), timezone.get_current_timezone())


def _first_number_since(moment: dt.datetime) -> int:
    """The number of the first entry since `moment`, or of the last entry if there is none."""
    numbers = AuditEntry.objects.filter(at__gte=moment).order_by("at").values_list("number", flat=True)
    return numbers.first() or AuditEntry.objects.last_number()


@admin.register(AuditEntry)
class AuditEntryAdmin(admin_mixins.ReadOnlyAdminMixin, model_admin.ModelAdmin):
    list_before_template = "audit/list_intro.html"
    change_form_template = "audit/entry.html"
    list_display = ["moment", "person", "action_badge", "scope", "formatted_count", "address"]
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
        """Runs two searches, each with its own index. A combined query would scan all entries."""
        text = search_term.strip()
        if not text:
            return queryset, False
        newest_first = queryset.order_by("-number")
        found: set[int] = set()
        for entries in (newest_first.by_person_or_subject(text), newest_first.with_scope(text)):
            found.update(entries.values_list("number", flat=True)[:MAX_RESULTS])
        return queryset.filter(number__in=sorted(found)[-MAX_RESULTS:]), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        verified = AuditEntry.objects.filter(action=Action.VERIFIED).first()
        context = {
            "verified": verified,
            "may_export": request.user.has_perm(export.EXPORT_PERMISSION),
            "query": request.GET.urlencode(),
            "max_listed": MAX_RESULTS if request.GET.get("q") else pagination.CappedPaginator.max_count,
            "title": _("Audit trail"),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    @admin_theme.display(description=_("When"))
    def moment(self, entry: AuditEntry) -> str:
        return f"{timezone.localtime(entry.at):%d %b %Y, %H:%M:%S}"

    @admin_theme.display(description=_("What"))
    def action_badge(self, entry: AuditEntry) -> str:
        badge = {"label": entry.get_action_display(), "colour": COLOURS.get(entry.action, "base")}
        return render_to_string("components/badge.html", badge)

    @admin_theme.display(description=_("Scope"))
    def scope(self, entry: AuditEntry) -> str:
        return entry.what or entry.subject or "–"

    @admin_theme.display(description=_("How many"))
    def formatted_count(self, entry: AuditEntry) -> str:
        return "–" if entry.count is None else intcomma(entry.count)

    # --- one entry ---

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> Any:
        entry = kwargs["obj"]
        context |= {
            "title": entry.get_action_display(),
            "subtitle": None,
            "entry": entry,
            "at": self.moment(entry),
            "badge": self.action_badge(entry),
            "rows": [(pretty_name(name), old, new) for name, (old, new) in entry.changes.items()],
        }
        return super().render_change_form(request, context, **kwargs)

"""The history of changes: the filterable page, the latest changes of one record, and undo."""

import datetime as dt
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from settings_sync import coverage
from settings_sync.delivery import account_status
from settings_sync.history import change_log, delivery_status
from settings_sync.history import undo as history_undo
from settings_sync.history.change_log import (
    ADDED,
    AUTOMATIC,
    DELETED,
    TRACKED_MODELS,
    ChangeFilter,
    RecordChange,
)
from settings_sync.history.delivery_status import ChangeDelivery, DeliveryStatus
from settings_sync.models import ChangeReason

PER_PAGE = 50
RECENT_ROWS = 10

# The permission for each kind: shifts belong to agents, date overrides to office hours.
VIEW_PERMISSIONS = {
    "agent": "view_agent",
    "shift": "view_agent",
    "holiday": "view_holiday",
    "hours": "view_officehours",
    "other": "view_officehours",
}
# The label and the badge colour of each delivery status.
STATUS_BADGES: dict[DeliveryStatus, tuple[Any, str]] = {
    DeliveryStatus.IN_FORCE: (gettext_lazy("In force since %(at)s"), "success"),
    DeliveryStatus.NOT_YET: (gettext_lazy("Not yet"), "info"),
    DeliveryStatus.REPLACED: (gettext_lazy("Replaced before it was sent"), "base"),
    DeliveryStatus.UNCONFIRMED: (gettext_lazy("Replaced before it was confirmed"), "base"),
    DeliveryStatus.LATER: (gettext_lazy("Will be sent on its date"), "info"),
    DeliveryStatus.TOO_LATE: (gettext_lazy("Its date passed before it was confirmed"), "warning"),
    DeliveryStatus.STUCK: (gettext_lazy("Could not be taken back"), "danger"),
    DeliveryStatus.REMOVED: (gettext_lazy("Taken back by the provider's support"), "base"),
    DeliveryStatus.NEVER_SENT: (gettext_lazy("Had never been sent"), "base"),
    DeliveryStatus.NOTHING: (gettext_lazy("Nothing to tell the provider"), "base"),
}

_AUTOMATIC_REASONS = {ChangeReason.SHIFT, ChangeReason.PAUSE_OVER, ChangeReason.SAMPLE_DATA}


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change as displayed."""

    when: dt.datetime
    author: str
    kind: str
    title: str
    action: str
    differences: list[tuple[str, str, str]]
    is_first_known: bool
    status: str
    colour: str
    record_url: str
    undo_url: str


def get_urls(site: Any) -> list[Any]:
    """URL patterns below /admin/changes/."""

    def admin_view(view: Any) -> Any:
        return site.admin_view(lambda request, **arguments: view(request, site, **arguments))

    return [
        path("changes/", admin_view(changes_page), name="changes"),
        path("changes/<slug:kind>/<int:history_id>/", admin_view(undo_change), name="changes_put_back"),
    ]


def history_url(kind: str, record_id: Any) -> str:
    return f"{reverse('admin:changes')}?{urlencode({'record': f'{kind}:{record_id}'})}"


def load_recent_rows(request: HttpRequest, kind: str, record_id: int) -> list[ChangeRow]:
    """The latest changes of one record, for its change form."""
    found, _more = change_log.load_page(
        ChangeFilter(kinds=_related_kinds(kind), record=(kind, record_id)), count=RECENT_ROWS
    )
    return _build_rows(request, found)


def changes_page(request: HttpRequest, site: Any) -> HttpResponse:
    visible_kinds = tuple(
        kind for kind, verb in VIEW_PERMISSIONS.items() if request.user.has_perm(f"settings_sync.{verb}")
    )
    if not visible_kinds:
        raise PermissionDenied
    change_filter, problem = _parse_filter(request, visible_kinds)
    number = _parse_page_number(request.GET.get("page"))
    found, has_more = change_log.load_page(change_filter, start=(number - 1) * PER_PAGE, count=PER_PAGE)
    context = {
        **site.each_context(request),
        "title": _("History of changes"),
        "changes": _build_rows(request, found),
        "kinds": [(kind, TRACKED_MODELS[kind].label) for kind in visible_kinds],
        "people": get_user_model().objects.filter(is_staff=True).order_by("username"),
        "query": request.GET,
        "problem": problem,
        "is_filtered": any(request.GET.get(name) for name in ("kind", "person", "record", "first", "last")),
        "automatic": AUTOMATIC,
        "record_title": _record_title(change_filter, found),
        "newer": _page_url(request, number - 1) if number > 1 else "",
        "older": _page_url(request, number + 1) if has_more else "",
    }
    return TemplateResponse(request, "settings_sync/history/changes.html", context)


def undo_change(request: HttpRequest, site: Any, *, kind: str, history_id: int) -> HttpResponse:
    """GET shows the effect and the coverage questions; POST applies the undo."""
    change = history_undo.find_change(kind, history_id)
    if change is None:
        raise Http404
    if not _may_undo(request, change):
        raise PermissionDenied
    back = reverse("admin:changes")
    with transaction.atomic():
        if request.method == "POST":
            plan = history_undo.lock_and_build_plan(change)
            if not plan.problem and (not plan.questions or coverage.is_confirmed(request)):
                history_undo.apply(plan)
                _log_undo(request, plan)
                messages.success(
                    request,
                    _("%(what)s is as it was.") % {"what": change_log.record_title(change.kind, change.row)},
                )
                return redirect(history_url(kind, change.row.id))
        else:
            plan = history_undo.build_plan(change)
        context = {
            **site.each_context(request),
            "title": _("Put back?"),
            "plan": plan,
            "what": change_log.record_title(change.kind, change.row),
            "kind": change.kind.label,
            "back": back,
            "sure": coverage.CONFIRMED_PARAMETER,
        }
        return TemplateResponse(request, "settings_sync/history/undo.html", context)


def _log_undo(request: HttpRequest, plan: history_undo.UndoPlan) -> None:
    change = plan.change
    audit_log.record(
        Action.ADDED if plan.is_new else Action.CHANGED,
        request=request,
        what=f"{change.kind.label} {change_log.record_title(change.kind, change.row)}: {ChangeReason.UNDO}",
        subject=audit_log.subject_of(plan.record),
        changes={str(label): [old or None, new] for label, old, new in plan.differences},
        has_office_numbers=True,
    )


def _related_kinds(kind: str) -> tuple[str, ...]:
    return ("agent", "shift") if kind == "agent" else (kind,)


def _parse_filter(request: HttpRequest, visible_kinds: tuple[str, ...]) -> tuple[ChangeFilter, str]:
    """The filter from the query parameters, and a message if a date was ignored. Invalid values are ignored."""
    kind, person = request.GET.get("kind", ""), request.GET.get("person", "")
    record = _parse_record(request.GET.get("record", ""))
    days = [_parse_day(request.GET.get(name, "")) for name in ("first", "last")]
    kinds = (kind,) if kind in visible_kinds else visible_kinds
    if record:
        kinds = tuple(name for name in _related_kinds(record[0]) if name in visible_kinds)
    problem = ""
    if any(day is None and request.GET.get(name) for day, name in zip(days, ("first", "last"), strict=True)):
        problem = _("One of the days is no date; it is left out.")
    if person != AUTOMATIC and not (person.isascii() and person.isdigit() and len(person) < 10):
        person = ""
    return ChangeFilter(kinds, person, record, *days), problem


def _parse_day(text: str) -> dt.date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _parse_record(text: str) -> tuple[str, int] | None:
    kind, _colon, number = text.partition(":")
    is_one = kind in TRACKED_MODELS and number.isascii() and number.isdigit() and len(number) < 19
    return (kind, int(number)) if is_one else None


def _record_title(change_filter: ChangeFilter, found: list[RecordChange]) -> str:
    if not change_filter.record:
        return ""
    own = [change for change in found if change.kind.name == change_filter.record[0]] or found
    return change_log.record_title(own[0].kind, own[0].row) if own else _("this record")


def _parse_page_number(text: str | None) -> int:
    is_number = bool(text) and str(text).isascii() and str(text).isdigit() and len(str(text)) < 7
    return max(1, int(text)) if is_number and text else 1


def _page_url(request: HttpRequest, number: int) -> str:
    query = request.GET.copy()
    query["page"] = str(number)
    return f"?{query.urlencode()}"


def _build_rows(request: HttpRequest, found: list[RecordChange]) -> list[ChangeRow]:
    return [
        _build_row(request, change, delivery)
        for change, delivery in zip(found, delivery_status.delivery_statuses(found), strict=True)
    ]


def _build_row(request: HttpRequest, change: RecordChange, delivery: ChangeDelivery) -> ChangeRow:
    label, colour = STATUS_BADGES[delivery.status]
    row = change.row
    record = ("agent", row.agent_id) if change.kind.name == "shift" else (change.kind.name, row.id)
    is_undoable = history_undo.is_undoable(change) and _may_undo(request, change)
    action = {ADDED: _("added"), DELETED: _("deleted")}.get(row.history_type, _("changed"))
    return ChangeRow(
        when=row.history_date,
        author=author_name(row),
        kind=str(change.kind.label),
        title=change_log.record_title(change.kind, row),
        action=action,
        differences=change.differences,
        is_first_known=change.before is None and row.history_type == change_log.CHANGED,
        status=_shift_label(change) or str(label) % {"at": account_status.format_moment(delivery.at)},
        colour=colour,
        record_url=history_url(*record),
        undo_url=reverse("admin:changes_put_back", args=[change.kind.name, row.history_id])
        if is_undoable
        else "",
    )


def _shift_label(change: RecordChange) -> str:
    return _("Switches at its times") if change.kind.name == "shift" else ""


def author_name(row: Any) -> str:
    """The user who made the change, or the automatic cause."""
    if row.history_user:
        name = row.history_user.get_full_name() or row.history_user.get_username()
        return (
            _("%(name)s, put back") % {"name": name}
            if row.history_change_reason == ChangeReason.UNDO
            else name
        )
    if row.history_change_reason in _AUTOMATIC_REASONS:
        return str(ChangeReason(row.history_change_reason).label)
    return _("the system")


def _may_undo(request: HttpRequest, change: RecordChange) -> bool:
    verb = "add" if change.row.history_type == DELETED else "change"
    return bool(request.user.has_perm(f"settings_sync.{verb}_{change.kind.model._meta.model_name}"))

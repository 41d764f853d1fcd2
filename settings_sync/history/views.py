"""The history of changes: a page with filters, the last ones of one record, and putting an old value back."""

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
from settings_sync.history.change_log import ADDED, DELETED, ITSELF, KINDS, Change, ChangeFilter
from settings_sync.history.delivery_status import DeliveryStatus, Reached
from settings_sync.models import ChangeReason

PER_PAGE = 50
RECENT = 10

# Whose permission opens a kind: shifts belong to agents, hours for a date to the office hours.
SEEN_BY = {
    "agent": "view_agent",
    "shift": "view_agent",
    "holiday": "view_holiday",
    "hours": "view_officehours",
    "other": "view_officehours",
}
# What a person reads for each fate, and its badge's colour.
FATES: dict[DeliveryStatus, tuple[Any, str]] = {
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

_BY_THE_PORTAL = {ChangeReason.SHIFT, ChangeReason.PAUSE_OVER, ChangeReason.SAMPLE_DATA}


@dataclass(frozen=True, slots=True)
class Row:
    """A change as the page draws it."""

    when: dt.datetime
    who: str
    kind: str
    title: str
    did: str
    differences: list[tuple[str, str, str]]
    is_first_known: bool
    fate: str
    colour: str
    of_record: str
    put_back: str


def urls(site: Any) -> list[Any]:
    """For the admin site: below /admin/changes/."""

    def wrapped(view: Any) -> Any:
        return site.admin_view(lambda request, **arguments: view(request, site, **arguments))

    return [
        path("changes/", wrapped(page), name="changes"),
        path("changes/<slug:kind>/<int:history_id>/", wrapped(undo), name="changes_put_back"),
    ]


def link_of(kind: str, record_id: Any) -> str:
    return f"{reverse('admin:changes')}?{urlencode({'record': f'{kind}:{record_id}'})}"


def recent(request: HttpRequest, kind: str, record_id: int) -> list[Row]:
    """The last changes of one record, for its own page."""
    found, _more = change_log.page(
        ChangeFilter(kinds=_kinds_of(kind), record=(kind, record_id)), count=RECENT
    )
    return _rows(request, found)


def page(request: HttpRequest, site: Any) -> HttpResponse:
    seen = tuple(kind for kind, verb in SEEN_BY.items() if request.user.has_perm(f"settings_sync.{verb}"))
    if not seen:
        raise PermissionDenied
    wanted, problem = _wanted(request, seen)
    number = _number(request.GET.get("page"))
    found, has_more = change_log.page(wanted, start=(number - 1) * PER_PAGE, count=PER_PAGE)
    context = {
        **site.each_context(request),
        "title": _("History of changes"),
        "changes": _rows(request, found),
        "kinds": [(kind, KINDS[kind].label) for kind in seen],
        "people": get_user_model().objects.filter(is_staff=True).order_by("username"),
        "query": request.GET,
        "problem": problem,
        "is_filtered": any(request.GET.get(name) for name in ("kind", "person", "record", "first", "last")),
        "itself": ITSELF,
        "record_title": _record_title(wanted, found),
        "newer": _page_link(request, number - 1) if number > 1 else "",
        "older": _page_link(request, number + 1) if has_more else "",
    }
    return TemplateResponse(request, "settings_sync/history/changes.html", context)


def undo(request: HttpRequest, site: Any, *, kind: str, history_id: int) -> HttpResponse:
    """Ask in words, then put back; the guard's question is part of it."""
    change = history_undo.find(kind, history_id)
    if change is None:
        raise Http404
    if not _may_put_back(request, change):
        raise PermissionDenied
    back = reverse("admin:changes")
    with transaction.atomic():
        if request.method == "POST":
            plan = history_undo.take_turn_and_plan(change)
            if not plan.problem and (not plan.asks or coverage.is_sure(request)):
                history_undo.apply(plan)
                _record_put_back(request, plan)
                messages.success(
                    request, _("%(what)s is as it was.") % {"what": change_log.title(change.kind, change.row)}
                )
                return redirect(link_of(kind, change.row.id))
        else:
            plan = history_undo.plan(change)
        context = {
            **site.each_context(request),
            "title": _("Put back?"),
            "plan": plan,
            "what": change_log.title(change.kind, change.row),
            "kind": change.kind.label,
            "back": back,
            "sure": coverage.SURE,
        }
        return TemplateResponse(request, "settings_sync/history/undo.html", context)


def _record_put_back(request: HttpRequest, plan: history_undo.UndoPlan) -> None:
    change = plan.change
    audit_log.record(
        Action.ADDED if plan.is_new else Action.CHANGED,
        request=request,
        what=f"{change.kind.label} {change_log.title(change.kind, change.row)}: {ChangeReason.UNDO}",
        subject=audit_log.subject_of(plan.record),
        changes={str(what): [old or None, new] for what, old, new in plan.lines},
        are_our_numbers=True,
    )


def _kinds_of(kind: str) -> tuple[str, ...]:
    return ("agent", "shift") if kind == "agent" else (kind,)


def _wanted(request: HttpRequest, seen: tuple[str, ...]) -> tuple[ChangeFilter, str]:
    """The filters of the page, and what is wrong with them. What makes no sense is left out and told."""
    kind, person = request.GET.get("kind", ""), request.GET.get("person", "")
    record = _record(request.GET.get("record", ""))
    days = [parse_day(request.GET.get(name, "")) for name in ("first", "last")]
    kinds = (kind,) if kind in seen else seen
    if record:
        kinds = tuple(name for name in _kinds_of(record[0]) if name in seen)
    problem = ""
    if any(day is None and request.GET.get(name) for day, name in zip(days, ("first", "last"), strict=True)):
        problem = _("One of the days is no date; it is left out.")
    if person != ITSELF and not (person.isascii() and person.isdigit() and len(person) < 10):
        person = ""
    return ChangeFilter(kinds, person, record, *days), problem


def parse_day(text: str) -> dt.date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _record(text: str) -> tuple[str, int] | None:
    kind, _colon, number = text.partition(":")
    is_one = kind in KINDS and number.isascii() and number.isdigit() and len(number) < 19
    return (kind, int(number)) if is_one else None


def _record_title(wanted: ChangeFilter, found: list[Change]) -> str:
    if not wanted.record:
        return ""
    own = [change for change in found if change.kind.name == wanted.record[0]] or found
    return change_log.title(own[0].kind, own[0].row) if own else _("this record")


def _number(text: str | None) -> int:
    is_number = bool(text) and str(text).isascii() and str(text).isdigit() and len(str(text)) < 7
    return max(1, int(text)) if is_number and text else 1


def _page_link(request: HttpRequest, number: int) -> str:
    query = request.GET.copy()
    query["page"] = str(number)
    return f"?{query.urlencode()}"


def _rows(request: HttpRequest, found: list[Change]) -> list[Row]:
    return [
        _row(request, change, fate)
        for change, fate in zip(found, delivery_status.delivery_statuses(found), strict=True)
    ]


def _row(request: HttpRequest, change: Change, fate: Reached) -> Row:
    words, colour = FATES[fate.fate]
    row = change.row
    record = ("agent", row.agent_id) if change.kind.name == "shift" else (change.kind.name, row.id)
    is_undoable = history_undo.is_offered(change) and _may_put_back(request, change)
    did = {ADDED: _("added"), DELETED: _("deleted")}.get(row.history_type, _("changed"))
    return Row(
        when=row.history_date,
        who=who(row),
        kind=str(change.kind.label),
        title=change_log.title(change.kind, row),
        did=did,
        differences=change.differences,
        is_first_known=change.before is None and row.history_type == change_log.CHANGED,
        fate=_shift_words(change) or str(words) % {"at": account_status.clock(fate.at)},
        colour=colour,
        of_record=link_of(*record),
        put_back=reverse("admin:changes_put_back", args=[change.kind.name, row.history_id])
        if is_undoable
        else "",
    )


def _shift_words(change: Change) -> str:
    return _("Switches at its times") if change.kind.name == "shift" else ""


def who(row: Any) -> str:
    """Who did it, or what did it by itself."""
    if row.history_user:
        name = row.history_user.get_full_name() or row.history_user.get_username()
        return (
            _("%(name)s, put back") % {"name": name}
            if row.history_change_reason == ChangeReason.UNDO
            else name
        )
    if row.history_change_reason in _BY_THE_PORTAL:
        return str(ChangeReason(row.history_change_reason).label)
    return _("the system")


def _may_put_back(request: HttpRequest, change: Change) -> bool:
    verb = "add" if change.row.history_type == DELETED else "change"
    return bool(request.user.has_perm(f"settings_sync.{verb}_{change.kind.model._meta.model_name}"))

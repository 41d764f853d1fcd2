"""Saved views of the call list: a name for what stands in the address. One's own, and what others share."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from calllogs.access.visibility import EVERYTHING, CallVisibility, visibility_for
from calllogs.calls import columns as list_columns
from calllogs.calls import visible_filter
from calllogs.calls.filters import CallFilter, from_query
from calllogs.models import SavedView
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action

LONGEST_NAME = 60
MOST = 50  # of one person


def query_of(wanted: CallFilter, columns: list[tuple[str, str]]) -> str:
    """What a view keeps: the filter, and the columns if they are not the usual ones."""
    return "&".join(part for part in (wanted.query(), urlencode(columns)) if part)


def context(request: HttpRequest, wanted: CallFilter, columns: list[tuple[str, str]]) -> dict[str, Any]:
    sight, query = visibility_for(request.user), query_of(wanted, columns)
    found = [
        (_as_seen(view, sight), view.query == query, view.owner_id == request.user.pk)
        for view in SavedView.objects.seen_by(request.user)
    ]
    return {
        "own_views": [(view, is_shown) for view, is_shown, is_own in found if is_own],
        "shared_views": [(view, is_shown) for view, is_shown, is_own in found if not is_own],
        "view_query": query,
        "longest_name": LONGEST_NAME,
    }


def _as_seen(view: SavedView, sight: CallVisibility) -> SavedView:
    """Name and search may hold a number that another person typed."""
    if not sight.sees_numbers:
        view.name, view.query = sight.text(view.name), _clean(view.query, sight)
    return view


@require_POST
def change(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """`do`: save (with `name`, `query` and perhaps `shared`), or rename, share, keep, delete (with `view`)."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    with transaction.atomic():
        told, is_good = _done(request)
    told = visibility_for(request.user).text(told)
    messages.add_message(request, messages.SUCCESS if is_good else messages.WARNING, told)
    query = _clean(request.POST.get("query", ""))
    return redirect(f"{reverse('admin:calllogs_calllog_changelist')}?{query}".rstrip("?"))


def _done(request: HttpRequest) -> tuple[str, bool]:
    """What a person is told, and whether it went well."""
    do = request.POST.get("do", "")
    name = " ".join(request.POST.get("name", "").split())
    if do in ("save", "rename") and not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
        return _("Not saved: a view needs a name of at most %(n)d characters.") % {"n": LONGEST_NAME}, False
    if do == "save":
        return _saved(request, name)
    view = _own(request)
    if view is None:
        return _("This view is not there any more. Nothing was changed."), False
    if do == "delete":
        subject = audit_log.subject_of(view)
        view.delete()
        audit_log.record(
            Action.DELETED,
            request=request,
            what=_named(view),
            subject=subject,
            changes={"query": [view.query, None]},
        )
        return _("The view “%(name)s” is deleted.") % {"name": view.name}, True
    if do == "rename":
        if SavedView.objects.filter(owner=view.owner_id, name=name).exclude(pk=view.pk).exists():
            return _("Not renamed: you have a view “%(name)s” already.") % {"name": name}, False
        before, view.name = view.name, name
        view.save(update_fields=["name", "changed_at"])
        _record_change(request, view, {"name": [before, name]})
        return _("The view is now called “%(name)s”.") % {"name": name}, True
    view.shared = do == "share"
    view.save(update_fields=["shared", "changed_at"])
    _record_change(request, view, {"shared": [not view.shared, view.shared]})
    if view.shared:
        return _("Everybody who may see calls now finds the view “%(name)s”.") % {"name": view.name}, True
    return _("Only you find the view “%(name)s” now.") % {"name": view.name}, True


def _saved(request: HttpRequest, name: str) -> tuple[str, bool]:
    own = SavedView.objects.filter(owner=request.user.pk)
    before = own.filter(name=name).first()
    if before is None and own.count() >= MOST:
        return _("Not saved: you have %(n)d views already. Delete one first.") % {"n": MOST}, False
    values = {"query": _clean(request.POST.get("query", "")), "shared": "shared" in request.POST}
    view, is_new = SavedView.objects.update_or_create(owner_id=request.user.pk, name=name, defaults=values)
    audit_log.record(
        Action.ADDED if is_new else Action.CHANGED,
        request=request,
        what=_named(view),
        subject=audit_log.subject_of(view),
        changes={field: [getattr(before, field, None), value] for field, value in values.items()},
    )
    words = (
        _("The view “%(name)s” is saved.") if is_new else _("The view “%(name)s” was replaced by this one.")
    )
    return words % {"name": name}, True


def _record_change(request: HttpRequest, view: SavedView, changes: dict[str, list[Any]]) -> None:
    audit_log.record(
        Action.CHANGED,
        request=request,
        what=_named(view),
        subject=audit_log.subject_of(view),
        changes=changes,
    )


def _named(view: SavedView) -> str:
    return f"{view._meta.verbose_name} {view.name}"


def _own(request: HttpRequest) -> SavedView | None:
    """The view that is meant, if this person may change it: one's own; an administrator's are also the ownerless."""
    text = request.POST.get("view", "")
    pk = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    view = SavedView.objects.filter(pk=pk).first()
    if view is None or view.owner_id == request.user.pk:
        return view
    is_orphan = view.owner_id is None and request.user.is_superuser
    return view if is_orphan else None


def _clean(query: str, sight: CallVisibility = EVERYTHING) -> str:
    """As the list itself would write it, whatever was sent."""
    params = QueryDict(query[:100_000])
    names = list_columns.named(params.getlist(list_columns.PARAMETER))
    wanted = visible_filter.for_viewer(from_query(params), sight)
    return query_of(wanted, [(list_columns.PARAMETER, name) for name in names])

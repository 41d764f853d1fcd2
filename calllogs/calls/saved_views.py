"""Saved views of the call list: a named query string. Users see their own views and shared ones."""

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
MOST_VIEWS = 50  # per user


def build_query(call_filter: CallFilter, columns: list[tuple[str, str]]) -> str:
    """Join the filter's query string and the given column parameters."""
    return "&".join(part for part in (call_filter.query(), urlencode(columns)) if part)


def build_context(
    request: HttpRequest, call_filter: CallFilter, columns: list[tuple[str, str]]
) -> dict[str, Any]:
    visibility, query = visibility_for(request.user), build_query(call_filter, columns)
    found = [
        (_mask_view(view, visibility), view.query == query, view.owner_id == request.user.pk)
        for view in SavedView.objects.visible_to(request.user)
    ]
    return {
        "own_views": [(view, is_current) for view, is_current, is_own in found if is_own],
        "shared_views": [(view, is_current) for view, is_current, is_own in found if not is_own],
        "view_query": query,
        "longest_name": LONGEST_NAME,
    }


def _mask_view(view: SavedView, visibility: CallVisibility) -> SavedView:
    """Mask numbers that another user typed into the name or the search."""
    if not visibility.sees_numbers:
        view.name, view.query = visibility.mask_text(view.name), _normalise_query(view.query, visibility)
    return view


@require_POST
def change_view(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """POST `do`: save (`name`, `query`, optional `shared`), or rename, share, keep (unshare), delete (`view`)."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    with transaction.atomic():
        message, is_success = _apply_action(request)
    message = visibility_for(request.user).mask_text(message)
    messages.add_message(request, messages.SUCCESS if is_success else messages.WARNING, message)
    query = _normalise_query(request.POST.get("query", ""))
    return redirect(f"{reverse('admin:calllogs_calllog_changelist')}?{query}".rstrip("?"))


def _apply_action(request: HttpRequest) -> tuple[str, bool]:
    """Return the message for the user and whether the action succeeded."""
    do = request.POST.get("do", "")
    name = " ".join(request.POST.get("name", "").split())
    if do in ("save", "rename") and not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
        return _("Not saved: a view needs a name of at most %(n)d characters.") % {"n": LONGEST_NAME}, False
    if do == "save":
        return _save_view(request, name)
    view = _find_own_view(request)
    if view is None:
        return _("This view is not there any more. Nothing was changed."), False
    if do == "delete":
        subject = audit_log.subject_of(view)
        view.delete()
        audit_log.record(
            Action.DELETED,
            request=request,
            what=_audit_name(view),
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


def _save_view(request: HttpRequest, name: str) -> tuple[str, bool]:
    own = SavedView.objects.filter(owner=request.user.pk)
    before = own.filter(name=name).first()
    if before is None and own.count() >= MOST_VIEWS:
        return _("Not saved: you have %(n)d views already. Delete one first.") % {"n": MOST_VIEWS}, False
    values = {"query": _normalise_query(request.POST.get("query", "")), "shared": "shared" in request.POST}
    view, is_new = SavedView.objects.update_or_create(owner_id=request.user.pk, name=name, defaults=values)
    audit_log.record(
        Action.ADDED if is_new else Action.CHANGED,
        request=request,
        what=_audit_name(view),
        subject=audit_log.subject_of(view),
        changes={field: [getattr(before, field, None), value] for field, value in values.items()},
    )
    message = (
        _("The view “%(name)s” is saved.") if is_new else _("The view “%(name)s” was replaced by this one.")
    )
    return message % {"name": name}, True


def _record_change(request: HttpRequest, view: SavedView, changes: dict[str, list[Any]]) -> None:
    audit_log.record(
        Action.CHANGED,
        request=request,
        what=_audit_name(view),
        subject=audit_log.subject_of(view),
        changes=changes,
    )


def _audit_name(view: SavedView) -> str:
    return f"{view._meta.verbose_name} {view.name}"


def _find_own_view(request: HttpRequest) -> SavedView | None:
    """The posted view if this user may change it: their own, or for superusers one without an owner."""
    text = request.POST.get("view", "")
    pk = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    view = SavedView.objects.filter(pk=pk).first()
    if view is None or view.owner_id == request.user.pk:
        return view
    is_orphan = view.owner_id is None and request.user.is_superuser
    return view if is_orphan else None


def _normalise_query(query: str, visibility: CallVisibility = EVERYTHING) -> str:
    """Rewrite a query string in canonical form, dropping unknown parts and masking it for the viewer."""
    params = QueryDict(query[:100_000])
    names = list_columns.known_names(params.getlist(list_columns.PARAMETER))
    call_filter = visible_filter.for_viewer(from_query(params), visibility)
    return build_query(call_filter, [(list_columns.PARAMETER, name) for name in names])

"""Admin screens of exports: the list, and a page for each export with its progress, file and actions."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from calllogs.access.history_mixin import MaskedHistoryMixin
from calllogs.access.visibility import visibility_for
from calllogs.calls import visible_filter
from calllogs.calls.filters import from_query
from calllogs.exports import files, requests
from calllogs.exports.render import CONTENT_TYPES
from calllogs.exports.views import EXPORT_PERMISSION, build_headers
from calllogs.formatting import format_moment
from calllogs.models import Export
from calllogs.models.export import EXPORT_STATE_STYLE
from ivrportal.audit import audit_log, model_admin
from ivrportal.audit.audit_log import Action
from ivrportal.common import admin_mixins, admin_theme


def can_manage(request: HttpRequest, export: Export) -> bool:
    """Whether the user may download, cancel and retry this export: its owner and superusers may."""
    user = request.user
    return user.has_perm(EXPORT_PERMISSION) and (user.is_superuser or export.person_id == user.pk)


def _record_action(action: Action, request: HttpRequest, export: Export, **fields: Any) -> None:
    audit_log.record(
        action,
        request=request,
        what=f"{export.words}, {export.get_file_format_display()}",
        subject=audit_log.subject_of(export),
        count=export.rows if action == Action.FETCHED else None,
        **fields,
    )


@admin.register(Export)
class ExportAdmin(MaskedHistoryMixin, admin_mixins.ReadOnlyAdminMixin, model_admin.ModelAdmin):
    list_before_template = "calllogs/exports/list_intro.html"
    list_display = ["asked_at", "who", "file_format", "row_count", "state_badge"]
    list_filter = [("state", admin_theme.ChoicesDropdownFilter), ("asked_at", admin_theme.RangeDateFilter)]
    list_filter_submit = True
    list_fullwidth = True
    search_fields = ["who", "words"]
    search_help_text = gettext_lazy("Who exported, or which calls")
    show_full_result_count = False

    # --- the list ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[Export]:
        """Users limited to departments see only their own exports."""
        exports = super().get_queryset(request)
        return (
            exports.filter(person_id=request.user.pk) if visibility_for(request.user).is_limited else exports
        )

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """Leaves out `words` for users who do not see whole numbers: a search could reveal a number in it."""
        return self.search_fields if visibility_for(request.user).sees_numbers else ["who"]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Adds the two columns that depend on the user: the visible scope and the link to the file."""

        @admin_theme.display(description=gettext_lazy("Which calls"), ordering="words")
        def scope(export: Export) -> str:
            return visible_filter.for_viewer_text(export.words, export.query, visibility_for(request.user))

        @admin_theme.display(description=gettext_lazy("File"))
        def file_link(export: Export) -> str:
            may_download = can_manage(request, export) and requests.can_still_see(request.user, export)
            if not (export.can_be_downloaded and may_download):
                return "–"
            address = reverse("admin:calllogs_export_file", args=[export.pk])
            return format_html('<a class="in-link" href="{}">{}</a>', address, _("Download"))

        first, who, *others = self.list_display
        return [first, who, scope, *others, file_link]

    @admin_theme.display(description=gettext_lazy("Rows"), ordering="rows")
    def row_count(self, export: Export) -> str:
        return intcomma(export.rows)

    @admin_theme.display(description=gettext_lazy("State"), ordering="state")
    def state_badge(self, export: Export) -> str:
        colour, icon = EXPORT_STATE_STYLE[export.state]
        style = {"label": export.get_state_display(), "colour": colour, "icon": icon}
        return render_to_string("components/badge.html", style)

    # --- one export ---

    def get_urls(self) -> list[URLPattern]:
        def route(name: str, view: Any) -> URLPattern:
            return path(f"<int:pk>/{name}/", self.admin_site.admin_view(view), name=f"calllogs_export_{name}")

        return [
            route("progress", require_safe(self.progress_view)),
            route("file", require_safe(self.file_view)),
            route("cancel", require_POST(self.cancel_view)),
            route("again", require_POST(self.retry_view)),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        export = self.get_object(request, object_id)
        if export is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        title = _("Export of %(when)s") % {"when": format_moment(export.asked_at)}
        context = {
            **self.admin_site.each_context(request),
            **self._build_context(request, export),
            "title": title,
            "opts": self.opts,
        }
        return TemplateResponse(request, "calllogs/exports/export.html", context)

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The fragment that htmx polls until the export has ended."""
        context = self._build_context(request, get_object_or_404(self.get_queryset(request), pk=pk))
        return TemplateResponse(request, "calllogs/exports/progress.html", context)

    def file_view(self, request: HttpRequest, pk: int) -> FileResponse:
        """The file. Raises Http404 if it is not complete or already deleted, PermissionDenied without the right."""
        export = self._get_manageable(request, pk)
        if not requests.can_still_see(request.user, export):
            raise PermissionDenied
        if not export.can_be_downloaded:
            raise Http404
        try:
            content = files.path_for(export.file).open("rb")
        except FileNotFoundError:
            raise Http404 from None
        self._mark_seen(request, export)
        _record_action(Action.FETCHED, request, export)
        content_type = CONTENT_TYPES[Export.Format(export.file_format)]
        return FileResponse(
            content, content_type=content_type, headers=build_headers(export, rows=export.rows)
        )

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        export = self._get_manageable(request, pk)
        with transaction.atomic():
            is_cancelled = requests.cancel(export)
            if is_cancelled:
                changes = {"state": [export.state, Export.State.CANCELLED]}
                _record_action(Action.CHANGED, request, export, changes=changes)
        if is_cancelled:
            messages.success(request, _("The export is cancelled. Nothing of it is kept."))
        else:
            messages.info(request, _("The export had ended before."))
        return redirect("admin:calllogs_export_change", pk)

    def retry_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        export = self._get_manageable(request, pk)
        if not requests.can_still_see(request.user, export):
            raise PermissionDenied
        with transaction.atomic():
            export = requests.retry(export)
            _record_action(Action.EXPORTED, request, export)
        return redirect("admin:calllogs_export_change", export.pk)

    def _get_manageable(self, request: HttpRequest, pk: int) -> Export:
        export = get_object_or_404(self.get_queryset(request), pk=pk)
        if not can_manage(request, export):
            raise PermissionDenied
        return export

    def _build_context(self, request: HttpRequest, export: Export) -> dict[str, Any]:
        """Template context of the page and its fragment. Marks an ended export as seen by its owner.

        Raises PermissionDenied.
        """
        if not self.has_view_permission(request, export):
            raise PermissionDenied
        self._mark_seen(request, export)
        visibility = visibility_for(request.user)
        return {
            "export": export,
            "scope_text": visible_filter.for_viewer_text(export.words, export.query, visibility),
            "list_query": visible_filter.for_viewer(from_query(QueryDict(export.query)), visibility).query(),
            "badge": self.state_badge(export),
            "can_manage": can_manage(request, export),
            "can_still_see": requests.can_still_see(request.user, export),
        }

    def _mark_seen(self, request: HttpRequest, export: Export) -> None:
        if export.person_id == request.user.pk and export.seen_at is None and not export.is_under_way:
            Export.objects.filter(pk=export.pk).update(seen_at=timezone.now())

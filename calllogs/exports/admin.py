"""Who exported what: the list, and a page for each with its progress, its file and what can be done."""

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
from calllogs.exports.views import MAY, headers
from calllogs.formatting import to_the_second
from calllogs.models import Export
from calllogs.models.export import STATE_LOOK
from ivrportal.audit import audit_log, model_admin
from ivrportal.audit.audit_log import Action
from ivrportal.common import admin_mixins, admin_theme


def is_own(request: HttpRequest, export: Export) -> bool:
    """Whose it is may have its file, cancel it and try it again; so may a superuser."""
    user = request.user
    return user.has_perm(MAY) and (user.is_superuser or export.person_id == user.pk)


def _record(action: Action, request: HttpRequest, export: Export, **facts: Any) -> None:
    audit_log.record(
        action,
        request=request,
        what=f"{export.words}, {export.get_file_format_display()}",
        subject=audit_log.subject_of(export),
        count=export.rows if action == Action.FETCHED else None,
        **facts,
    )


@admin.register(Export)
class ExportAdmin(MaskedHistoryMixin, admin_mixins.ReadOnlyAdminMixin, model_admin.ModelAdmin):
    list_before_template = "calllogs/exports/list_intro.html"
    list_display = ["asked_at", "who", "file_format", "shown_rows", "shown_state"]
    list_filter = [("state", admin_theme.ChoicesDropdownFilter), ("asked_at", admin_theme.RangeDateFilter)]
    list_filter_submit = True
    list_fullwidth = True
    search_fields = ["who", "words"]
    search_help_text = gettext_lazy("Who exported, or which calls")
    show_full_result_count = False

    # --- the list ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[Export]:
        """Who is limited sees no scope of other departments: only the own exports."""
        exports = super().get_queryset(request)
        return (
            exports.filter(person_id=request.user.pk) if visibility_for(request.user).is_limited else exports
        )

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """The words of an export may hold a number: not for those who would find it by trying."""
        return self.search_fields if visibility_for(request.user).sees_numbers else ["who"]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Two columns differ from person to person: everybody fetches their own files only."""

        @admin_theme.display(description=gettext_lazy("Which calls"), ordering="words")
        def words(export: Export) -> str:
            return visible_filter.for_viewer_text(export.words, export.query, visibility_for(request.user))

        @admin_theme.display(description=gettext_lazy("File"))
        def file(export: Export) -> str:
            may_have = is_own(request, export) and requests.still_may(request.user, export)
            if not (export.can_be_downloaded and may_have):
                return "–"
            address = reverse("admin:calllogs_export_file", args=[export.pk])
            return format_html('<a class="in-link" href="{}">{}</a>', address, _("Download"))

        first, who, *others = self.list_display
        return [first, who, words, *others, file]

    @admin_theme.display(description=gettext_lazy("Rows"), ordering="rows")
    def shown_rows(self, export: Export) -> str:
        return intcomma(export.rows)

    @admin_theme.display(description=gettext_lazy("State"), ordering="state")
    def shown_state(self, export: Export) -> str:
        colour, icon = STATE_LOOK[export.state]
        look = {"words": export.get_state_display(), "colour": colour, "icon": icon}
        return render_to_string("components/badge.html", look)

    # --- one export ---

    def get_urls(self) -> list[URLPattern]:
        def at(name: str, view: Any) -> URLPattern:
            return path(f"<int:pk>/{name}/", self.admin_site.admin_view(view), name=f"calllogs_export_{name}")

        return [
            at("progress", require_safe(self.progress)),
            at("file", require_safe(self.file)),
            at("cancel", require_POST(self.cancel)),
            at("again", require_POST(self.again)),
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
        title = _("Export of %(when)s") % {"when": to_the_second(export.asked_at)}
        context = {
            **self.admin_site.each_context(request),
            **self._shown(request, export),
            "title": title,
            "opts": self.opts,
        }
        return TemplateResponse(request, "calllogs/exports/export.html", context)

    def progress(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The part of the page that renews itself."""
        context = self._shown(request, get_object_or_404(self.get_queryset(request), pk=pk))
        return TemplateResponse(request, "calllogs/exports/progress.html", context)

    def file(self, request: HttpRequest, pk: int) -> FileResponse:
        """The file, if it is whole and still kept."""
        export = self._own(request, pk)
        if not requests.still_may(request.user, export):
            raise PermissionDenied
        if not export.can_be_downloaded:
            raise Http404
        try:
            content = files.path_of(export.file).open("rb")
        except FileNotFoundError:
            raise Http404 from None
        self._note_seen(request, export)
        _record(Action.FETCHED, request, export)
        content_type = CONTENT_TYPES[Export.Format(export.file_format)]
        return FileResponse(content, content_type=content_type, headers=headers(export, rows=export.rows))

    def cancel(self, request: HttpRequest, pk: int) -> HttpResponse:
        export = self._own(request, pk)
        with transaction.atomic():
            is_cancelled = requests.cancel(export)
            if is_cancelled:
                changes = {"state": [export.state, Export.State.CANCELLED]}
                _record(Action.CHANGED, request, export, changes=changes)
        if is_cancelled:
            messages.success(request, _("The export is cancelled. Nothing of it is kept."))
        else:
            messages.info(request, _("The export had ended before."))
        return redirect("admin:calllogs_export_change", pk)

    def again(self, request: HttpRequest, pk: int) -> HttpResponse:
        export = self._own(request, pk)
        if not requests.still_may(request.user, export):
            raise PermissionDenied
        with transaction.atomic():
            export = requests.try_again(export)
            _record(Action.EXPORTED, request, export)
        return redirect("admin:calllogs_export_change", export.pk)

    def _own(self, request: HttpRequest, pk: int) -> Export:
        export = get_object_or_404(self.get_queryset(request), pk=pk)
        if not is_own(request, export):
            raise PermissionDenied
        return export

    def _shown(self, request: HttpRequest, export: Export) -> dict[str, Any]:
        """Raises PermissionDenied. Whoever looks at the end of an own export knows of it."""
        if not self.has_view_permission(request, export):
            raise PermissionDenied
        self._note_seen(request, export)
        sight = visibility_for(request.user)
        return {
            "export": export,
            "words": visible_filter.for_viewer_text(export.words, export.query, sight),
            "list_query": visible_filter.for_viewer(from_query(QueryDict(export.query)), sight).query(),
            "badge": self.shown_state(export),
            "is_own": is_own(request, export),
            "may_have": requests.still_may(request.user, export),
        }

    def _note_seen(self, request: HttpRequest, export: Export) -> None:
        if export.person_id == request.user.pk and export.seen_at is None and not export.is_under_way:
            Export.objects.filter(pk=export.pk).update(seen_at=timezone.now())

"""The inbox: all pushes as received. Unusable ones can be corrected and replayed."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from calllogs.access.admin_mixins import WholeOfficeAdminMixin
from calllogs.access.history_mixin import MaskedHistoryMixin
from calllogs.access.visibility import EVERYTHING, CallVisibility, visibility_for
from calllogs.formatting import format_moment
from calllogs.intake import push_display
from calllogs.intake.correction_form import CorrectionForm
from calllogs.intake.labels import REASON_LABELS, reason_label, remark_labels, render_outcome_badge
from calllogs.intake.push_fields import build_push_fields, find_caller
from calllogs.intake.replay import replay
from calllogs.models import Push
from ivrportal.audit import audit_log, model_admin
from ivrportal.audit.audit_log import Action
from ivrportal.common import admin_mixins, admin_theme, pagination
from ivrportal.common.phone import mask, to_e164

MAX_REPLAYED = 1_000  # per click; `manage.py replay_pushes` has no limit


class ReasonFilter(admin.SimpleListFilter):
    """Lists all known reasons, because selecting the distinct ones would scan the whole table."""

    title = gettext_lazy("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(REASON_LABELS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(reason=self.value()) if self.value() else queryset


@admin.register(Push)
class PushAdmin(
    WholeOfficeAdminMixin, MaskedHistoryMixin, admin_mixins.ReadOnlyAdminMixin, model_admin.ModelAdmin
):
    change_form_template = "calllogs/intake/push.html"
    list_before_template = "calllogs/intake/inbox_intro.html"
    list_display = ["received_time", "outcome_badge", "reason_or_remarks", "remote_addr"]
    list_filter = ["outcome", ReasonFilter]
    list_select_related = ["call"]
    list_fullwidth = True
    paginator = pagination.CappedPaginator
    show_full_result_count = False
    fields = ["received_at"]
    readonly_fields = fields
    actions = ["replay_chosen"]

    def has_correction_permission(self, request: HttpRequest) -> bool:
        """Django's change form stays read-only, because a received push is never changed.

        The form for corrections shows whole numbers, so it needs the permission to see them.
        """
        user: Any = request.user
        may = user.has_perm("calllogs.change_push") and self.has_view_permission(request)
        return may and visibility_for(user).sees_numbers

    def has_replay_permission(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return user.has_perm("calllogs.replay_push") and self.has_view_permission(request)

    # --- the list ---

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        max_count = pagination.CappedPaginator.max_count
        rejected_count = Push.objects.filter(outcome=Push.Outcome.REJECTED)[:max_count].count()
        context = {
            "rejected_count": rejected_count,
            "can_replay": self.has_replay_permission(request),
            "max_count": max_count,
        }
        response = super().changelist_view(request, {**context, **(extra_context or {})})
        listed = (getattr(response, "context_data", None) or {}).get("cl")
        if listed is not None:
            filters = request.GET.dict()
            audit_log.record(
                Action.SAW_LIST,
                request=request,
                what=", ".join([str(listed.opts.verbose_name_plural), *map("=".join, filters.items())]),
                count=len(listed.result_list),
                callers=[_caller_number(push) for push in listed.result_list],
            )
        return response

    @admin_theme.display(description=gettext_lazy("Received at"), ordering="received_at")
    def received_time(self, push: Push) -> str:
        return format_moment(push.received_at)

    @admin_theme.display(description=gettext_lazy("Outcome"))
    def outcome_badge(self, push: Push) -> str:
        return render_outcome_badge(push)

    @admin_theme.display(description=gettext_lazy("Reason or remark"))
    def reason_or_remarks(self, push: Push) -> str:
        first, *more = [label for label in (reason_label(push), *remark_labels(push)) if label] or ["–"]
        return f"{first} (+{len(more)})" if more else first

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Two columns depend on the user's visibility."""
        visibility = visibility_for(request.user)

        @admin_theme.display(description=gettext_lazy("Caller"))
        def caller(push: Push) -> str:
            return visibility.format_number(push.call.caller if push.call else find_caller(push)) or "–"

        @admin_theme.display(description=gettext_lazy("Call"))
        def call_link(push: Push) -> str:
            return _call_link(push, visibility, longest=16) or "–"

        *first, address = self.list_display
        return [*first, caller, call_link, address]

    # --- one push ---

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> Any:
        push = kwargs["obj"]
        visibility, is_unusable = visibility_for(request.user), push.outcome == Push.Outcome.REJECTED
        context |= {
            "title": _("Push of %(time)s") % {"time": format_moment(push.received_at)},
            "subtitle": None,
            "push": push,
            "badge": render_outcome_badge(push),
            "reason": reason_label(push),
            "remarks": remark_labels(push),
            "call_link": _call_link(push, visibility),
            "recording_page": reverse("admin:calllogs_calllog_change", args=[push.call.pk])
            if push.call
            else "",
            "rows": push_display.redact_fields(push, visibility),
            "raw": push_display.redact_raw_query(push, visibility),
            "unknown_parameters": push_display.redact_unknown_parameters(push, visibility),
            "can_correct": is_unusable and self.has_correction_permission(request),
        }
        number = _caller_number(push)
        audit_log.record(
            Action.SAW_CALL,
            request=request,
            what=str(context["title"]),
            subject=audit_log.subject_of(push),
            callers=[to_e164(number) or number],
        )
        return super().render_change_form(request, context, **kwargs)

    # --- trying again ---

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("replay/", view(require_POST(self.replay_all)), name="calllogs_push_replay"),
            path("<int:pk>/mend/", view(require_POST(self.correct)), name="calllogs_push_mend"),
            *super().get_urls(),
        ]

    def correct(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Save the user's corrections and replay the push. The page shows the result."""
        if not self.has_correction_permission(request):
            raise PermissionDenied
        push = get_object_or_404(Push, pk=pk)
        response = redirect("admin:calllogs_push_change", pk)
        rows = build_push_fields(push)
        form = CorrectionForm(request.POST, rows=rows)
        if not form.is_valid():
            for name, errors in form.errors.items():
                messages.error(request, f"{form.fields[name].label}: {' '.join(map(str, errors))}")
            return response
        corrections = form.corrections(rows)
        rejected = Push.objects.filter(pk=pk, outcome=Push.Outcome.REJECTED)
        with transaction.atomic():
            corrected_by = request.user.get_username()[:150] if corrections else ""
            is_saved = rejected.update(mends=corrections or None, mended_by=corrected_by) > 0
            if is_saved:
                self._record_correction(
                    request,
                    push,
                    {row.name: [row.value, corrections.get(row.name, row.value)] for row in rows},
                )
        if not is_saved:
            messages.info(request, _("This push is a call already; nothing was changed."))
            return response
        self._replay(request, [pk])
        push.refresh_from_db()
        labels = ", ".join(row.label for row in rows if row.name in corrections)
        if labels:
            message = _("Corrected: %(fields)s.") % {"fields": labels}
            LogEntry.objects.log_actions(request.user.pk or 0, [push], CHANGE, message)
        if push.outcome == Push.Outcome.REJECTED:
            messages.error(request, _("Still not usable: %(reason)s.") % {"reason": reason_label(push)})
        else:
            messages.success(request, format_html("{} {}", _("It is a call now:"), _call_link(push)))
        return response

    def _record_correction(self, request: HttpRequest, push: Push, values: dict[str, list[str]]) -> None:
        changes = {name: pair for name, pair in values.items() if pair[0] != pair[1]}
        if "caller" in changes:  # mask it even if it is too short to be recognised as a number
            changes["caller"] = [mask(value) for value in changes["caller"]]
        audit_log.record(
            Action.MENDED if changes else Action.REPLAYED,
            request=request,
            what=str(push),
            subject=audit_log.subject_of(push),
            count=1,
            changes=changes,
        )

    def replay_all(self, request: HttpRequest) -> HttpResponse:
        if not self.has_replay_permission(request):
            raise PermissionDenied
        rejected = Push.objects.filter(outcome=Push.Outcome.REJECTED)
        if reason := request.POST.get("reason", ""):
            rejected = rejected.filter(reason=reason)
        self._replay_and_report(request, rejected)
        return redirect("admin:calllogs_push_changelist")

    @admin.action(description=gettext_lazy("Try again"), permissions=["replay"])
    def replay_chosen(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._replay_and_report(request, queryset.filter(outcome=Push.Outcome.REJECTED))

    def _replay_and_report(self, request: HttpRequest, rejected: QuerySet) -> None:
        ids = list(rejected.order_by("-id").values_list("pk", flat=True)[: MAX_REPLAYED + 1])
        if ids:
            # Recorded first: a replay is not one transaction, so that it never blocks a push.
            reason = request.POST.get("reason", "") or request.GET.get("reason", "")
            audit_log.record(
                Action.REPLAYED, request=request, what=reason or "all", count=min(len(ids), MAX_REPLAYED)
            )
        usable, unusable = self._replay(request, ids[:MAX_REPLAYED])
        if usable:
            text = ngettext("%(n)d push became a call.", "%(n)d pushes became calls.", usable)
            messages.success(request, text % {"n": usable})
        if unusable:
            text = ngettext("%(n)d is still not usable.", "%(n)d are still not usable.", unusable)
            messages.warning(request, text % {"n": unusable})
        if not ids:
            messages.info(request, _("There was nothing to try again: only pushes that are not usable are."))
        if len(ids) > MAX_REPLAYED:
            text = _(
                "The newest %(n)d were tried. Ask whoever runs the server for the command replay_pushes."
            )
            messages.info(request, text % {"n": MAX_REPLAYED})

    def _replay(self, request: HttpRequest, ids: list[int]) -> tuple[int, int]:
        counts = replay(ids=ids)
        usable_pushes = Push.objects.filter(pk__in=ids).exclude(outcome=Push.Outcome.REJECTED)
        if request.user.pk and counts[0]:
            LogEntry.objects.log_actions(
                request.user.pk, usable_pushes, CHANGE, _("Tried again; it is a call now.")
            )
        return counts


def _caller_number(push: Push) -> str:
    """The caller's number from the call, or else from the push."""
    return push.call.caller if push.call else find_caller(push)


def _call_link(push: Push, visibility: CallVisibility = EVERYTHING, *, longest: int = 200) -> str:
    if push.call is None:
        return ""
    address = reverse("admin:calllogs_calllog_change", args=[push.call.pk])
    call_id = visibility.mask_call_id(push.call.call_id, push.call.caller)
    return format_html('<a href="{}" class="in-link">{}</a>', address, Truncator(call_id).chars(longest))

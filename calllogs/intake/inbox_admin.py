"""Every push as it came; those that could not be used are mended and tried again here."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied, ValidationError
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
from calllogs.formatting import to_the_second
from calllogs.intake import push_display
from calllogs.intake.labels import REASON_WORDS, outcome_badge, reason_words, remark_words
from calllogs.intake.push_fields import Field, caller_of, fields_of
from calllogs.intake.replay import replay
from calllogs.models import Push
from calllogs.provider_fields import BLANKS
from ivrportal.audit import audit_log, model_admin
from ivrportal.audit.audit_log import Action
from ivrportal.common import admin_mixins, admin_theme, pagination
from ivrportal.common.phone import mask, to_e164

MOST_REPLAYED = 1_000  # by one press of a button; `manage.py replay_pushes` takes all


class ReasonFilter(admin.SimpleListFilter):
    """The reasons are a fixed list: to ask the table for those it has would be to read all of it."""

    title = gettext_lazy("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(REASON_WORDS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(reason=self.value()) if self.value() else queryset


@admin.register(Push)
class PushAdmin(
    WholeOfficeAdminMixin, MaskedHistoryMixin, admin_mixins.ReadOnlyAdminMixin, model_admin.ModelAdmin
):
    change_form_template = "calllogs/intake/push.html"
    list_before_template = "calllogs/intake/inbox_intro.html"
    list_display = ["came_at", "shown_outcome", "noticed", "remote_addr"]
    list_filter = ["outcome", ReasonFilter]
    list_select_related = ["call"]
    list_fullwidth = True
    paginator = pagination.CappedPaginator
    show_full_result_count = False
    fields = ["received_at"]
    readonly_fields = fields
    actions = ["replay_chosen"]

    def has_mend_permission(self, request: HttpRequest) -> bool:
        """The admin's own form stays shut, for what came is never changed. Who mends reads what came, numbers too."""
        user: Any = request.user
        may = user.has_perm("calllogs.change_push") and self.has_view_permission(request)
        return may and visibility_for(user).sees_numbers

    def has_replay_permission(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return user.has_perm("calllogs.replay_push") and self.has_view_permission(request)

    # --- the list ---

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        most = pagination.CappedPaginator.most
        waiting = Push.objects.filter(outcome=Push.Outcome.REJECTED)[:most].count()
        context = {"waiting": waiting, "may_replay": self.has_replay_permission(request), "most": most}
        response = super().changelist_view(request, {**context, **(extra_context or {})})
        listed = (getattr(response, "context_data", None) or {}).get("cl")
        if listed is not None:
            filters = request.GET.dict()
            audit_log.record(
                Action.SAW_LIST,
                request=request,
                what=", ".join([str(listed.opts.verbose_name_plural), *map("=".join, filters.items())]),
                count=len(listed.result_list),
                callers=[_number_of(push) for push in listed.result_list],
            )
        return response

    @admin_theme.display(description=gettext_lazy("Received at"), ordering="received_at")
    def came_at(self, push: Push) -> str:
        return to_the_second(push.received_at)

    @admin_theme.display(description=gettext_lazy("Outcome"))
    def shown_outcome(self, push: Push) -> str:
        return outcome_badge(push)

    @admin_theme.display(description=gettext_lazy("Reason or remark"))
    def noticed(self, push: Push) -> str:
        first, *more = [words for words in (reason_words(push), *remark_words(push)) if words] or ["–"]
        return f"{first} (+{len(more)})" if more else first

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Two columns differ from person to person."""
        sight = visibility_for(request.user)

        @admin_theme.display(description=gettext_lazy("Caller"))
        def caller(push: Push) -> str:
            return sight.number(push.call.caller if push.call else caller_of(push)) or "–"

        @admin_theme.display(description=gettext_lazy("Call"))
        def shown_call(push: Push) -> str:
            return _call_link(push, sight, longest=16) or "–"

        *first, address = self.list_display
        return [*first, caller, shown_call, address]

    # --- one push ---

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> Any:
        push = kwargs["obj"]
        sight, is_unusable = visibility_for(request.user), push.outcome == Push.Outcome.REJECTED
        context |= {
            "title": _("Push of %(time)s") % {"time": to_the_second(push.received_at)},
            "subtitle": None,
            "push": push,
            "badge": outcome_badge(push),
            "reason": reason_words(push),
            "remarks": remark_words(push),
            "call_link": _call_link(push, sight),
            "player": reverse("admin:calllogs_calllog_change", args=[push.call.pk]) if push.call else "",
            "rows": push_display.fields(push, sight),
            "raw": push_display.raw(push, sight),
            "unknown_parameters": push_display.unknown(push, sight),
            "may_mend": is_unusable and self.has_mend_permission(request),
        }
        number = _number_of(push)
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
            path("<int:pk>/mend/", view(require_POST(self.mend)), name="calllogs_push_mend"),
            *super().get_urls(),
        ]

    def mend(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Put a person's values in the place of what came, and try again; the page says how it went."""
        if not self.has_mend_permission(request):
            raise PermissionDenied
        push = get_object_or_404(Push, pk=pk)
        page = redirect("admin:calllogs_push_change", pk)
        rows = fields_of(push)
        form = MendForm(request.POST, rows=rows)
        if not form.is_valid():
            for name, errors in form.errors.items():
                messages.error(request, f"{form.fields[name].label}: {' '.join(map(str, errors))}")
            return page
        mends = form.mends(rows)
        here = Push.objects.filter(pk=pk, outcome=Push.Outcome.REJECTED)
        with transaction.atomic():
            by = request.user.get_username()[:150] if mends else ""
            is_here = here.update(mends=mends or None, mended_by=by) > 0
            if is_here:
                self._record_mend(
                    request, push, {row.name: [row.value, mends.get(row.name, row.value)] for row in rows}
                )
        if not is_here:
            messages.info(request, _("This push is a call already; nothing was changed."))
            return page
        self._replay(request, [pk])
        push.refresh_from_db()
        words = ", ".join(row.words for row in rows if row.name in mends)
        if words:
            told = _("Corrected: %(fields)s.") % {"fields": words}
            LogEntry.objects.log_actions(request.user.pk or 0, [push], CHANGE, told)
        if push.outcome == Push.Outcome.REJECTED:
            messages.error(request, _("Still not usable: %(reason)s.") % {"reason": reason_words(push)})
        else:
            messages.success(request, format_html("{} {}", _("It is a call now:"), _call_link(push)))
        return page

    def _record_mend(self, request: HttpRequest, push: Push, values: dict[str, list[str]]) -> None:
        changes = {name: pair for name, pair in values.items() if pair[0] != pair[1]}
        if "caller" in changes:  # also one that is too short to be known as a number
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
        waiting = Push.objects.filter(outcome=Push.Outcome.REJECTED)
        if reason := request.POST.get("reason", ""):
            waiting = waiting.filter(reason=reason)
        self._replay_and_say(request, waiting)
        return redirect("admin:calllogs_push_changelist")

    @admin.action(description=gettext_lazy("Try again"), permissions=["replay"])
    def replay_chosen(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._replay_and_say(request, queryset.filter(outcome=Push.Outcome.REJECTED))

    def _replay_and_say(self, request: HttpRequest, waiting: QuerySet) -> None:
        ids = list(waiting.order_by("-id").values_list("pk", flat=True)[: MOST_REPLAYED + 1])
        if ids:
            # Before: a replay is no one transaction, so that it never holds up a push.
            reason = request.POST.get("reason", "") or request.GET.get("reason", "")
            audit_log.record(
                Action.REPLAYED, request=request, what=reason or "all", count=min(len(ids), MOST_REPLAYED)
            )
        usable, unusable = self._replay(request, ids[:MOST_REPLAYED])
        if usable:
            words = ngettext("%(n)d push became a call.", "%(n)d pushes became calls.", usable)
            messages.success(request, words % {"n": usable})
        if unusable:
            words = ngettext("%(n)d is still not usable.", "%(n)d are still not usable.", unusable)
            messages.warning(request, words % {"n": unusable})
        if not ids:
            messages.info(request, _("There was nothing to try again: only pushes that are not usable are."))
        if len(ids) > MOST_REPLAYED:
            words = _(
                "The newest %(n)d were tried. Ask whoever runs the server for the command replay_pushes."
            )
            messages.info(request, words % {"n": MOST_REPLAYED})

    def _replay(self, request: HttpRequest, ids: list[int]) -> tuple[int, int]:
        counts = replay(ids=ids)
        became = Push.objects.filter(pk__in=ids).exclude(outcome=Push.Outcome.REJECTED)
        if request.user.pk and counts[0]:
            LogEntry.objects.log_actions(request.user.pk, became, CHANGE, _("Tried again; it is a call now."))
        return counts


class MendForm(forms.Form):
    """A value for each field, by our names."""

    def __init__(self, data: Any, *, rows: list[Field]) -> None:
        super().__init__(data)
        for row in rows:
            self.fields[row.name] = forms.CharField(
                label=row.words, required=False, max_length=2000, validators=[_printable]
            )

    def mends(self, rows: list[Field]) -> dict[str, str]:
        """What differs from what came. A field that was not sent along stays as it is."""
        found: dict[str, str] = {}
        for row in rows:
            value = self.cleaned_data[row.name] if row.name in self.data else row.value
            if value.casefold() in BLANKS:
                value = ""
            if value != row.received:
                found[row.name] = value
        return found


def _number_of(push: Push) -> str:
    """The caller's, as the call has it, or as the push says."""
    return push.call.caller if push.call else caller_of(push)


def _printable(value: str) -> None:
    if not value.isprintable():
        raise ValidationError(_("Letters, digits and signs only."), code="unprintable")


def _call_link(push: Push, sight: CallVisibility = EVERYTHING, *, longest: int = 200) -> str:
    if push.call is None:
        return ""
    address = reverse("admin:calllogs_calllog_change", args=[push.call.pk])
    call_id = sight.call_id(push.call.call_id, push.call.caller)
    return format_html('<a href="{}" class="in-link">{}</a>', address, Truncator(call_id).chars(longest))

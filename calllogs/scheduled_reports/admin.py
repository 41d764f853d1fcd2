"""Screens of scheduled reports: the reports, their latest runs, and sending one now or again."""

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import OuterRef, Prefetch, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from calllogs.access.visibility import visibility_for
from calllogs.models import CallLog, Report, ReportRun, SavedView
from calllogs.notifications import outbox, tasks
from calllogs.scheduled_reports import compose, due_dates, generate, labels
from ivrportal.audit import model_admin
from ivrportal.common import admin_theme

MAX_RUNS = 20
EARLIEST_DAY = dt.date(2000, 1, 1)


class ReportForm(forms.ModelForm):
    """Offers eligible recipients, and those already chosen."""

    class Meta:
        model = Report
        fields = ("name", "rhythm", "weekday", "at", "people", "view", "is_on")
        widgets = {"at": admin_theme.TimeWidget(), "people": admin_theme.ChoiceBoxes()}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "people" not in self.fields:
            return  # the user has only the permission to view
        chosen = self.instance.people.values("pk") if self.instance.pk else []
        people: Any = self.fields["people"]
        people.queryset = User.objects.filter(
            Q(pk__in=outbox.eligible_recipients().order_by().values("pk")) | Q(pk__in=chosen)
        ).order_by("username")
        people.label_from_instance = labels.format_user


@admin.register(Report)
class ReportAdmin(model_admin.ModelAdmin):
    form = ReportForm
    list_before_template = "calllogs/scheduled_reports/list_intro.html"
    change_form_before_template = "calllogs/scheduled_reports/form_intro.html"
    # Outside the form, because the template contains forms.
    change_form_outer_after_template = "calllogs/scheduled_reports/form_after.html"
    list_display = ["name", "rhythm_text", "people_text", "maker_text", "last_run", "next_time"]
    actions = None
    compressed_fields = False

    class Media:
        css = {"all": ["portal/alarms.css"]}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/send/", view(require_POST(self.send_view)), name="calllogs_report_send"),
            path("<int:pk>/runs/", view(require_safe(self.runs_view)), name="calllogs_report_runs"),
            path(
                "runs/<int:pk>/calls/",
                view(require_safe(self.redirect_to_calls)),
                name=compose.CALLS_URL_NAME,
            ),
            *super().get_urls(),
        ]

    # --- the list ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        latest = (
            ReportRun.objects.filter(report=OuterRef("report")).order_by("-made_at", "-id").values("pk")[:1]
        )
        runs = ReportRun.objects.filter(pk=Subquery(latest)).prefetch_related("mails")
        reports = super().get_queryset(request).select_related("maker")
        # Reports of others may show more departments, and a user who edits one could become its recipient.
        if visibility_for(request.user).is_limited:
            reports = reports.filter(maker=request.user.pk)
        return reports.prefetch_related("people", Prefetch("runs", queryset=runs, to_attr="latest_runs"))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {**_mail_context(), **(extra_context or {})})

    @admin_theme.display(description=gettext_lazy("When"), ordering="rhythm")
    def rhythm_text(self, report: Report) -> str:
        return labels.describe_rhythm(report)

    @admin_theme.display(description=gettext_lazy("To whom"))
    def people_text(self, report: Report) -> str:
        return ", ".join(user.get_full_name() or user.username for user in report.people.all()) or "–"

    @admin_theme.display(description=gettext_lazy("Made by"))
    def maker_text(self, report: Report) -> str:
        return labels.maker_name(report) or "–"

    @admin_theme.display(description=gettext_lazy("Last time"))
    def last_run(self, report: Report) -> str:
        (run,) = report.latest_runs or [None]  # type: ignore[attr-defined]
        if run is None:
            return "–"
        return render_to_string("calllogs/scheduled_reports/status.html", {"run": labels.build_run_row(run)})

    @admin_theme.display(description=gettext_lazy("Next time"))
    def next_time(self, report: Report) -> str:
        return labels.describe_next_time(report)

    # --- the form ---

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "view":
            kwargs["queryset"] = SavedView.objects.visible_to(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        view: Any = form.base_fields.get("view")
        if view is not None and obj is not None and obj.view_id:
            # A chosen private view of another user stays chosen.
            visible = SavedView.objects.visible_to(request.user)
            view.queryset = visible | SavedView.objects.filter(pk=obj.view_id).select_related("owner")
        return form

    def save_model(self, request: HttpRequest, obj: Report, form: Any, change: bool) -> None:
        """A new report, or one with a changed schedule, starts with its next due date.

        The maker stays the same, unless that user is gone or may not see calls any more.
        """
        if not generate.has_active_maker(obj):
            obj.maker = request.user  # type: ignore[assignment]
        if not change or {"rhythm", "weekday", "at", "is_on"} & set(form.changed_data):
            obj.on_since = timezone.now()
        super().save_model(request, obj, form, change)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        context = _mail_context()
        report = self.get_object(request, object_id) if object_id else None
        if report is not None:
            context |= self._runs_context(request, report) | {
                "next": labels.describe_next_time(report),
                "maker_note": labels.describe_maker(report),
            }
        return super().changeform_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def _runs_context(self, request: HttpRequest, report: Report) -> dict[str, Any]:
        latest = report.runs.prefetch_related("mails__user")[:MAX_RUNS]
        runs = [labels.build_run_row(run) for run in latest]
        return {
            "report": report,
            "runs": runs,
            "is_sending": any(run.is_sending for run in runs),
            "may_send": self.has_change_permission(request, report),
            "today": timezone.localdate(),
            "proposed_day": due_dates.latest_due(report, timezone.now()).last,
        }

    def runs_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The table of runs alone, which the page polls while mails are being sent."""
        report = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self.has_view_permission(request, report):
            raise PermissionDenied
        return TemplateResponse(
            request,
            "calllogs/scheduled_reports/runs.html",
            self._runs_context(request, report),
            headers={"Cache-Control": "no-store"},
        )

    # --- sending ---

    def send_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Generate and send a report now, about the latest due period or the period that contains `day`."""
        report = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self.has_change_permission(request, report):
            raise PermissionDenied
        back = redirect("admin:calllogs_report_change", pk)
        day = (
            _parse_day(request.POST["day"])
            if "day" in request.POST
            else due_dates.latest_due(report, timezone.now()).last
        )
        if day is None:
            messages.warning(request, _("Choose a day that is over, in the calendar beside the button."))
            return back
        first, last = due_dates.period_containing(report, day)
        with transaction.atomic():
            run = generate.generate_requested(report, first, last, by=request.user.get_username())
            if run is not None:
                self.log_change(request, report, f"Sent for {first} to {last}.")
        if run is None:
            messages.info(request, _("Somebody else has just sent it for the same days."))
            return back
        if run.mails.exists():
            messages.success(
                request,
                _("The report about %(days)s is on its way; below stands how it goes.")
                % {"days": labels.format_period(run)},
            )
            transaction.on_commit(tasks.enqueue_mails, robust=True)
        else:
            messages.warning(request, run.problem)
        return back

    def redirect_to_calls(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The link in a mail: redirects a signed-in user to the list of the calls that the run is about."""
        if not request.user.has_perm(outbox.VIEW_CALLS_PERMISSION):
            raise PermissionDenied
        runs = ReportRun.objects.select_related("report__view", "report__maker")
        if visibility_for(request.user).is_limited:
            runs = runs.filter(Q(report__maker=request.user.pk) | Q(mails__user=request.user.pk)).distinct()
        run = get_object_or_404(runs, pk=pk)
        query = compose.build_call_filter(run).query()
        return redirect(f"{reverse(f'admin:{CallLog._meta.app_label}_calllog_changelist')}?{query}")


def _mail_context() -> dict[str, Any]:
    return {"has_mail": outbox.is_set_up(), "mail_folder": outbox.mail_folder()}


def _parse_day(text: str) -> dt.date | None:
    """A day from `EARLIEST_DAY` to today, or None."""
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return day if day and EARLIEST_DAY <= day <= timezone.localdate() else None

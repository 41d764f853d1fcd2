"""Reports by mail: who gets what when, how the last ones went, and sending one now or again."""

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

SHOWN_RUNS = 20
EARLIEST = dt.date(2000, 1, 1)


class ReportForm(forms.ModelForm):
    """The people that can be written to, and those that were chosen before."""

    class Meta:
        model = Report
        fields = ("name", "rhythm", "weekday", "at", "people", "view", "is_on")
        widgets = {"at": admin_theme.TimeWidget(), "people": admin_theme.ChoiceBoxes()}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "people" not in self.fields:
            return  # only to be looked at
        chosen = self.instance.people.values("pk") if self.instance.pk else []
        people: Any = self.fields["people"]
        people.queryset = User.objects.filter(
            Q(pk__in=outbox.readers().order_by().values("pk")) | Q(pk__in=chosen)
        ).order_by("username")
        people.label_from_instance = labels.person


@admin.register(Report)
class ReportAdmin(model_admin.ModelAdmin):
    form = ReportForm
    list_before_template = "calllogs/scheduled_reports/list_intro.html"
    change_form_before_template = "calllogs/scheduled_reports/form_intro.html"
    change_form_outer_after_template = "calllogs/scheduled_reports/form_after.html"  # has forms of its own
    list_display = ["name", "shown_rhythm", "shown_people", "shown_maker", "shown_last", "shown_next"]
    actions = None
    compressed_fields = False

    class Media:
        css = {"all": ["portal/alarms.css"]}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/send/", view(require_POST(self.send)), name="calllogs_report_send"),
            path("<int:pk>/runs/", view(require_safe(self.runs)), name="calllogs_report_runs"),
            path("runs/<int:pk>/calls/", view(require_safe(self.calls)), name=compose.LINK),
            *super().get_urls(),
        ]

    # --- the list ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        newest = (
            ReportRun.objects.filter(report=OuterRef("report")).order_by("-made_at", "-id").values("pk")[:1]
        )
        runs = ReportRun.objects.filter(pk=Subquery(newest)).prefetch_related("letters")
        reports = super().get_queryset(request).select_related("maker")
        if visibility_for(
            request.user
        ).is_limited:  # others' may show more; and who can choose readers could choose himself
            reports = reports.filter(maker=request.user.pk)
        return reports.prefetch_related("people", Prefetch("runs", queryset=runs, to_attr="newest_runs"))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {**_mail(), **(extra_context or {})})

    @admin_theme.display(description=gettext_lazy("When"), ordering="rhythm")
    def shown_rhythm(self, report: Report) -> str:
        return labels.rhythm(report)

    @admin_theme.display(description=gettext_lazy("To whom"))
    def shown_people(self, report: Report) -> str:
        return ", ".join(user.get_full_name() or user.username for user in report.people.all()) or "–"

    @admin_theme.display(description=gettext_lazy("Made by"))
    def shown_maker(self, report: Report) -> str:
        return labels.maker(report) or "–"

    @admin_theme.display(description=gettext_lazy("Last time"))
    def shown_last(self, report: Report) -> str:
        (run,) = report.newest_runs or [None]  # type: ignore[attr-defined]
        if run is None:
            return "–"
        return render_to_string("calllogs/scheduled_reports/status.html", {"run": labels.run(run)})

    @admin_theme.display(description=gettext_lazy("Next time"))
    def shown_next(self, report: Report) -> str:
        return labels.next_words(report)

    # --- the form ---

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "view":
            kwargs["queryset"] = SavedView.objects.seen_by(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        view: Any = form.base_fields.get("view")
        if view is not None and obj is not None and obj.view_id:
            # Another's own view stays chosen, though one could not choose it.
            own = SavedView.objects.seen_by(request.user)
            view.queryset = own | SavedView.objects.filter(pk=obj.view_id).select_related("owner")
        return form

    def save_model(self, request: HttpRequest, obj: Report, form: Any, change: bool) -> None:
        """What is new, or means other days now, begins with the next that will be due.

        It stays with whoever made it, unless that person may not see calls any more.
        """
        if not generate.has_maker(obj):
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
        context = _mail()
        report = self.get_object(request, object_id) if object_id else None
        if report is not None:
            context |= self._runs(request, report) | {
                "next": labels.next_words(report),
                "whose": labels.whose(report),
            }
        return super().changeform_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def _runs(self, request: HttpRequest, report: Report) -> dict[str, Any]:
        rows = report.runs.prefetch_related("letters__user")[:SHOWN_RUNS]
        runs = [labels.run(run) for run in rows]
        return {
            "report": report,
            "runs": runs,
            "is_moving": any(run.is_moving for run in runs),
            "may_send": self.has_change_permission(request, report),
            "today": timezone.localdate(),
            "proposed": due_dates.latest(report, timezone.now()).last,
        }

    def runs(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The runs alone, for a page that looks again."""
        report = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self.has_view_permission(request, report):
            raise PermissionDenied
        return TemplateResponse(
            request,
            "calllogs/scheduled_reports/runs.html",
            self._runs(request, report),
            headers={"Cache-Control": "no-store"},
        )

    # --- sending ---

    def send(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Write it now: about the days that it was due for last, or those around `day`."""
        report = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self.has_change_permission(request, report):
            raise PermissionDenied
        back = redirect("admin:calllogs_report_change", pk)
        chosen = (
            _day(request.POST["day"])
            if "day" in request.POST
            else due_dates.latest(report, timezone.now()).last
        )
        if chosen is None:
            messages.warning(request, _("Choose a day that is over, in the calendar beside the button."))
            return back
        first, last = due_dates.around(report, chosen)
        with transaction.atomic():
            run = generate.asked(report, first, last, by=request.user.get_username())
            if run is not None:
                self.log_change(request, report, f"Sent for {first} to {last}.")
        if run is None:
            messages.info(request, _("Somebody else has just sent it for the same days."))
            return back
        words = {"days": labels.days(run)}
        if run.letters.exists():
            messages.success(
                request, _("The report about %(days)s is on its way; below stands how it goes.") % words
            )
            transaction.on_commit(tasks.enqueue_mails, robust=True)
        else:
            messages.warning(request, run.problem)
        return back

    def calls(self, request: HttpRequest, pk: int) -> HttpResponse:
        """From a mail to the calls that it is about, behind sign-in."""
        if not request.user.has_perm(outbox.VIEW):
            raise PermissionDenied
        runs = ReportRun.objects.select_related("report__view", "report__maker")
        if visibility_for(request.user).is_limited:
            runs = runs.filter(Q(report__maker=request.user.pk) | Q(letters__user=request.user.pk)).distinct()
        run = get_object_or_404(runs, pk=pk)
        query = compose.wanted(run)[0].query()
        return redirect(f"{reverse(f'admin:{CallLog._meta.app_label}_calllog_changelist')}?{query}")


def _mail() -> dict[str, Any]:
    return {"has_mail": outbox.is_set_up(), "mail_folder": outbox.folder()}


def _day(text: str) -> dt.date | None:
    """A day that has begun, and not before the portal's time."""
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return day if day and EARLIEST <= day <= timezone.localdate() else None

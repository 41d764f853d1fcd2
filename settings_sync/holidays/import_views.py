"""Import holidays from the list of India's holidays or from a file: select, confirm, save."""

import datetime as dt
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ivrportal.common import admin_theme
from settings_sync.delivery import account_status as accounts
from settings_sync.delivery import overview
from settings_sync.holidays import csv_files, ical_files, import_messages, import_plan, india
from settings_sync.holidays.csv_files import FileRejected, HolidayRow, ParsedFile
from settings_sync.holidays.import_plan import ImportPlan
from settings_sync.holidays.india import DateDoubt, HolidayKind, Suggestion
from settings_sync.models import Holiday

ADD_PERMISSION = "settings_sync.add_holiday"
LIST_URL_NAME = "admin:settings_sync_holiday_changelist"
MAX_SKIPPED_SHOWN = 100  # skipped lines listed individually
YEARS_AHEAD = 2
ACCEPTED_FILES = ".csv,.txt,.ics,.ical,text/csv,text/calendar"
STATE_SESSION_KEY = "holiday_state"  # the state selected last, in the session


def _require_add_permission(view: Any) -> Any:
    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.has_perm(ADD_PERMISSION):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return wrapper


def page_context(request: HttpRequest, model_admin: Any, **extra: Any) -> dict[str, Any]:
    return {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "media": model_admin.media,
        **extra,
    }


# --- the list of India's holidays ---


@_require_add_permission
def suggestions(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Select a state and a year, tick holidays. POST shows the confirmation page."""
    this_year = timezone.localdate().year
    params = request.POST if request.method == "POST" else request.GET
    state = params.get("state", request.session.get(STATE_SESSION_KEY, india.ALL_INDIA))
    year = params.get("year", "")
    years = list(range(this_year, this_year + YEARS_AHEAD + 1))
    selected_year = int(year) if year in map(str, years) else this_year
    try:
        offered = india.suggestions(state, selected_year, language=(get_language() or "en")[:2])
    except ValueError:
        state = india.ALL_INDIA
        offered = india.suggestions(state, selected_year)
    if request.session.get(STATE_SESSION_KEY, "") != state:
        request.session[STATE_SESSION_KEY] = state
    ticked = set(request.POST.getlist("date"))
    if request.method == "POST" and ticked:
        selected = [suggestion for suggestion in offered if suggestion.date.isoformat() in ticked]
        rows = [HolidayRow(0, suggestion.date, suggestion.name) for suggestion in selected]
        back = f"{reverse('admin:holiday_suggestions')}?state={state}&year={selected_year}"
        return _confirm_page(
            request,
            model_admin,
            import_plan.build_plan(rows),
            doubts={suggestion.date: suggestion.doubt for suggestion in selected},
            source=_("from the list of India's holidays"),
            back=back,
        )
    existing, today = set(Holiday.objects.values_list("date", flat=True)), timezone.localdate()
    lines = [_suggestion_context(suggestion, existing, today) for suggestion in offered]
    context = page_context(
        request,
        model_admin,
        title=_("Suggestions for %(year)d") % {"year": selected_year},
        state=state,
        states=india.states(),
        year=selected_year,
        years=years,
        official=[line for line in lines if line["kind"] != HolidayKind.OPTIONAL],
        optional=[line for line in lines if line["kind"] == HolidayKind.OPTIONAL],
        is_none_ticked=request.method == "POST",
    )
    return TemplateResponse(request, "settings_sync/holidays/suggestions.html", context)


def _suggestion_context(suggestion: Suggestion, existing: set[dt.date], today: dt.date) -> dict[str, Any]:
    mark, explanation = import_messages.DOUBT_LABELS.get(suggestion.doubt, ("", ""))
    return {
        "date": suggestion.date,
        "name": suggestion.name,
        "kind": suggestion.kind,
        "kind_label": import_messages.KIND_LABELS[suggestion.kind],
        "mark": mark,
        "explanation": explanation,
        "doubt": suggestion.doubt,
        "is_known": suggestion.date in existing,
        "is_past": suggestion.date < today,
        "is_open": suggestion.date not in existing and suggestion.date >= today,
    }


# --- files ---


class FileForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("A CSV or calendar file"),
        allow_empty_file=True,  # `csv_files` rejects it with our own message
        error_messages={
            "required": gettext_lazy("Choose a file first."),
            "invalid": gettext_lazy("Choose a file first."),
        },
        widget=admin_theme.FileWidget(
            {"accept": ACCEPTED_FILES, "aria-describedby": "file-help id_file_error"}
        ),
    )


@_require_add_permission
def upload(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Upload a CSV or iCalendar file. POST shows the confirmation page; the file is not stored."""
    form = FileForm(request.POST, request.FILES) if request.method == "POST" else FileForm()
    if form.is_valid():
        try:
            parsed = _parse_file(form.cleaned_data["file"])
        except FileRejected as rejected:
            form.add_error("file", import_messages.format_rejection(rejected))
        else:
            return _confirm_page(
                request,
                model_admin,
                import_plan.build_plan(parsed.rows, parsed.problems),
                source=_("from a file"),
                back=reverse("admin:holiday_import"),
                is_guessed=parsed.is_guessed,
            )
    context = page_context(
        request,
        model_admin,
        title=_("Import holidays from a file"),
        form=form,
        kib=csv_files.MAX_BYTES // 1024,
        sample=[("2027-01-26", _("Republic Day")), ("2027-03-22", _("Holi"))],
    )
    return TemplateResponse(request, "settings_sync/holidays/import.html", context)


def _parse_file(file: Any) -> ParsedFile:
    if file.size > csv_files.MAX_BYTES:
        raise FileRejected(FileRejected.TOO_BIG)
    content = file.read(csv_files.MAX_BYTES + 1)
    is_calendar = file.name.lower().endswith((".ics", ".ical")) or b"BEGIN:VCALENDAR" in content[:64].upper()
    if is_calendar:
        return ical_files.read_ical(content, timezone.localdate())
    return csv_files.read_csv(content)


# --- confirmation ---


def _confirm_page(
    request: HttpRequest,
    model_admin: Any,
    plan: ImportPlan,
    *,
    source: str,
    back: str,
    is_guessed: bool = False,
    has_changed: bool = False,
    doubts: dict[dt.date, DateDoubt] | None = None,
) -> HttpResponse:
    count, account = len(plan.new), accounts.load()
    title = ngettext("Send %(n)d holiday to the provider?", "Send %(n)d holidays to the provider?", count)
    context = page_context(
        request,
        model_admin,
        title=title % {"n": count} if count else _("Nothing to import"),
        count=count,
        rows=[(row, f"{row.date} {row.name}", _doubt_label(row, doubts or {})) for row in plan.new],
        skipped=plan.skipped[:MAX_SKIPPED_SHOWN],
        skipped_count=len(plan.skipped),
        more_skipped=max(0, len(plan.skipped) - MAX_SKIPPED_SHOWN),
        estimated=plan.estimated_count,
        is_today=plan.includes_today,
        takes=overview.format_duration(overview.estimate_seconds(count)),
        paused_reason=accounts.format_closed_reason(account),
        source=source,
        back=back,
        is_guessed=is_guessed,
        has_changed=has_changed,
    )
    return TemplateResponse(request, "settings_sync/holidays/import_confirm.html", context)


def _doubt_label(row: HolidayRow, doubts: dict[dt.date, DateDoubt]) -> str:
    """The mark for an uncertain date, from the list or from the name; "" without one."""
    by_name = DateDoubt.ESTIMATED if india.is_estimated(row.name) else DateDoubt.NONE
    return str(import_messages.DOUBT_LABELS.get(doubts.get(row.date, by_name), ("", ""))[0])


@_require_add_permission
@require_POST
def confirm(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Save exactly the confirmed rows. If some are not importable any more, ask again."""
    posted = request.POST.getlist("holiday")
    plan = import_plan.build_plan(row for row in map(_parse_confirmed_row, posted) if row)
    source = csv_files.clean_name(request.POST.get("source", ""))
    is_unchanged = bool(posted) and len(plan.new) == len(posted)
    if not is_unchanged or not import_plan.save_plan(plan, request=request, reason=source):
        plan = import_plan.build_plan(row for row in map(_parse_confirmed_row, posted) if row)
        return _confirm_page(
            request, model_admin, plan, source=source, back=reverse(LIST_URL_NAME), has_changed=True
        )
    count = len(plan.new)
    text = ngettext(
        "%(n)d holiday is saved and on its way to the provider.",
        "%(n)d holidays are saved and on their way to the provider.",
        count,
    )
    if accounts.load().closed_reason:
        text = ngettext(
            "%(n)d holiday is saved. It waits, because nothing is sent now.",
            "%(n)d holidays are saved. They wait, because nothing is sent now.",
            count,
        )
    messages.success(request, text % {"n": count})
    return redirect(f"{reverse(LIST_URL_NAME)}?year={plan.new[0].date.year}")


def _parse_confirmed_row(text: str) -> HolidayRow | None:
    """Parse `2027-01-26 Republic Day`, the value of a confirmed row; None if it is malformed."""
    try:
        return HolidayRow(0, dt.date.fromisoformat(text[:10]), csv_files.clean_name(text[10:]))
    except ValueError:
        return None

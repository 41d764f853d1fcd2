"""Holidays from the list of India's, and from files: chosen, then confirmed once more with their count, then saved."""

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
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_POST

from ivrportal.common import admin_theme
from settings_sync.delivery import account_status as accounts
from settings_sync.delivery import overview
from settings_sync.holidays import csv_files, ical_files, import_messages, import_plan, india
from settings_sync.holidays.csv_files import ParsedFile, Refused, Row
from settings_sync.holidays.import_plan import Plan
from settings_sync.holidays.india import Doubt, Kind, Suggestion
from settings_sync.models import Holiday

ADD = "settings_sync.add_holiday"
LIST = "admin:settings_sync_holiday_changelist"
SHOWN_TOLD = 100  # lines that are not taken, named one by one
YEARS_AHEAD = 2
ACCEPTED = ".csv,.txt,.ics,.ical,text/csv,text/calendar"
STATE_KEY = "holiday_state"  # the session remembers which state's list a person looked at


def _adding(view: Any) -> Any:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.has_perm(ADD):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


def context_of(request: HttpRequest, model_admin: Any, **own: Any) -> dict[str, Any]:
    return {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "media": model_admin.media,
        **own,
    }


# --- the list of India's holidays ---


@_adding
def suggestions(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Pick a state and a year, tick what applies. POST leads to the page that asks."""
    this_year = timezone.localdate().year
    chosen = request.POST if request.method == "POST" else request.GET
    state = chosen.get("state", request.session.get(STATE_KEY, india.ALL_INDIA))
    year = chosen.get("year", "")
    years = list(range(this_year, this_year + YEARS_AHEAD + 1))
    picked = int(year) if year in map(str, years) else this_year
    try:
        listed = india.suggestions(state, picked, language=(get_language() or "en")[:2])
    except ValueError:
        state = india.ALL_INDIA
        listed = india.suggestions(state, picked)
    if request.session.get(STATE_KEY, "") != state:
        request.session[STATE_KEY] = state
    ticked = set(request.POST.getlist("date"))
    if request.method == "POST" and ticked:
        chosen_days = [each for each in listed if each.date.isoformat() in ticked]
        rows = [Row(0, each.date, each.name) for each in chosen_days]
        back = f"{reverse('admin:holiday_suggestions')}?state={state}&year={picked}"
        return _ask(
            request,
            model_admin,
            import_plan.of(rows),
            doubts={each.date: each.doubt for each in chosen_days},
            source=_("from the list of India's holidays"),
            back=back,
        )
    known, today = set(Holiday.objects.values_list("date", flat=True)), timezone.localdate()
    lines = [_suggestion(each, known, today) for each in listed]
    context = context_of(
        request,
        model_admin,
        title=_("Suggestions for %(year)d") % {"year": picked},
        state=state,
        states=india.states(),
        year=picked,
        years=years,
        official=[line for line in lines if line["kind"] != Kind.OPTIONAL],
        optional=[line for line in lines if line["kind"] == Kind.OPTIONAL],
        is_none_ticked=request.method == "POST",
    )
    return TemplateResponse(request, "settings_sync/holidays/suggestions.html", context)


def _suggestion(each: Suggestion, known: set[dt.date], today: dt.date) -> dict[str, Any]:
    mark, why = import_messages.DOUBTS.get(each.doubt, ("", ""))
    return {
        "date": each.date,
        "name": each.name,
        "kind": each.kind,
        "kind_words": import_messages.KINDS[each.kind],
        "mark": mark,
        "why": why,
        "doubt": each.doubt,
        "is_known": each.date in known,
        "is_past": each.date < today,
        "is_open": each.date not in known and each.date >= today,
    }


# --- files ---


class FileForm(forms.Form):
    file = forms.FileField(
        label=_lazy("A CSV or calendar file"),
        allow_empty_file=True,  # said in our words
        error_messages={"required": _lazy("Choose a file first."), "invalid": _lazy("Choose a file first.")},
        widget=admin_theme.FileWidget({"accept": ACCEPTED, "aria-describedby": "file-help id_file_error"}),
    )


@_adding
def upload(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """A CSV or iCalendar file. POST reads it and leads to the page that asks; nothing is kept of the file."""
    form = FileForm(request.POST, request.FILES) if request.method == "POST" else FileForm()
    if form.is_valid():
        try:
            reading = _read(form.cleaned_data["file"])
        except Refused as refused:
            form.add_error("file", import_messages.refusal(refused))
        else:
            return _ask(
                request,
                model_admin,
                import_plan.of(reading.rows, reading.problems),
                source=_("from a file"),
                back=reverse("admin:holiday_import"),
                is_guessed=reading.is_guessed,
            )
    context = context_of(
        request,
        model_admin,
        title=_("Import holidays from a file"),
        form=form,
        kib=csv_files.MAX_BYTES // 1024,
        sample=[("2027-01-26", _("Republic Day")), ("2027-03-22", _("Holi"))],
    )
    return TemplateResponse(request, "settings_sync/holidays/import.html", context)


def _read(file: Any) -> ParsedFile:
    if file.size > csv_files.MAX_BYTES:
        raise Refused(Refused.TOO_BIG)
    content = file.read(csv_files.MAX_BYTES + 1)
    is_calendar = file.name.lower().endswith((".ics", ".ical")) or b"BEGIN:VCALENDAR" in content[:64].upper()
    if is_calendar:
        return ical_files.read(content, timezone.localdate())
    return csv_files.read_csv(content)


# --- asked once more, with the count ---


def _ask(
    request: HttpRequest,
    model_admin: Any,
    plan: Plan,
    *,
    source: str,
    back: str,
    is_guessed: bool = False,
    has_changed: bool = False,
    doubts: dict[dt.date, Doubt] | None = None,
) -> HttpResponse:
    count, account = len(plan.new), accounts.read()
    title = ngettext("Send %(n)d holiday to the provider?", "Send %(n)d holidays to the provider?", count)
    context = context_of(
        request,
        model_admin,
        title=title % {"n": count} if count else _("Nothing to import"),
        count=count,
        rows=[(row, f"{row.date} {row.name}", _mark(row, doubts or {})) for row in plan.new],
        told=plan.told[:SHOWN_TOLD],
        told_count=len(plan.told),
        more_told=max(0, len(plan.told) - SHOWN_TOLD),
        estimated=plan.estimated,
        is_today=plan.is_today_among_them,
        takes=overview.duration_words(overview.seconds_to_send(count)),
        shut=accounts.why_words(account),
        source=source,
        back=back,
        is_guessed=is_guessed,
        has_changed=has_changed,
    )
    return TemplateResponse(request, "settings_sync/holidays/import_confirm.html", context)


def _mark(row: Row, doubts: dict[dt.date, Doubt]) -> str:
    """`confirm`, or nothing: known from the list, or told by the name."""
    by_name = Doubt.ESTIMATED if india.is_estimated(row.name) else Doubt.NONE
    return str(import_messages.DOUBTS.get(doubts.get(row.date, by_name), ("", ""))[0])


@_adding
@require_POST
def confirm(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Save exactly what was asked about. If that has become something else meanwhile, ask again."""
    sent = request.POST.getlist("holiday")
    plan = import_plan.of(row for row in map(_confirmed, sent) if row)
    source = csv_files.clean_name(request.POST.get("source", ""))
    is_as_asked = bool(sent) and len(plan.new) == len(sent)
    if not is_as_asked or not import_plan.save(plan, request=request, reason=source):
        plan = import_plan.of(row for row in map(_confirmed, sent) if row)
        return _ask(request, model_admin, plan, source=source, back=reverse(LIST), has_changed=True)
    count = len(plan.new)
    words = ngettext(
        "%(n)d holiday is saved and on its way to the provider.",
        "%(n)d holidays are saved and on their way to the provider.",
        count,
    )
    if accounts.read().shut:
        words = ngettext(
            "%(n)d holiday is saved. It waits, because nothing is sent now.",
            "%(n)d holidays are saved. They wait, because nothing is sent now.",
            count,
        )
    messages.success(request, words % {"n": count})
    return redirect(f"{reverse(LIST)}?year={plan.new[0].date.year}")


def _confirmed(text: str) -> Row | None:
    """`2027-01-26 Republic Day`, as the page that asks has it."""
    try:
        return Row(0, dt.date.fromisoformat(text[:10]), csv_files.clean_name(text[10:]))
    except ValueError:
        return None

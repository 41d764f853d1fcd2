"""Importing holidays from the list of India's holidays and from files: parsing, confirmation, saving."""

import contextlib
import datetime as dt

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from ivrportal.accounts.roles import OFFICE_MANAGERS
from settings_sync import setting_address
from settings_sync.holidays import csv_files, ical_files, import_plan, india
from settings_sync.holidays.csv_files import FileRejected, HolidayRow, RowProblem
from settings_sync.holidays.india import DateDoubt, HolidayKind
from settings_sync.models import Holiday, ProviderSetting

PAGE = "/admin/settings_sync/holiday/"
TODAY = dt.date(2026, 11, 23)
YEAR = timezone.localdate().year + 1  # a future year for pages, which use the real date


@pytest.fixture
def manager(client_for, no_broker):
    return client_for(OFFICE_MANAGERS)


def upload(client, content, name="holidays.csv"):
    content = content.encode() if isinstance(content, str) else content
    return client.post(PAGE + "import/", {"file": SimpleUploadedFile(name, content)})


def offered(response):
    return [value for _row, value, _mark in response.context["rows"]]


def skipped(response):
    return {entry.line: entry.reason for entry in response.context["skipped"]}


def event(*lines):
    return "\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT"])


def calendar(*events):
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *events, "END:VCALENDAR", ""]).encode()


# --- the library's list ---


def test_every_state_and_territory_has_a_list():
    states = india.states()
    assert len(states) == 36
    for code, _name in states:
        assert len(india.suggestions(code, 2027)) > 15


def test_the_lists_mark_uncertain_dates():
    listed = {each.name: each for each in india.suggestions("MH", 2027)}
    assert listed["Republic Day"].doubt == DateDoubt.NONE
    assert listed["Good Friday"].doubt == DateDoubt.NONE
    assert listed["Diwali (Deepavali)"].doubt == DateDoubt.MOVES
    assert listed["Id-ul-Fitr (estimated)"].doubt == DateDoubt.ESTIMATED
    assert listed["Maharashtra Day"].kind == HolidayKind.STATE
    assert listed["Christmas"].kind == HolidayKind.NATIONAL
    assert listed["Rath Yatra"].kind == HolidayKind.OPTIONAL


def test_a_date_is_certain_if_one_of_its_holidays_is():
    day = next(each for each in india.suggestions("MH", 2027) if each.date == dt.date(2027, 8, 15))
    assert (day.doubt, "Independence Day" in day.name, india.is_estimated(day.name)) == (
        DateDoubt.NONE, True, False,
    )  # fmt: skip


def test_estimated_names_are_recognised_in_every_language():
    hindi = [each.name for each in india.suggestions("MH", 2027, language="hi")]
    assert sum(map(india.is_estimated, hindi)) >= 3


def test_unknown_states_and_years_are_rejected():
    for state, year in (("XX", 2027), ("MH", 2036), ("MH", 1990)):
        with pytest.raises(ValueError, match="no "):
            india.suggestions(state, year)


@pytest.mark.django_db(transaction=True)
def test_ticked_suggestions_are_confirmed_with_their_count_and_sent(manager):
    Holiday.objects.create(date=dt.date(YEAR, 1, 26), name="ours")
    page = manager.get(PAGE + "suggestions/", {"state": "MH", "year": YEAR})
    lines = {line["date"]: line for line in page.context["official"]}
    assert lines[dt.date(YEAR, 1, 26)]["is_known"]
    assert "Entered already" in page.text
    assert "confirm" in page.text
    dates = [f"{YEAR}-05-01", f"{YEAR}-10-02", f"{YEAR}-12-25", f"{YEAR}-01-26", "2020-01-01"]
    question = manager.post(PAGE + "suggestions/", {"state": "MH", "year": YEAR, "date": dates})
    assert "Send 3 holidays to the provider?" in question.text
    assert "They cannot be taken back by any call." in question.text
    assert "Entered already, as “ours”." in question.text
    assert Holiday.objects.count() == 1
    saved_page = manager.post(
        PAGE + "import/confirm/", {"holiday": offered(question), "source": "from the list"}, follow=True
    )
    assert "3 holidays are saved and on their way" in saved_page.text
    assert dict(Holiday.objects.values_list("date", "name"))[dt.date(YEAR, 5, 1)] == "Maharashtra Day"
    assert ProviderSetting.objects.filter(desired="HOLIDAY").count() == 3
    entries = list(Holiday.history.filter(history_change_reason="from the list"))
    assert [entry.history_user.username for entry in entries] == ["office-managers"] * 3
    assert LogEntry.objects.filter(change_message="from the list").count() == 3


@pytest.mark.django_db(transaction=True)
def test_an_empty_selection_is_reported_and_the_state_is_remembered(manager):
    page = manager.post(PAGE + "suggestions/", {"state": "KL", "year": YEAR})
    assert "Tick at least one day first." in page.text
    assert manager.get(PAGE + "suggestions/").context["state"] == "KL"
    page = manager.get(PAGE + "suggestions/", {"state": "<script>", "year": "1066"})
    assert (page.status_code, page.context["state"]) == (200, "")


# --- CSV ---


def test_a_csv_is_read_with_and_without_headings_in_any_usual_form():
    for text in (
        "date,name\n2026-12-25,Christmas\n",
        "2026-12-25,Christmas",
        "\ufeffDate;Name\r\n25-12-2026;Christmas\r\n",
        "name\tdate\nChristmas\t25/12/2026\n",
        "date,what,name\n25 December 2026,x,Christmas",
        "Sl,Date,Holiday\n1,25-Dec-26,Christmas",
    ):
        parsed = csv_files.read_csv(text.encode())
        assert [(row.date, row.name) for row in parsed.rows] == [(dt.date(2026, 12, 25), "Christmas")], text
        assert parsed.problems == []


def test_line_numbers_are_those_of_an_editor():
    parsed = csv_files.read_csv(
        b'date,name\n2026-12-25,"two\nlines"\n\n2026-02-30,x\n12/25/2026,y\nsoon,z\n,w\n'
    )
    assert parsed.rows == [HolidayRow(2, dt.date(2026, 12, 25), "two lines")]
    assert [(each.line, each.reason, each.about) for each in parsed.problems] == [
        (5, RowProblem.NO_SUCH_DAY, "2026-02-30"),
        (6, RowProblem.NO_SUCH_DAY, "12/25/2026"),
        (7, RowProblem.NOT_A_DATE, "soon"),
        (8, RowProblem.NO_DATE, ""),
    ]


def test_other_encodings_are_read_and_reported():
    name = "Fête"
    for encoding, is_guessed in (("utf-8", False), ("utf-8-sig", False), ("utf-16", False), ("cp1252", True)):
        parsed = csv_files.read_csv(f"2026-12-25,{name}".encode(encoding))
        assert (parsed.rows[0].name, parsed.is_guessed) == (name, is_guessed), encoding


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b" \n", FileRejected.EMPTY), (b"PK\x03\x04...", FileRejected.NO_TEXT), (b"%PDF-1.7", FileRejected.NO_TEXT),
     (b"2026-12-25\x00", FileRejected.NO_TEXT), (b"2026-12-25,\x81\x9d", FileRejected.NO_ENCODING),
     (b"x" * (csv_files.MAX_BYTES + 1), FileRejected.TOO_BIG)],
)  # fmt: skip
def test_a_file_that_is_not_a_list_is_rejected(content, reason):
    with pytest.raises(FileRejected) as rejected:
        csv_files.read_csv(content)
    assert rejected.value.reason == reason


def test_too_many_rows_are_reported():
    parsed = csv_files.read_csv(b"soon,x\n" * (csv_files.MAX_ROWS + 5))
    assert parsed.problems[-1].reason == RowProblem.TOO_MANY_ROWS


@given(st.lists(st.tuples(st.dates(dt.date(2000, 1, 1)), st.text(max_size=120)), max_size=20))
def test_an_export_can_be_imported_again(holidays):
    cleaned = [(date, csv_files.clean_name(name)) for date, name in holidays]
    parsed = csv_files.read_csv(csv_files.write_csv(cleaned).encode()) if cleaned else None
    assert not cleaned or [(row.date, row.name) for row in parsed.rows] == cleaned


@given(st.binary(max_size=300))
def test_arbitrary_bytes_do_not_break_the_parsers(content):
    for read in (
        csv_files.read_csv,
        lambda each: ical_files.read_ical(b"BEGIN:VCALENDAR\n" + each, TODAY),
    ):
        with contextlib.suppress(FileRejected):
            read(content)


def test_no_cell_of_an_export_runs_as_a_formula():
    text = csv_files.write_csv([(TODAY, "=1+1"), (TODAY, "+x"), (TODAY, "'quoted")])
    assert [line.split(",")[1] for line in text.splitlines()[1:]] == ["'=1+1", "'+x", "'quoted"]


@pytest.mark.django_db(transaction=True)
def test_the_errors_of_a_csv_are_reported_by_line_and_the_rest_must_be_confirmed(manager):
    Holiday.objects.create(date=dt.date(YEAR, 1, 26))
    question = upload(
        manager,
        f"date,name\n{YEAR}-12-25,Christmas\n{YEAR}-02-30,x\n26-01-{YEAR},again\n2020-01-01,old\nsoon,y\n"
        f"{YEAR}-12-25,twice\n{YEAR + 50}-01-01,far\n",
    )
    assert offered(question) == [f"{YEAR}-12-25 Christmas"]
    reasons = skipped(question)
    assert reasons.keys() == {3, 4, 5, 6, 7, 8}
    for line, part in ((3, "There is no day"), (4, "Entered already"), (5, "has passed"), (6, "not a date"),
                       (7, "stands in line 2"), (8, "is the year right?")):  # fmt: skip
        assert part in reasons[line]
    assert "Line 3" in question.text
    assert Holiday.objects.count() == 1, "nothing is saved before it is confirmed"


@pytest.mark.django_db(transaction=True)
def test_a_file_without_any_new_holiday_offers_nothing_to_send(manager):
    question = upload(manager, "2020-01-01,old\n")
    assert "Nothing to import" in question.text
    assert "Send 0" not in question.text


@pytest.mark.django_db(transaction=True)
def test_guessed_encodings_and_rejected_files_are_reported_on_the_page(manager):
    assert "cp1252" in upload(manager, f"{YEAR}-12-25,Fête".encode("cp1252")).text
    assert "This is not a CSV file." in upload(manager, b"PK\x03\x04", "holidays.xlsx").text
    assert "The file is empty." in upload(manager, b"").text
    assert "does not begin with BEGIN:VCALENDAR" in upload(manager, b"hello", "x.ics").text
    assert "larger than 512 KB" in upload(manager, b"x" * 600_000).text
    assert "Choose a file first." in manager.post(PAGE + "import/").text


@pytest.mark.django_db(transaction=True)
def test_rows_that_changed_since_the_question_must_be_confirmed_again(manager):
    question = upload(manager, f"{YEAR}-12-25,Christmas\n{YEAR}-12-26,Boxing day\n")
    Holiday.objects.create(date=dt.date(YEAR, 12, 26))  # added concurrently
    again = manager.post(PAGE + "import/confirm/", {"holiday": offered(question), "source": "from a file"})
    assert "nothing was saved" in again.text
    assert offered(again) == [f"{YEAR}-12-25 Christmas"]
    assert Holiday.objects.count() == 1
    manager.post(PAGE + "import/confirm/", {"holiday": offered(again), "source": "from a file"})
    assert Holiday.objects.count() == 2
    for nonsense in ([], ["x"], ["2027-02-30 x"], ["2020-01-01 past"]):
        response = manager.post(PAGE + "import/confirm/", {"holiday": nonsense})
        assert "Nothing to import" in response.text
    assert manager.get(PAGE + "import/confirm/").status_code == 405


@pytest.mark.django_db(transaction=True)
def test_saving_is_all_or_nothing(manager, monkeypatch):
    request = RequestFactory().post(PAGE)
    request.user = User.objects.get()
    dates = [dt.date(YEAR, 12, day) for day in (24, 25)]
    plan = import_plan.build_plan(HolidayRow(0, date, "x") for date in dates)
    Holiday.objects.create(date=dates[1])
    assert not import_plan.save_plan(plan, request=request, reason="r")
    assert list(Holiday.objects.values_list("date", flat=True)) == [dates[1]]
    monkeypatch.setattr(import_plan.service, "reconcile_and_enqueue", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        import_plan.save_plan(
            import_plan.build_plan([HolidayRow(0, dates[0], "x")]), request=request, reason="r"
        )
    assert Holiday.objects.count() == 1
    assert not Holiday.history.filter(date=dates[0]).exists()


@pytest.mark.django_db(transaction=True)
def test_dates_over_the_limit_are_skipped_and_reported(manager):
    first = timezone.localdate() + dt.timedelta(days=1)
    dates = [first + dt.timedelta(days=n) for n in range(400)]
    question = upload(manager, "\n".join(f"{date},x" for date in dates))
    assert len(offered(question)) == import_plan.MAX_AT_ONCE
    assert question.context["skipped_count"] == 400 - import_plan.MAX_AT_ONCE
    manager.post(PAGE + "import/confirm/", {"holiday": offered(question), "source": "from a file"})
    assert ProviderSetting.objects.filter(
        address=setting_address.holiday_address(dates[365]), trigger="import"
    ).exists()


# --- calendars ---


def days(*events):
    parsed = ical_files.read_ical(calendar(*events), TODAY)
    return [(str(row.date), row.name) for row in parsed.rows], [each.reason for each in parsed.problems]


def test_each_day_of_an_all_day_event_is_a_holiday_and_dtend_is_exclusive():
    one = event("DTSTART;VALUE=DATE:20261225", "SUMMARY:Christmas\\, again")
    same = event("DTSTART;VALUE=DATE:20261226", "DTEND;VALUE=DATE:20261226", "SUMMARY:Same")
    long = event("DTSTART;VALUE=DATE:20261230", "DTEND;VALUE=DATE:20270102", "SUMMARY:Break")
    lasting = event("DTSTART;VALUE=DATE:20270110", "DURATION:P2D", "SUMMARY:Two")
    found, problems = days(one, same, long, lasting)
    assert problems == []
    assert found == [
        ("2026-12-25", "Christmas, again"), ("2026-12-26", "Same"), ("2026-12-30", "Break"), ("2026-12-31", "Break"),
        ("2027-01-01", "Break"), ("2027-01-10", "Two"), ("2027-01-11", "Two"),
    ]  # fmt: skip


def test_a_yearly_event_is_expanded_for_four_hundred_days():
    republic = event("DTSTART;VALUE=DATE:19500126", "RRULE:FREQ=YEARLY", "SUMMARY:Republic Day")
    christmas = event(
        "DTSTART;VALUE=DATE:20201225", "RRULE:FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25", "SUMMARY:X"
    )
    assert days(republic, christmas) == (
        [("2026-12-25", "X"), ("2027-01-26", "Republic Day"), ("2027-12-25", "X")], [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["DTSTART:20261225T090000Z", "SUMMARY:Party"], RowProblem.NOT_ALL_DAY),
        (["DTSTART;VALUE=DATE:20261206", "RRULE:FREQ=WEEKLY;BYDAY=SU"], RowProblem.REPEATS),
        (["DTSTART;VALUE=DATE:20261206", "RRULE:FREQ=YEARLY;BYDAY=1MO"], RowProblem.REPEATS),
        (["DTSTART;VALUE=DATE:20261206", "RRULE:FREQ=SECONDLY"], RowProblem.REPEATS),
        (["DTSTART;VALUE=DATE:20261206", "RDATE;VALUE=DATE:20261207"], RowProblem.REPEATS),
        (["DTSTART;VALUE=DATE:20200126", "RRULE:FREQ=YEARLY;UNTIL=20230101"], RowProblem.NO_DAY_AHEAD),
        (["DTSTART;VALUE=DATE:20200126", "RRULE:FREQ=YEARLY;COUNT=3"], RowProblem.NO_DAY_AHEAD),
        (["DTSTART;VALUE=DATE:20200229", "RRULE:FREQ=YEARLY"], RowProblem.NO_DAY_AHEAD),
        (
            ["DTSTART;VALUE=DATE:20200126", "RRULE:FREQ=YEARLY", "EXDATE;VALUE=DATE:20270126"],
            RowProblem.NO_DAY_AHEAD,
        ),
        (["DTSTART;VALUE=DATE:20261225", "STATUS:CANCELLED"], RowProblem.CANCELLED),
        (["DTSTART;VALUE=DATE:20261225", "DTEND;VALUE=DATE:20261220"], RowProblem.ENDS_BEFORE_IT_STARTS),
        (["DTSTART;VALUE=DATE:20261225", "DTEND;VALUE=DATE:20271220"], RowProblem.TOO_LONG),
        (["DTSTART;VALUE=DATE:20260230"], RowProblem.NOT_READABLE),
        (["SUMMARY:When?"], RowProblem.NO_DATE),
    ],
)
def test_an_event_without_a_holiday_is_reported_and_does_not_affect_others(lines, reason):
    good = event("DTSTART;VALUE=DATE:20261225", "SUMMARY:Christmas")
    assert days(event(*lines), good) == ([("2026-12-25", "Christmas")], [reason])


def test_events_are_reported_by_line_even_in_a_truncated_file():
    text = calendar(event("DTSTART;VALUE=DATE:20261225"), "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:2026")
    parsed = ical_files.read_ical(text, TODAY)
    assert [(each.line, each.reason) for each in parsed.problems] == [(6, RowProblem.NOT_READABLE)]


@pytest.mark.django_db(transaction=True)
def test_a_calendar_file_must_be_confirmed_like_a_csv(manager):
    content = calendar(event(f"DTSTART;VALUE=DATE:{YEAR}1225", "SUMMARY:Christmas"), event("SUMMARY:When?"))
    question = upload(manager, content, "office.ics")
    assert offered(question) == [f"{YEAR}-12-25 Christmas"]
    assert skipped(question) == {7: "There is no date."}

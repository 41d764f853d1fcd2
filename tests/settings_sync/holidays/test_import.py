"""Holidays from the list of India's and from files: read, told, asked once more, saved as one."""

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
from settings_sync.holidays.csv_files import Refused, Row, RowProblem
from settings_sync.holidays.india import Doubt, Kind
from settings_sync.models import Holiday, ProviderSetting

PAGE = "/admin/settings_sync/holiday/"
TODAY = dt.date(2026, 11, 23)
YEAR = timezone.localdate().year + 1  # for pages: they know today


@pytest.fixture
def manager(client_for, no_broker):
    return client_for(OFFICE_MANAGERS)


def upload(client, content, name="holidays.csv"):
    content = content.encode() if isinstance(content, str) else content
    return client.post(PAGE + "import/", {"file": SimpleUploadedFile(name, content)})


def offered(response):
    return [value for _row, value, _mark in response.context["rows"]]


def told(response):
    return {each.line: each.words for each in response.context["told"]}


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


def test_the_lists_tell_what_is_certain_from_what_the_moon_decides():
    listed = {each.name: each for each in india.suggestions("MH", 2027)}
    assert listed["Republic Day"].doubt == Doubt.NONE
    assert listed["Good Friday"].doubt == Doubt.NONE
    assert listed["Diwali (Deepavali)"].doubt == Doubt.MOVES
    assert listed["Id-ul-Fitr (estimated)"].doubt == Doubt.ESTIMATED
    assert listed["Maharashtra Day"].kind == Kind.STATE
    assert listed["Christmas"].kind == Kind.NATIONAL
    assert listed["Rath Yatra"].kind == Kind.OPTIONAL


def test_a_date_is_certain_if_one_of_its_holidays_is():
    day = next(each for each in india.suggestions("MH", 2027) if each.date == dt.date(2027, 8, 15))
    assert (day.doubt, "Independence Day" in day.name, india.is_estimated(day.name)) == (
        Doubt.NONE, True, False,
    )  # fmt: skip


def test_estimated_names_are_known_in_every_language():
    hindi = [each.name for each in india.suggestions("MH", 2027, language="hi")]
    assert sum(map(india.is_estimated, hindi)) >= 3


def test_what_the_library_does_not_know_is_refused():
    for state, year in (("XX", 2027), ("MH", 2036), ("MH", 1990)):
        with pytest.raises(ValueError, match="no "):
            india.suggestions(state, year)


@pytest.mark.django_db(transaction=True)
def test_ticked_suggestions_are_asked_about_with_their_count_and_then_sent(manager):
    Holiday.objects.create(date=dt.date(YEAR, 1, 26), name="ours")
    page = manager.get(PAGE + "suggestions/", {"state": "MH", "year": YEAR})
    lines = {line["date"]: line for line in page.context["official"]}
    assert lines[dt.date(YEAR, 1, 26)]["is_known"]
    assert "Entered already" in page.text
    assert "confirm" in page.text
    dates = [f"{YEAR}-05-01", f"{YEAR}-10-02", f"{YEAR}-12-25", f"{YEAR}-01-26", "2020-01-01"]
    asked = manager.post(PAGE + "suggestions/", {"state": "MH", "year": YEAR, "date": dates})
    assert "Send 3 holidays to the provider?" in asked.text
    assert "They cannot be taken back by any call." in asked.text
    assert "Entered already, as “ours”." in asked.text
    assert Holiday.objects.count() == 1
    done = manager.post(
        PAGE + "import/confirm/", {"holiday": offered(asked), "source": "from the list"}, follow=True
    )
    assert "3 holidays are saved and on their way" in done.text
    assert dict(Holiday.objects.values_list("date", "name"))[dt.date(YEAR, 5, 1)] == "Maharashtra Day"
    assert ProviderSetting.objects.filter(desired="HOLIDAY").count() == 3
    entries = list(Holiday.history.filter(history_change_reason="from the list"))
    assert [entry.history_user.username for entry in entries] == ["office-managers"] * 3
    assert LogEntry.objects.filter(change_message="from the list").count() == 3


@pytest.mark.django_db(transaction=True)
def test_nothing_ticked_and_nonsense_are_told_and_the_state_is_remembered(manager):
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
        reading = csv_files.read_csv(text.encode())
        assert [(row.date, row.name) for row in reading.rows] == [(dt.date(2026, 12, 25), "Christmas")], text
        assert reading.problems == []


def test_lines_are_counted_as_an_editor_counts_them():
    reading = csv_files.read_csv(
        b'date,name\n2026-12-25,"two\nlines"\n\n2026-02-30,x\n12/25/2026,y\nsoon,z\n,w\n'
    )
    assert reading.rows == [Row(2, dt.date(2026, 12, 25), "two lines")]
    assert [(each.line, each.why, each.about) for each in reading.problems] == [
        (5, RowProblem.NO_SUCH_DAY, "2026-02-30"),
        (6, RowProblem.NO_SUCH_DAY, "12/25/2026"),
        (7, RowProblem.NOT_A_DATE, "soon"),
        (8, RowProblem.NO_DATE, ""),
    ]


def test_other_encodings_are_read_and_told():
    name = "Fête"
    for encoding, is_guessed in (("utf-8", False), ("utf-8-sig", False), ("utf-16", False), ("cp1252", True)):
        reading = csv_files.read_csv(f"2026-12-25,{name}".encode(encoding))
        assert (reading.rows[0].name, reading.is_guessed) == (name, is_guessed), encoding


@pytest.mark.parametrize(
    ("content", "why"),
    [(b" \n", Refused.EMPTY), (b"PK\x03\x04...", Refused.NO_TEXT), (b"%PDF-1.7", Refused.NO_TEXT),
     (b"2026-12-25\x00", Refused.NO_TEXT), (b"2026-12-25,\x81\x9d", Refused.NO_ENCODING),
     (b"x" * (csv_files.MAX_BYTES + 1), Refused.TOO_BIG)],
)  # fmt: skip
def test_what_is_no_list_is_refused_as_a_whole(content, why):
    with pytest.raises(Refused) as refused:
        csv_files.read_csv(content)
    assert refused.value.why == why


def test_too_many_rows_are_told():
    reading = csv_files.read_csv(b"soon,x\n" * (csv_files.MAX_ROWS + 5))
    assert reading.problems[-1].why == RowProblem.TOO_MANY_ROWS


@given(st.lists(st.tuples(st.dates(dt.date(2000, 1, 1)), st.text(max_size=120)), max_size=20))
def test_what_is_exported_can_be_imported_again(holidays):
    kept = [(date, csv_files.clean_name(name)) for date, name in holidays]
    reading = csv_files.read_csv(csv_files.write_csv(kept).encode()) if kept else None
    assert not kept or [(row.date, row.name) for row in reading.rows] == kept


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading(content):
    for read in (
        csv_files.read_csv,
        lambda each: ical_files.read(b"BEGIN:VCALENDAR\n" + each, TODAY),
    ):
        with contextlib.suppress(Refused):
            read(content)


def test_no_cell_of_an_export_runs_as_a_formula():
    text = csv_files.write_csv([(TODAY, "=1+1"), (TODAY, "+x"), (TODAY, "'quoted")])
    assert [line.split(",")[1] for line in text.splitlines()[1:]] == ["'=1+1", "'+x", "'quoted"]


@pytest.mark.django_db(transaction=True)
def test_a_csv_with_errors_is_told_line_by_line_and_only_the_rest_is_asked_about(manager):
    Holiday.objects.create(date=dt.date(YEAR, 1, 26))
    asked = upload(
        manager,
        f"date,name\n{YEAR}-12-25,Christmas\n{YEAR}-02-30,x\n26-01-{YEAR},again\n2020-01-01,old\nsoon,y\n"
        f"{YEAR}-12-25,twice\n{YEAR + 50}-01-01,far\n",
    )
    assert offered(asked) == [f"{YEAR}-12-25 Christmas"]
    words = told(asked)
    assert words.keys() == {3, 4, 5, 6, 7, 8}
    for line, part in ((3, "There is no day"), (4, "Entered already"), (5, "has passed"), (6, "not a date"),
                       (7, "stands in line 2"), (8, "is the year right?")):  # fmt: skip
        assert part in words[line]
    assert "Line 3" in asked.text
    assert Holiday.objects.count() == 1, "nothing is saved before it is confirmed"


@pytest.mark.django_db(transaction=True)
def test_a_file_without_any_new_holiday_offers_nothing_to_send(manager):
    asked = upload(manager, "2020-01-01,old\n")
    assert "Nothing to import" in asked.text
    assert "Send 0" not in asked.text


@pytest.mark.django_db(transaction=True)
def test_guessed_letters_and_refused_files_are_said_on_the_page(manager):
    assert "cp1252" in upload(manager, f"{YEAR}-12-25,Fête".encode("cp1252")).text
    assert "This is not a CSV file." in upload(manager, b"PK\x03\x04", "holidays.xlsx").text
    assert "The file is empty." in upload(manager, b"").text
    assert "does not begin with BEGIN:VCALENDAR" in upload(manager, b"hello", "x.ics").text
    assert "larger than 512 KB" in upload(manager, b"x" * 600_000).text
    assert "Choose a file first." in manager.post(PAGE + "import/").text


@pytest.mark.django_db(transaction=True)
def test_what_has_changed_since_it_was_asked_is_asked_again(manager):
    asked = upload(manager, f"{YEAR}-12-25,Christmas\n{YEAR}-12-26,Boxing day\n")
    Holiday.objects.create(date=dt.date(YEAR, 12, 26))  # somebody else was quicker
    again = manager.post(PAGE + "import/confirm/", {"holiday": offered(asked), "source": "from a file"})
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
    plan = import_plan.of(Row(0, date, "x") for date in dates)
    Holiday.objects.create(date=dates[1])
    assert not import_plan.save(plan, request=request, reason="r")
    assert list(Holiday.objects.values_list("date", flat=True)) == [dates[1]]
    monkeypatch.setattr(import_plan.intent, "record", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        import_plan.save(import_plan.of([Row(0, dates[0], "x")]), request=request, reason="r")
    assert Holiday.objects.count() == 1
    assert not Holiday.history.filter(date=dates[0]).exists()


@pytest.mark.django_db(transaction=True)
def test_four_hundred_dates_are_taken_up_to_the_limit_and_the_rest_is_told(manager):
    first = timezone.localdate() + dt.timedelta(days=1)
    dates = [first + dt.timedelta(days=n) for n in range(400)]
    asked = upload(manager, "\n".join(f"{date},x" for date in dates))
    assert len(offered(asked)) == import_plan.MOST_AT_ONCE
    assert asked.context["told_count"] == 400 - import_plan.MOST_AT_ONCE
    manager.post(PAGE + "import/confirm/", {"holiday": offered(asked), "source": "from a file"})
    assert ProviderSetting.objects.filter(
        address=setting_address.holiday_address(dates[365]), trigger="import"
    ).exists()


# --- calendars ---


def days(*events):
    reading = ical_files.read(calendar(*events), TODAY)
    return [(str(row.date), row.name) for row in reading.rows], [each.why for each in reading.problems]


def test_an_all_day_event_is_a_holiday_for_each_of_its_days_and_its_end_is_the_day_after():
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


def test_a_yearly_event_is_followed_for_four_hundred_days():
    republic = event("DTSTART;VALUE=DATE:19500126", "RRULE:FREQ=YEARLY", "SUMMARY:Republic Day")
    christmas = event(
        "DTSTART;VALUE=DATE:20201225", "RRULE:FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25", "SUMMARY:X"
    )
    assert days(republic, christmas) == (
        [("2026-12-25", "X"), ("2027-01-26", "Republic Day"), ("2027-12-25", "X")], [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "why"),
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
def test_what_is_no_holiday_is_told_and_takes_no_other_event_with_it(lines, why):
    good = event("DTSTART;VALUE=DATE:20261225", "SUMMARY:Christmas")
    assert days(event(*lines), good) == ([("2026-12-25", "Christmas")], [why])


def test_events_are_told_by_their_line_and_a_file_that_was_cut_off_too():
    text = calendar(event("DTSTART;VALUE=DATE:20261225"), "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:2026")
    reading = ical_files.read(text, TODAY)
    assert [(each.line, each.why) for each in reading.problems] == [(6, RowProblem.NOT_READABLE)]


@pytest.mark.django_db(transaction=True)
def test_a_calendar_file_is_asked_about_like_any_other(manager):
    content = calendar(event(f"DTSTART;VALUE=DATE:{YEAR}1225", "SUMMARY:Christmas"), event("SUMMARY:When?"))
    asked = upload(manager, content, "office.ics")
    assert offered(asked) == [f"{YEAR}-12-25 Christmas"]
    assert told(asked) == {7: "There is no date."}

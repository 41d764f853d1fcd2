"""Exporting on the screen: permissions, responses, records, and how exports end."""

import io

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse

from calllogs.exports import files, jobs, render, requests, streaming, tasks
from calllogs.models import CallLog, DepartmentLimit, Export
from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from tests.calllogs.exports.exporting import (
    make_calls,
    make_request,
    read_csv_rows,
    read_sheets,
    read_xlsx_rows,
)
from tests.conftest import make_user

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/calllogs/calllog/export/"
NEWS = "/admin/calllogs/export/news/"
State = Export.State


@pytest.fixture(autouse=True)
def isolated_environment(monkeypatch, settings, tmp_path):
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(tasks, "enqueue_export", lambda export_id: None)


@pytest.fixture
def supervisor(client_for):
    return client_for(SUPERVISORS)


def post(client, query="", file_format="csv"):
    return client.post(f"{PAGE}?{query}", {"format": file_format})


def body(response):
    return b"".join(response.streaming_content)


def url(name, export):
    return reverse(f"admin:calllogs_export_{name}", args=[export.pk])


def test_the_page_shows_which_calls_how_many_and_in_which_zone(supervisor):
    make_calls(["a", "b", "c"], status="MISSED")
    page = supervisor.get(f"{PAGE}?status=MISSED&q=nobody").content.decode()
    assert "missed, “nobody”" in page
    page = supervisor.get(f"{PAGE}?status=MISSED").content.decode()
    assert all(words in page for words in ("missed", ">3<", "Asia/Kolkata", 'action="?status=MISSED"'))


def test_a_small_export_is_streamed_and_recorded_before_its_first_byte(supervisor):
    make_calls(["a", "b"], status="MISSED")
    make_calls(["c"], status="ANSWERED")
    response = post(supervisor, "status=MISSED")
    record = Export.objects.get()
    assert (record.state, record.who, record.words, record.query) == (
        State.RUNNING, "supervisors", "missed", "status=MISSED"
    )  # fmt: skip
    rows = read_csv_rows(body(response))
    response.close()
    record.refresh_from_db()
    assert (record.state, record.rows, len(rows)) == (State.DONE, 2, 2)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="calls-')
    sent = {name: response[f"X-Export-{name}"] for name in ("By", "Filter", "Zone", "Rows")}
    assert sent == {"By": "supervisors", "Filter": "missed", "Zone": "Asia/Kolkata", "Rows": "2"}
    assert response["X-Export-At"].endswith("+05:30")


def test_what_is_counted_is_what_is_sent_whatever_is_stored_meanwhile(supervisor):
    make_calls(["a", "b"])
    response = post(supervisor)
    make_calls(["c"], call_id="later")
    assert len(read_csv_rows(body(response))) == int(response["X-Export-Rows"]) == 2


def test_a_name_and_a_filter_of_any_language_travel_in_headers(client_for, settings):
    client = client_for(SUPERVISORS)
    User.objects.update(username="आशा")
    response = post(client, "q=%22%E2%80%9D%0d%0aX-Evil:1")
    assert response["X-Export-By"].startswith("%E0")
    assert "X-Evil" not in response.headers
    response.close()


def test_a_workbook_describes_itself_on_its_second_sheet(supervisor):
    make_calls(["a", "=b"])
    response = post(supervisor, file_format="xlsx")
    content = body(response)
    assert len(read_xlsx_rows(content)) == 2
    calls, about = read_sheets(content).items()
    assert (calls[0], about[0]) == ("Calls", "About this export")
    sent = dict(about[1])
    assert (sent["Exported by"], sent["Which calls"], sent["Time zone"], sent["Rows"]) == (
        "supervisors", "all calls", "Asia/Kolkata", 2
    )  # fmt: skip


def test_the_first_byte_comes_before_the_file_is_complete(supervisor):
    make_calls([str(number) for number in range(1500)])
    response = post(supervisor)
    first = next(iter(response.streaming_content))
    record = Export.objects.get()
    assert (record.state, first.startswith(b"\xef\xbb\xbfcall_id,"), first.count(b"\r\n")) == (
        State.RUNNING,
        True,
        1001,
    )
    response.close()
    record.refresh_from_db()
    assert (record.state, record.rows) == (State.STOPPED, 1000), "the browser closed the connection"


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_a_response_that_nobody_reads_is_recorded_as_stopped(supervisor, file_format):
    make_calls(["a"])
    post(supervisor, file_format=file_format).close()
    assert Export.objects.get().state == State.STOPPED


def test_an_incomplete_csv_says_so_in_its_last_line(supervisor, monkeypatch):
    def fails(*_):
        yield b"half\r\n"
        raise DatabaseError("+919812345678")

    monkeypatch.setattr(streaming, "chunks", fails)
    assert body(post(supervisor)).decode().splitlines()[-1].startswith("THIS EXPORT IS NOT COMPLETE")
    record = Export.objects.get()
    assert (record.state, "database" in record.error) == (State.FAILED, True)


def test_a_large_export_becomes_a_job_that_a_second_request_joins(supervisor, settings):
    settings.EXPORT_STREAM_ROWS = 2
    make_calls(["a", "b", "c"])
    first = post(supervisor, "department=a&department=b&department=c")
    job = Export.objects.get()
    assert (first.url, job.state, job.way) == (url("change", job), State.WAITING, Export.Way.JOB)
    again = supervisor.post(f"{PAGE}?department=a&department=b&department=c", {"format": "csv"}, follow=True)
    assert "Nothing was begun twice" in again.content.decode()
    assert Export.objects.count() == 1
    assert "It begins in a moment" in supervisor.get(url("progress", job)).content.decode()
    assert f'hx-get="{NEWS}"' in supervisor.get("/admin/").content.decode()
    assert f'hx-get="{NEWS}?but={job.pk}"' in supervisor.get(url("change", job)).content.decode()
    assert "is being written" not in supervisor.get(f"{NEWS}?but={job.pk}").content.decode()
    assert "is being written" in supervisor.get(NEWS).content.decode()
    assert supervisor.get(url("file", job)).status_code == 404
    jobs.run(job.pk)
    assert "Your export is ready" in supervisor.get(NEWS).content.decode()
    response = supervisor.get(url("file", job))
    assert (len(read_csv_rows(body(response))), response["X-Export-Rows"]) == (3, "3")
    assert "Your export is ready" not in supervisor.get(NEWS).content.decode(), "it has been seen"


def test_a_file_is_for_its_owner_and_for_superusers(client_for, supervisor):
    make_calls(["a"])
    job, _ = requests.start_job(make_request(User.objects.get(username="supervisors")))
    jobs.run(job.pk)
    other = Client(headers={"host": "127.0.0.1"})
    other.force_login(make_user("other", SUPERVISORS))
    assert other.get(url("change", job)).status_code == 200, "other users may see the record"
    assert "Download" not in other.get(url("change", job)).content.decode()
    assert "Download" not in other.get("/admin/calllogs/export/").content.decode()
    for name, send in (("file", other.get), ("cancel", other.post), ("again", other.post)):
        assert send(url(name, job)).status_code == 403
    for client in (client_for(None), supervisor):
        assert len(read_csv_rows(body(client.get(url("file", job))))) == 1
    User.objects.get(username="supervisors").groups.clear()
    assert supervisor.get(url("file", job)).status_code == 403, "the right was withdrawn"


def test_users_without_the_right_can_neither_export_nor_see_exports(client_for):
    manager = client_for(OFFICE_MANAGERS)
    job, _ = requests.start_job(make_request(make_user("asha", None)))
    for response in (
        manager.get(PAGE),
        post(manager),
        manager.get("/admin/calllogs/export/"),
        manager.get(url("change", job)),
        manager.get(url("progress", job)),
    ):
        assert response.status_code == 403
    assert Export.objects.count() == 1


def test_a_cancelled_job_can_be_tried_again_and_a_lost_file_is_not_found(supervisor):
    job, _ = requests.start_job(make_request(User.objects.get(username="supervisors")))
    assert "cancelled" in supervisor.post(url("cancel", job), follow=True).content.decode()
    assert "had ended before" in supervisor.post(url("cancel", job), follow=True).content.decode()
    supervisor.post(url("again", job))
    assert jobs.run(job.pk)
    job.refresh_from_db()
    files.delete(job.file)
    assert supervisor.get(url("file", job)).status_code == 404


@pytest.mark.parametrize(
    "query", ["status=NO", "from=2026-11-09&to=2026-11-08", "from=yesterday", "q=" + "9" * 10_000]
)
def test_an_invalid_filter_exports_nothing_and_shows_a_warning(supervisor, query):
    response = post(supervisor, query)
    assert (response.status_code, "in-note-warning" in response.content.decode()) == (200, True)
    assert not Export.objects.exists()


@pytest.mark.parametrize("file_format", ["", "exe"])
def test_an_unknown_format_shows_the_form_again(supervisor, file_format):
    assert b"Format" in post(supervisor, file_format=file_format).content


def test_the_list_runs_the_same_number_of_queries_for_any_number_of_exports(
    supervisor, django_assert_max_num_queries
):
    user = User.objects.get(username="supervisors")
    for number in range(8):
        make_request(user, query=f"q={number}").record(Export.Way.SCREEN, State.DONE)
    with django_assert_max_num_queries(8):
        page = supervisor.get("/admin/calllogs/export/")
    assert page.content.count(b"field-who") == 8


def test_exports_of_the_command_are_recorded_too():
    make_calls(["a"])
    out = io.BytesIO()
    text = io.TextIOWrapper(out, encoding="utf-8")
    call_command("export_calls", format="xlsx", output="-", stdout=text)
    assert len(read_xlsx_rows(out.getvalue())) == 1
    record = Export.objects.get()
    assert (record.who, record.way, record.state, record.rows) == ("command line", "COMMAND", State.DONE, 1)
    assert CallLog.objects.count() == 1
    assert render.calls_for(record).count() == 1


# --- limits of users ---------------------------------------------------------------------------------------


def download(client):
    return client.get(url("file", Export.objects.get()))


@pytest.fixture
def limited(client_for):
    client = client_for(SUPERVISORS)
    client.person = User.objects.get()
    DepartmentLimit.objects.create(person=client.person, department="Sales")
    make_calls(["a"], department="Sales", caller="+919812345210")
    make_calls(["b"], department="Billing", caller="+919812345210")
    return client


def test_a_file_that_is_written_later_has_what_was_allowed_at_the_request(limited, settings):
    settings.EXPORT_STREAM_ROWS = 0
    post(limited)
    export = Export.objects.get()
    assert (export.departments, export.hides, export.words) == (["Sales"], "", "all calls (only of Sales)")
    DepartmentLimit.objects.all().delete()
    assert jobs.run_due(min_age_s=0) == 1
    assert [row[4] for row in read_csv_rows(body(download(limited)))] == ["Sales"]


@pytest.mark.parametrize("withdrawn", ["see_numbers", "download_recording", "department"])
def test_a_file_is_not_served_after_a_right_was_withdrawn(limited, settings, withdrawn):
    settings.EXPORT_STREAM_ROWS = 0
    post(limited)
    jobs.run_due(min_age_s=0)
    assert len(read_csv_rows(body(download(limited)))) == 1
    if withdrawn == "department":
        DepartmentLimit.objects.update(department="Billing")
    else:
        Group.objects.get(name=SUPERVISORS).permissions.remove(Permission.objects.get(codename=withdrawn))
    assert download(limited).status_code == 403
    assert "is not handed out" in limited.get(url("change", Export.objects.get())).text
    assert 'href="' + url("file", Export.objects.get()) not in limited.get("/admin/calllogs/export/").text
    assert limited.post(url("again", Export.objects.get())).status_code == 403


def test_changed_rights_start_another_job(limited, settings):
    settings.EXPORT_STREAM_ROWS = 0
    post(limited)
    DepartmentLimit.objects.create(person=limited.person, department="Billing")
    post(limited)
    post(limited)
    assert sorted(Export.objects.values_list("departments", flat=True), key=len) == [
        ["Sales"], ["Billing", "Sales"],
    ]  # fmt: skip


def test_limited_users_see_no_exports_of_others(limited):
    export = make_request(make_user("admin", None), "department=Billing").record(
        Export.Way.JOB, State.WAITING
    )
    assert "Billing" not in limited.get("/admin/calllogs/export/").text
    assert limited.get(url("progress", export)).status_code == 404


def test_the_workbook_says_what_is_left_out(limited):
    Group.objects.get(name=SUPERVISORS).permissions.remove(Permission.objects.get(codename="see_numbers"))
    about = read_sheets(body(post(limited, file_format="xlsx")))["About this export"]
    assert ["Left out", "whole numbers of callers, and addresses of recordings"] in about
    assert "whole numbers of callers" in limited.get(PAGE).text

"""Search whole responses, body and headers, for data that the user may not see."""

import datetime as dt
import html
import io
import re
from urllib.parse import unquote
from zipfile import ZipFile

import pytest
from django.contrib.auth.models import Permission
from django.http import QueryDict
from django.test import Client
from django.utils import timezone

from calllogs.callbacks import actions, refresh
from calllogs.calls import filters
from calllogs.calls.columns import COLUMNS
from calllogs.exports.requests import ExportRequest
from calllogs.models import (
    CallbackEntry,
    CallLog,
    CallNote,
    CallTag,
    DepartmentLimit,
    Export,
    Listening,
    MissedCaller,
    Push,
    SavedView,
)
from tests.conftest import make_user

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "73641"  # of the caller 98736 41210: what `98••• ••210` hides
CALLS, QUEUE, INBOX = "/admin/calllogs/calllog/", "/admin/calllogs/missed/", "/admin/calllogs/push/"
EXPORTS = "/admin/calllogs/export/"
HTMX = {"HX-Request": "true"}
SPELLINGS = ["9873641210", "+91 98736 41210", "098736-41210", "987 364 1210", "(98736) 41210"]
ENCODED = "%2B91%39%38%37%33%36%34%31%32%31%30"  # percent-encoded
TWICE = ENCODED.replace("%", "%25")


def create_client(name, *, but=(), only=None):
    """A client with all permissions of this app except `but`, limited to the departments `only`."""
    user = make_user(name, None)
    user.is_superuser = False
    user.save()
    found = Permission.objects.filter(content_type__app_label="calllogs").exclude(codename__in=but)
    user.user_permissions.set(found)
    DepartmentLimit.objects.bulk_create(DepartmentLimit(person=user, department=each) for each in only or ())
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(user)
    return client


@pytest.fixture
def world(push):
    """A caller whose number appears wherever a number can appear."""
    now = timezone.localtime()
    when = f"date={now:%Y-%m-%d}&time={now - dt.timedelta(minutes=1):%H:%M:%S}"
    url = "recordingurl=https%3A%2F%2Fr.test%2F9873641210.mp3"
    same = f"{when}&callstatus=MISSED&department=Sales&{url}"
    for number, spelled in enumerate(["9873641210", "%2B919873641210", "98736+41210", ENCODED]):
        push(f"calllogid=rec-9873641210-{number}&callnumber={spelled}&{same}&x={TWICE}&y=98736%2041210")
    push(f"callnumber=9873641210&{same}")  # its id is derived
    push(f"calllogid=rec-9873641210-0&callnumber=919873641210&{when}&callstatus=CANCEL&department=Sales")
    push("calllogid=M-1&callnumber=9873641210&date=11/25/2026&time=10:15&recordingurl=http://r.test/73641")
    admin = make_user("admin", None)
    for call in CallLog.objects.all():
        CallNote.objects.create(call=call, text="\n".join(SPELLINGS), author=admin, author_name="admin")
        CallTag.objects.create(call=call, word="rings 98736 41210", author=admin, author_name="admin")
        Listening.objects.record_play(call, user=admin, play="")
    SavedView.objects.create(name="Of 98736 41210", owner=admin, shared=True, query="q=9873641210")
    SavedView.objects.create(name="Of some", owner=admin, shared=True, query="q=9873641")
    for query in ("q=9873641210", "q=9873641"):
        ExportRequest(admin, filters.from_query(QueryDict(query)), "csv").record("JOB", "FAILED")
    refresh.rebuild()
    row = MissedCaller.objects.get(caller="+919873641210")
    actions.claim_caller(row.pk, person=admin)
    closed = actions.close_caller(
        row.pk, kind="CALLED_BACK", person=admin, seen=row.last_at, note=" / ".join(SPELLINGS)
    )
    actions.reopen_caller(closed.entry.pk, person=admin)
    return CallLog.objects.order_by("pk").first()


def urls_of(call):
    """URLs of all pages about calls, and of their fragments and files."""
    columns = "&".join(f"column={column.name}" for column in COLUMNS)
    row, listening = MissedCaller.objects.get(), Listening.objects.first()
    export, push = Export.objects.first(), Push.objects.first()
    found = [
        CALLS, f"{CALLS}?{columns}", f"{CALLS}?{columns}&q=98&status=MISSED", f"{CALLS}tags/?q=r", f"{CALLS}export/",
        f"{CALLS}views/", "/admin/calllogs/listening/", f"/admin/calllogs/listening/{listening.pk}/change/",
        f"/admin/calllogs/listening/{listening.pk}/history/",
        QUEUE, f"{QUEUE}?show=done", f"{QUEUE}?show=old", f"{QUEUE}?q=210", f"{QUEUE}call/{row.last_call}/",
        *(f"{QUEUE}{row.pk}/{act}/" for act in ("take", "called-back", "dismiss")),
        EXPORTS, f"{EXPORTS}?q=admin", f"{EXPORTS}news/", *(f"{EXPORTS}{export.pk}/{part}/" for part in
        ("change", "history", "progress", "file")),
        INBOX, f"{INBOX}{push.pk}/history/", *(f"{INBOX}{each.pk}/change/" for each in Push.objects.all()),
        "/admin/connect/", "/admin/connect/pushes/",
    ]  # fmt: skip
    for each in CallLog.objects.all():
        parts = ("change", "history", "recording/look", "delete")
        found += [f"{CALLS}{each.pk}/{part}/" for part in parts]
    return found


def readable_text(response):
    """Body and headers, decompressed, as text and again decoded and without separators."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    if body[:2] == b"PK":
        archive = ZipFile(io.BytesIO(body))
        body = b"".join(archive.read(name) for name in archive.namelist())
    text = html.unescape(body.decode("utf-8", "replace")) + str(dict(response.headers))
    return text + re.sub(r"[\s().\-+]", "", unquote(unquote(text)))


def test_masked_users_find_no_number_in_any_response(world):
    half = create_client("half", but=["see_numbers"])
    for url in urls_of(world):
        for headers in ({}, HTMX):
            response = half.get(url, headers=headers)
            assert response.status_code in (200, 204, 302, 403, 404, 405), url
            text = readable_text(response)
            assert SECRET not in text, (url, text[max(0, text.index(SECRET) - 200) :][:300])
    assert "98••• ••210" in half.get(CALLS).text
    assert "rec-98••• ••210-0" in half.get(f"{CALLS}?column=call_id").text
    assert "derived-…" in half.get(f"{CALLS}?column=call_id").text


def test_responses_to_actions_contain_no_number(world):
    half = create_client("half", but=["see_numbers"])
    row, entry = MissedCaller.objects.get(), CallbackEntry.objects.filter(until__isnull=False).get()
    note, tag = CallNote.objects.first(), CallTag.objects.first()
    seen = {"seen": row.last_at.isoformat(), "note": "nobody", "back": ""}
    posts = [
        (f"{QUEUE}{row.pk}/take/", {}), (f"{QUEUE}{row.pk}/take/", {"over": entry.person_id}),
        (f"{QUEUE}{row.pk}/give-back/", {}), (f"{QUEUE}{row.pk}/called-back/", seen),
        (f"{QUEUE}{row.pk}/dismiss/", seen), (f"{QUEUE}done/{entry.pk}/open-again/", {}),
        (f"{CALLS}{world.pk}/notes/", {"text": "Wants the blue one"}), (f"{CALLS}{world.pk}/notes/", {"text": ""}),
        (f"{CALLS}{world.pk}/tags/", {"word": "blue"}), (f"{CALLS}{note.call_id}/notes/{note.pk}/delete/", {}),
        (f"{CALLS}{tag.call_id}/tags/{tag.pk}/delete/", {}), (f"{INBOX}replay/", {}),
        (f"{INBOX}{Push.objects.filter(outcome='REJECTED').get().pk}/mend/", {"date": "2026-11-08"}),
        (f"{CALLS}export/", {"format": "csv"}), (f"{CALLS}export/", {"format": "xlsx"}),
        (f"{CALLS}views/", {"do": "save", "name": "Mine", "query": "status=MISSED"}),
    ]  # fmt: skip
    for url, values in posts:
        for headers in ({}, HTMX):
            response = half.post(url, values, headers=headers)
            assert response.status_code < 500
            assert SECRET not in readable_text(response), url
            if response.status_code == 302:
                assert SECRET not in readable_text(half.get(response.url)), url


def test_a_search_reveals_no_hidden_digits(world):
    half = create_client("half", but=["see_numbers"])
    right, wrong = "9873641210", "9873642210"
    for path, row in ((CALLS, f"{CALLS}{world.pk}/change/"), (QUEUE, "data-queue-row")):
        # Guessing reveals nothing: right and wrong hidden digits give the same result.
        found = [half.get(path, {"q": q}).text for q in (right, wrong, "98••• ••210", "210")]
        assert all(row in text for text in found), path
        assert "begin with 98 and end in 210" in found[0]
        assert row not in half.get(path, {"q": "9873641211"}).text
    for id_that_holds_it in (f"rec-{right}-0", CallLog.objects.get(call_id__startswith="derived-").call_id):
        assert "No call fits" in half.get(CALLS, {"q": id_that_holds_it}).text
    CallLog.objects.filter(pk=world.pk).update(call_id="1731050000123")
    assert f"{CALLS}{world.pk}/change/" in half.get(CALLS, {"q": "1731050000123"}).text
    assert "2 exports" not in half.get(EXPORTS, {"q": "98736"}).text


def test_limited_users_find_other_departments_nowhere(world):
    SavedView.objects.all().delete()  # their texts come from a colleague, not from a call
    billing = create_client("billing", only=["Billing"])
    for url in [*urls_of(world), f"{CALLS}?department=Sales", f"{CALLS}?department=Sales&department=-"]:
        response = billing.get(url)
        assert response.status_code in (200, 302, 403, 404, 405), url
        assert SECRET not in readable_text(response), url
    assert billing.get(f"{CALLS}{world.pk}/change/").status_code == 404
    assert billing.get(f"{CALLS}999999/change/").status_code == 404
    assert "asks for other ones, so no call fits" in billing.get(f"{CALLS}?department=Sales").text
    row, entry = MissedCaller.objects.get(), CallbackEntry.objects.filter(until__isnull=False).get()
    for part in ("take", "give-back", "called-back", "dismiss"):
        assert billing.post(f"{QUEUE}{row.pk}/{part}/", {"note": "x"}).status_code == 404
    assert billing.post(f"{QUEUE}done/{entry.pk}/open-again/").status_code == 404
    for part in ("notes", "tags"):
        assert billing.post(f"{CALLS}{world.pk}/{part}/", {"text": "x", "word": "x"}).status_code == 404
    assert billing.get(f"{CALLS}{world.pk}/recording/?download=1").status_code == 404
    for forbidden in (
        INBOX,
        "/admin/connect/",
        "/admin/calllogs/pushkey/",
        f"{INBOX}{Push.objects.first().pk}/change/",
    ):
        assert billing.get(forbidden).status_code == 403, forbidden
    assert billing.post(f"{INBOX}replay/").status_code == 403
    home = billing.get(CALLS).text
    assert INBOX not in home
    assert not re.search(r"Missed callers</span>\s*<span[^>]*>\s*1\s*</span>", home)
    sales = create_client("sales", only=["Sales"])
    assert sales.get(f"{CALLS}{world.pk}/change/").status_code == 200
    assert "98736 41210" in sales.get(f"{QUEUE}?show=done").text
    assert re.search(r"Missed callers</span>\s*<span[^>]*>\s*1\s*</span>", sales.get(CALLS).text)
    assert sales.post(f"{QUEUE}{row.pk}/take/").status_code == 302


def test_related_calls_of_other_departments_are_hidden(world):
    moments = dict.fromkeys(["started_at", "received_at", "told_at", "updated_at"], timezone.now())
    CallLog.objects.create(call_id="B", caller=world.caller, department="Billing", **moments)
    shown = create_client("sales", only=["Sales"]).get(f"{CALLS}{world.pk}/change/")
    whole = create_client("all").get(f"{CALLS}{world.pk}/change/")
    assert whole.context["caller_history"].count == shown.context["caller_history"].count + 1
    assert "/admin/calllogs/push/" in whole.text
    assert "/admin/calllogs/push/" not in shown.text

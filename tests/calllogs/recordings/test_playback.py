"""Playing a recording through the portal: permissions, listenings, ranges, and our own copies."""

import datetime as dt
import json
import threading
import time

import pytest
from django.core.files.storage import InMemoryStorage, storages
from django.db import connection
from django.utils import timezone

from calllogs import tasks
from calllogs.models import ArchiveCursor, CallLog, Listening, Recording
from calllogs.recordings import archive, cache, playback
from calllogs.recordings.errors import Cause
from calllogs.recordings.messages import MESSAGES, message_for
from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from ivrportal.audit import audit_log
from ivrportal.devserver.embedded_broker import free_port
from settings_sync.models import AuditEntry
from settings_sync.simulator import Simulator
from settings_sync.simulator.sample_audio import build_tone
from tests.settings_sync.delivery.raw_server import answer, hold, read_request, saying, serving

pytestmark = pytest.mark.django_db
AUDIO_HEADER = "Content-Type: audio/wav\r\n"
AUDIO_DATA = build_tone(7)


@pytest.fixture(autouse=True)
def isolated_storage(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    settings.RECORDING_DEADLINE_S = 20.0
    location = {"location": tmp_path / "recordings", "file_permissions_mode": 0o600}
    disk = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": location}
    settings.STORAGES = {**settings.STORAGES, "recordings": disk}


def make_call(url="", *, call_id="R1", ago=dt.timedelta(hours=1)):
    at = timezone.now() - ago
    return CallLog.objects.create(
        call_id=call_id, started_at=at, received_at=at, told_at=at, updated_at=at, recording_url=url, status="ANSWERED"
    )  # fmt: skip


def address(call, part=""):
    return f"/admin/calllogs/calllog/{call.pk}/recording/{part}"


def count_requests(act, seen):
    def counting(connection):
        seen.append(1)
        act(connection)

    return counting


def with_ranges(data, requested_ranges):
    def act(connection):
        request = read_request(connection).decode()
        requested_ranges.append(request.partition("Range: bytes=")[2].partition("\r\n")[0])
        if not requested_ranges[-1]:
            connection.sendall(answer(data, head=AUDIO_HEADER))
            return
        first, last = (int(text) for text in requested_ranges[-1].split("-"))
        part = data[first : last + 1]
        content_range = f"Content-Range: bytes {first}-{first + len(part) - 1}/{len(data)}\r\n"
        connection.sendall(answer(part, status="206 Partial Content", head=AUDIO_HEADER + content_range))

    return act


def without_ranges(data, requested_ranges):
    def act(connection):
        requested_ranges.append(
            read_request(connection).decode().partition("Range: bytes=")[2].partition("\r\n")[0]
        )
        connection.sendall(answer(data, head=AUDIO_HEADER))

    return act


# --- permissions -----------------------------------------------------------------------------------------


def test_only_permitted_users_can_listen(client_for, client):
    call = make_call("http://127.0.0.1:9/")
    manager = client_for(OFFICE_MANAGERS)
    assert manager.get(address(call)).status_code == 403
    assert manager.get(address(call, "look/")).status_code == 403
    assert "/login/" in client.get(address(call), headers={"host": "127.0.0.1"}).url
    page = manager.get(f"/admin/calllogs/calllog/{call.pk}/change/").text
    assert "Listening to it is for supervisors." in page
    assert "<audio" not in page
    assert Listening.objects.count() == 0


# --- playing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_every_range_has_the_bytes_of_the_recording(client_for, monkeypatch, knows_ranges):
    """Uses a smaller limit, so that the recording needs several ranges."""
    monkeypatch.setattr(playback, "MAX_RANGE_BYTES", 50_000)
    requested_ranges, total = [], len(AUDIO_DATA)
    with serving(
        with_ranges(AUDIO_DATA, requested_ranges)
        if knows_ranges
        else without_ranges(AUDIO_DATA, requested_ranges)
    ) as url:
        call, supervisor = make_call(f"{url}/a.wav?token=canary"), client_for(SUPERVISORS)
        for range_header, first, last in [
            ("bytes=0-", 0, 49_999), ("bytes=100-199", 100, 199), ("bytes=200000-", 200_000, 249_999),
            (f"bytes={total - 10}-", total - 10, total - 1), ("bytes=-7", total - 7, total - 1),
        ]:  # fmt: skip
            response = supervisor.get(address(call) + "?play=a", headers={"range": range_header})
            assert response.status_code == 206
            assert response.content == AUDIO_DATA[first : last + 1]
            assert response["Content-Range"] == f"bytes {first}-{last}/{total}"
            assert response["Content-Type"] == "audio/wav"
            assert response["Accept-Ranges"] == "bytes"
            assert "no-store" in response["Cache-Control"]
        beyond = supervisor.get(address(call), headers={"range": f"bytes={total}-"})
        assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{total}")
    tail = f"{total - 10}-{total + 49_989}"
    # A range from the end needs the whole recording, which is then in the cache.
    assert requested_ranges == (
        ["0-49999", "100-199", "200000-249999", tail, ""] if knows_ranges else ["0-49999"]
    )


def test_the_whole_a_head_and_if_range(client_for):
    with serving(saying(answer(AUDIO_DATA, head=AUDIO_HEADER))) as url:
        call, supervisor = make_call(url), client_for(SUPERVISORS)
        head = supervisor.head(address(call))
        assert Listening.objects.count() == 0  # HEAD is no listening
        whole = supervisor.get(address(call))
        same = supervisor.get(address(call), headers={"range": "bytes=5-9", "if-range": whole["ETag"]})
        other = supervisor.get(address(call), headers={"range": "bytes=5-9", "if-range": '"other"'})
        odd = supervisor.get(address(call), headers={"range": "bytes=1-2,4-5"})
    assert b"".join(whole.streaming_content) == AUDIO_DATA
    assert (head.status_code, head["Content-Length"], head.content) == (200, str(len(AUDIO_DATA)), b"")
    assert (same.status_code, same.content) == (206, AUDIO_DATA[5:10])
    assert (other.status_code, odd.status_code) == (200, 200)
    for response in (whole, other, odd):
        response.close()


def test_a_recently_played_url_is_not_fetched_again(client_for):
    seen = []
    with serving(count_requests(saying(answer(AUDIO_DATA, head=AUDIO_HEADER)), seen)) as url:
        call, supervisor = make_call(url), client_for(SUPERVISORS)
        assert supervisor.get(address(call, "look/")).json() == {"is_ready": True}
        for _ in range(3):
            supervisor.get(address(call), headers={"range": "bytes=0-"})
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("act", "cause"),
    [
        (hold, Cause.TOO_SLOW),
        (saying(answer(b"<html>Sign in</html>", head="Content-Type: text/html\r\n")), Cause.NOT_AUDIO),
        (saying(answer(b"ID3", head=AUDIO_HEADER).replace(b"Length: 3", b"Length: 900")), Cause.INCOMPLETE),
        (
            saying(answer(b"", status="302 Found", head="Location: http://10.0.0.1/\r\n")),
            Cause.PRIVATE_ADDRESS,
        ),
        (saying(answer(b"", status="404 Not Found")), Cause.GONE),
    ],
)
def test_an_unavailable_recording_shows_a_message_and_is_no_listening(
    client_for, settings, caplog, act, cause
):
    if act is hold:
        settings.RECORDING_DEADLINE_S = 0.6
    with serving(act) as url:
        call, supervisor = make_call(f"{url}/?token=canary"), client_for(SUPERVISORS)
        checked = supervisor.get(address(call, "look/"))
        response = supervisor.get(address(call), headers={"range": "bytes=0-"})
    assert checked.json() == {"words": str(MESSAGES[cause])}
    assert (response.status_code, response.text) == (404, str(MESSAGES[cause]))
    assert Listening.objects.count() == 0
    assert "canary" not in caplog.text
    assert list((cache._directory()).iterdir()) == []


def test_every_cause_has_a_message_and_a_call_without_a_recording_is_not_found(client_for):
    assert {message_for(cause) for cause in Cause} == {str(words) for words in MESSAGES.values()}
    assert message_for("of a later version")
    response = client_for(SUPERVISORS).get(address(make_call()))
    assert response.status_code == 404


@pytest.mark.django_db(transaction=True)
def test_unresponsive_hosts_leave_threads_for_others(client_for, monkeypatch):
    monkeypatch.setattr(playback, "_SLOT_WAIT_S", 0.05)
    released, supervisor = threading.Event(), client_for(SUPERVISORS)
    with serving(lambda connection: released.wait(20)) as url:
        calls = [make_call(f"{url}/{n}", call_id=f"R{n}") for n in range(playback.MAX_PARALLEL_FETCHES + 1)]
        fetches = [threading.Thread(target=_try, args=(call,)) for call in calls[:-1]]
        for fetch in fetches:
            fetch.start()
        while playback._fetch_slots._value:
            time.sleep(0.01)
        message = supervisor.get(address(calls[-1], "look/")).json()["words"]
        released.set()
        for fetch in fetches:
            fetch.join()
    assert message == str(MESSAGES[Cause.BUSY])


def _try(call):
    try:
        playback.open_recording(call)
    except playback.NotAvailable:
        pass
    finally:
        connection.close()


# --- listenings -------------------------------------------------------------------------------------------


def test_a_play_is_one_row_before_the_first_byte_however_many_ranges_it_takes(client_for):
    with serving(saying(answer(AUDIO_DATA, head=AUDIO_HEADER))) as url:
        call, supervisor = make_call(url), client_for(SUPERVISORS)

        def plays(name, first):
            supervisor.get(f"{address(call)}?play={name}", headers={"range": f"bytes={first}-"})

        for first in (0, 900, 5000):
            plays("aa", first)
        row = Listening.objects.get()
        assert (row.user_name, row.call, row.call_uid) == ("supervisors", call, "R1")
        plays("bb", 0)  # another opened page
        assert Listening.objects.count() == 2
        Listening.objects.update(last_at=timezone.now() - dt.timedelta(hours=2))
        plays("aa", 0)  # the same page, much later
        assert Listening.objects.count() == 3
        plays("x" * 4000, 0)  # a play id that the portal did not generate
        assert Listening.objects.filter(play="").count() == 1
    entries = AuditEntry.objects.filter(
        action="LISTENED", person="supervisors", subject=f"calllogs.calllog:{call.pk}"
    )
    assert entries.count() == Listening.objects.count() == 4, "an entry for each play"
    page = client_for(None).get("/admin/calllogs/listening/").text
    assert page.count("supervisors") >= 4
    CallLog.objects.all().delete()
    assert Listening.objects.filter(call=None, call_uid="R1").count() == 4


def test_nothing_is_played_if_it_cannot_be_recorded(client_for, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError

    with serving(saying(answer(AUDIO_DATA, head=AUDIO_HEADER))) as url:
        call, supervisor = make_call(url), client_for(SUPERVISORS)
        monkeypatch.setattr(type(Listening.objects.all()), "record_play", fails)
        monkeypatch.setattr(Listening.objects, "record_play", fails, raising=False)
        supervisor.raise_request_exception = False
        response = supervisor.get(address(call), headers={"range": "bytes=0-"})
    assert response.status_code == 500
    assert AUDIO_DATA[:20] not in response.content


# --- copies of our own ------------------------------------------------------------------------------------


def run_archive():
    tasks.keep_recordings()


def test_copies_are_made_and_played_when_the_url_has_expired(client_for, settings, tmp_path):
    settings.RECORDING_STORAGE = "disk"
    with serving(saying(answer(AUDIO_DATA, head=AUDIO_HEADER))) as url:
        call = make_call(url)
        make_call(call_id="without")
        make_call(url, call_id="too old", ago=dt.timedelta(days=91))
        run_archive()
    copy = Recording.objects.get()
    assert (copy.call, copy.state, copy.size, copy.content_type) == (
        call,
        "KEPT",
        len(AUDIO_DATA),
        "audio/wav",
    )
    file = tmp_path / "recordings" / copy.file
    assert file.read_bytes() == AUDIO_DATA
    assert file.stat().st_mode & 0o077 == 0
    supervisor = client_for(SUPERVISORS)
    response = supervisor.get(address(call), headers={"range": "bytes=10-19"})
    assert response.content == AUDIO_DATA[10:20]
    assert "A copy is kept here until" in supervisor.get(f"/admin/calllogs/calllog/{call.pk}/change/").text


def test_nothing_is_fetched_unless_copies_are_enabled():
    with serving(saying(answer(AUDIO_DATA, head=AUDIO_HEADER))) as url:
        make_call(url)
        run_archive()
    assert Recording.objects.count() == 0


def test_a_copy_in_remote_storage_is_played_from_there(client_for, settings):
    settings.RECORDING_STORAGE = "s3"
    settings.STORAGES = {
        **settings.STORAGES,
        "recordings": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }
    with serving(saying(answer(AUDIO_DATA, head=AUDIO_HEADER))) as url:
        call = make_call(url)
        run_archive()
    assert isinstance(storages["recordings"], InMemoryStorage)
    assert (
        client_for(SUPERVISORS).get(address(call), headers={"range": "bytes=10-19"}).content
        == AUDIO_DATA[10:20]
    )


def test_a_failed_fetch_is_retried_later_and_finally_given_up(client_for, settings):
    settings.RECORDING_STORAGE = "disk"
    call = make_call(f"http://127.0.0.1:{free_port()}/gone.mp3")
    waits = []
    for _ in range(len(archive.RETRY_AFTER_S) + 1):
        run_archive()
        copy = Recording.objects.get()
        waits.append(copy.next_try_at and (copy.next_try_at - timezone.now()).total_seconds())
        Recording.objects.filter(state="WAITING").update(next_try_at=timezone.now())
    assert all(
        0.7 * planned < wait < 1.3 * planned
        for planned, wait in zip(archive.RETRY_AFTER_S, waits, strict=False)
    )
    assert (copy.state, copy.error, waits[-1]) == ("GIVEN_UP", Cause.NO_CONNECTION, None)
    run_archive()
    assert Recording.objects.get().tries == len(archive.RETRY_AFTER_S) + 1
    assert (
        "No copy could be made."
        in client_for(SUPERVISORS).get(f"/admin/calllogs/calllog/{call.pk}/change/").text
    )


@pytest.mark.django_db(transaction=True)
def test_workers_never_fetch_the_same_recording_and_a_dead_one_is_replaced(settings):
    settings.RECORDING_STORAGE = "disk"
    seen = []
    with serving(count_requests(saying(answer(AUDIO_DATA, head=AUDIO_HEADER)), seen)) as url:
        for n in range(6):
            make_call(f"{url}/{n}", call_id=f"R{n}")
        archive.find_new(until=time.monotonic() + 5)
        dead = archive._claim()  # a worker that dies right after its claim

        def work():
            archive.fetch_due(until=time.monotonic() + 10, limits=playback.fetch_limits)
            connection.close()

        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert (len(seen), Recording.objects.filter(state="KEPT").count()) == (5, 5)
        Recording.objects.filter(pk=dead.pk).update(lease_until=timezone.now() - dt.timedelta(seconds=1))
        work()
        assert Recording.objects.filter(state="KEPT").count() == 6
        assert archive._fetch(dead, playback.fetch_limits()) is False  # the worker was slow, not dead
    assert Recording.objects.get(pk=dead.pk).state == "KEPT"
    assert len([path for path in (settings.VAR_DIR / "recordings").rglob("*") if path.is_file()]) == 6


def test_the_scan_runs_in_batches_and_finds_urls_that_arrive_late(settings, monkeypatch):
    settings.RECORDING_STORAGE = "disk"
    monkeypatch.setattr(archive, "BATCH_SIZE", 3)
    same = timezone.now() - dt.timedelta(hours=3)
    for n in range(8):
        make_call("http://127.0.0.1:9/", call_id=f"W{n}", ago=dt.timedelta(days=80 - n))
    CallLog.objects.filter(call_id__in=["W3", "W4", "W5", "W6", "W7"]).update(started_at=same)
    assert archive._scan_batch() == (3, False)
    assert archive._scan_batch() == (3, False)
    assert archive._scan_batch() == (2, True)
    late = make_call(call_id="late", ago=dt.timedelta(hours=30))
    assert archive.find_new(until=time.monotonic() + 5) == 0
    CallLog.objects.filter(pk=late.pk).update(recording_url="http://127.0.0.1:9/late")
    assert archive.find_new(until=time.monotonic() + 5) == 1
    assert ArchiveCursor.objects.count() == 1


def test_a_changed_url_is_fetched_again_and_the_old_copy_is_not_played(client_for, settings, tmp_path):
    settings.RECORDING_STORAGE = "disk"
    other = build_tone(8)
    with (
        serving(saying(answer(AUDIO_DATA, head=AUDIO_HEADER))) as url,
        serving(saying(answer(other, head=AUDIO_HEADER))) as second,
    ):
        call = make_call(url)
        run_archive()
        CallLog.objects.update(recording_url=second)
        supervisor = client_for(SUPERVISORS)
        assert supervisor.get(address(call), headers={"range": "bytes=44-9000"}).content == other[44:9001]
        run_archive()
    assert (tmp_path / "recordings" / Recording.objects.get().file).read_bytes() == other
    assert len([path for path in (tmp_path / "recordings").rglob("*") if path.is_file()]) == 1


def test_copies_are_deleted_when_they_expire_and_with_their_call(settings, tmp_path):
    settings.RECORDING_STORAGE = "disk"
    with serving(saying(answer(AUDIO_DATA, head=AUDIO_HEADER))) as url:
        old, gone = make_call(f"{url}/1", call_id="old"), make_call(f"{url}/2", call_id="gone")
        run_archive()
    Recording.objects.filter(call=old).update(fetched_at=timezone.now() - dt.timedelta(days=91))
    gone.delete()
    settings.RECORDING_STORAGE = ""  # even when copies are disabled
    run_archive()
    assert Recording.objects.get().state == "EXPIRED"
    assert [path for path in (tmp_path / "recordings").rglob("*") if path.is_file()] == []


def test_a_failed_save_is_retried(settings, tmp_path, caplog):
    settings.RECORDING_STORAGE = "disk"
    (tmp_path / "recordings").write_text("not a directory")
    with serving(saying(answer(AUDIO_DATA, head=AUDIO_HEADER))) as url:
        make_call(url)
        run_archive()
    copy = Recording.objects.get()
    assert (copy.state, copy.error, copy.lease_until) == ("WAITING", Cause.NOT_STORED, None)
    assert str(tmp_path) not in caplog.text


def test_the_cache_is_pruned_to_its_size(settings):
    settings.RECORDING_CACHE_MB = 1
    for name in ("a", "b", "c"):
        with cache.temporary_file() as file:
            file.write(b"ID3" + bytes(600_000))
            cache.store(file, name * 64, "audio/mpeg")
        time.sleep(0.01)
    cache.prune()
    assert cache.find("a" * 64) is None
    assert cache.find("c" * 64).content_type == "audio/mpeg"


# --- the demo ---------------------------------------------------------------------------------------------


def test_the_simulator_has_recordings_to_play(client_for):
    with Simulator() as provider:
        call = make_call(f"{provider.url}/recordings/2026/11/08/1.mp3")
        loose = make_call(f"{provider.url}/recordings/play?id=1&part=1", call_id="R2")
        supervisor = client_for(SUPERVISORS)
        for each in (call, loose):
            response = supervisor.get(address(each), headers={"range": "bytes=0-3"})
            assert (response.status_code, response.content) == (206, b"RIFF")
        assert "token" not in json.dumps(provider.state())


# --- downloading -------------------------------------------------------------------------------------------


def test_a_download_needs_its_own_right_and_is_recorded(client_for):
    with serving(saying(answer(AUDIO_DATA, head=AUDIO_HEADER))) as url:
        call = make_call(url)
        CallLog.objects.update(caller="+919812345210")
        supervisor, manager = client_for(SUPERVISORS), client_for(OFFICE_MANAGERS)
        assert manager.get(address(call), {"download": "1"}).status_code == 403
        assert not AuditEntry.objects.filter(action="DOWNLOADED").exists()
        response = supervisor.get(address(call), {"download": "1"}, headers={"Range": "bytes=0-9"})
        assert b"".join(response.streaming_content) == AUDIO_DATA
    name = f"call-{timezone.localtime(call.started_at):%Y-%m-%d-%H%M}-{call.pk}.wav"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    entry = AuditEntry.objects.get(action="DOWNLOADED")
    assert (entry.person, entry.subject) == ("supervisors", f"calllogs.calllog:{call.pk}")
    assert entry.callers == [audit_log.caller_digest("+919812345210")]
    page = f"/admin/calllogs/calllog/{call.pk}/change/"
    assert "?download=1" in supervisor.get(page).text
    assert "?download=1" not in manager.get(page).text
    supervisor.head(address(call), {"download": "1"})
    assert AuditEntry.objects.filter(action__in=["DOWNLOADED", "LISTENED"]).get() == entry

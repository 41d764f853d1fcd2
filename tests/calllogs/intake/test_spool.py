"""The spool against real files, real processes, kill -9 and a full disk."""

import base64
import errno
import fcntl
import json
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calllogs.intake.spool import Spool, SpoolFull, files
from calllogs.intake.spool import append as append_module
from calllogs.intake.spool import depth as depth_module
from calllogs.intake.spool.records import HEADER, MAGIC, MAX_PAYLOAD, pack_record, split_records

ROOT = Path(__file__).parents[3]
KILLS = int(os.environ.get("SPOOL_KILLS", "40"))  # 500 in the long fault run
SEED = int(os.environ.get("SPOOL_SEED", "20261108"))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def drained(spool: Spool, **options: Any) -> list[bytes]:
    taken: list[bytes] = []
    spool.drain(taken.extend, **options)
    return taken


def names(spool: Spool, pattern: str = "*") -> list[Path]:
    return sorted(spool.directory.glob(pattern))


def run(script: str, *args: object, **options: Any) -> subprocess.Popen[bytes]:
    """Run a script in another process. It has the spool as `spool` and the other arguments as `args`."""
    head = "import os, sys, threading\nfrom calllogs.intake.spool import Spool, SpoolFull\n"
    head += "spool, args = Spool(sys.argv[1]), sys.argv[2:]\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + script, *map(str, args)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        **options,
    )


# --- appending -------------------------------------------------------------------------------------------


def test_payloads_are_drained_in_order_and_their_file_is_deleted(spool: Spool) -> None:
    payloads = [b"", b"one", "दो".encode(), bytes(range(256)), b"x" * MAX_PAYLOAD]
    for payload in payloads[:2]:
        spool.append(payload)
    spool.append_many(payloads[2:])
    assert drained(spool) == payloads
    assert names(spool) == []
    assert drained(spool) == []


def test_a_drain_counts_records_and_passes_batches(spool: Spool) -> None:
    spool.append_many([b"%d" % n for n in range(5)])
    sizes: list[int] = []
    assert spool.drain(lambda batch: sizes.append(len(batch)), batch=2) == (5, 0)
    assert sizes == [2, 2, 1]


def test_an_append_returns_after_its_bytes_and_its_new_name_are_synced(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: dict[int, int] = {}

    def remembering(sync: Callable[[int], None]) -> Callable[[int], None]:
        def wrapped(fd: int) -> None:
            sync(fd)
            synced[os.fstat(fd).st_ino] = os.fstat(fd).st_size

        return wrapped

    monkeypatch.setattr(os, "fdatasync", remembering(os.fdatasync))
    monkeypatch.setattr(os, "fsync", remembering(os.fsync))
    for n in range(3):
        spool.append(b"push %d" % n)
        (file,) = names(spool)
        assert synced[file.stat().st_ino] == file.stat().st_size == (n + 1) * (HEADER.size + 6)
        assert spool.directory.stat().st_ino in synced
    assert spool.directory.parent.stat().st_ino in synced


def test_files_are_for_their_owner_only(spool: Spool) -> None:
    spool.append(b"push")
    (file,) = names(spool)
    file.with_suffix(".open").write_bytes(b"damage")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    spool.drain(lambda batch: None)
    (bad,) = names(spool)
    assert stat.S_IMODE(bad.stat().st_mode) == 0o600
    assert stat.S_IMODE(spool.directory.stat().st_mode) == 0o700


def test_many_threads_share_syncs_and_lose_nothing(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs = 0

    def slow(fd: int) -> None:
        nonlocal syncs
        syncs += 1
        time.sleep(0.005)

    monkeypatch.setattr(os, "fdatasync", slow)

    def many(thread: int) -> None:
        for n in range(20):
            spool.append(b"%d-%d" % (thread, n))

    threads = [threading.Thread(target=many, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(drained(spool)) == sorted(b"%d-%d" % (t, n) for t in range(16) for n in range(20))
    assert syncs < 16 * 20 / 3


def test_a_payload_that_is_too_long_is_refused_and_nothing_is_kept(spool: Spool) -> None:
    with pytest.raises(ValueError, match="over the"):
        spool.append_many([b"short", b"x" * (MAX_PAYLOAD + 1)])
    assert drained(spool) == []


def test_a_full_file_is_followed_by_a_new_one(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append_module, "MAX_FILE_BYTES", 1000)
    payloads = [b"%0100d" % n for n in range(40)]
    for payload in payloads:
        spool.append(payload)
    assert len(names(spool)) == 5
    assert drained(spool) == payloads


def test_a_forked_child_appends_to_a_file_of_its_own(tmp_path: Path) -> None:
    script = """
spool.append(b"parent")
child = os.fork()
spool.append(b"child" if child == 0 else b"parent again")
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
"""
    process = run(script, tmp_path)
    process.communicate()
    assert process.returncode == 0
    spool = Spool(tmp_path)
    assert len(names(spool, "*.open")) == 2
    assert sorted(drained(spool)) == [b"child", b"parent", b"parent again"]


def test_a_child_forked_while_another_thread_appends_is_not_blocked(tmp_path: Path) -> None:
    script = """
real, inside, go_on = os.fdatasync, threading.Event(), threading.Event()
def slow(fd):
    inside.set(); go_on.wait(); real(fd)
os.fdatasync = slow
thread = threading.Thread(target=spool.append, args=(b"parent",))
thread.start()
inside.wait()
child = os.fork()
if child == 0:
    os.fdatasync = real
    spool.append(b"child")
    sys.stdin.read()
    os._exit(0)
go_on.set()
thread.join()
print("appended", flush=True)
os.waitpid(child, 0)
"""
    process = run(script, tmp_path, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == b"appended\n"
    spool, taken = Spool(tmp_path), []
    deadline = time.monotonic() + 10
    # The child still has the parent's locked file open. The lock must be free nevertheless.
    while len(taken) < 2 and time.monotonic() < deadline:
        taken += drained(spool)
    process.stdin.close()
    process.stdout.close()
    assert process.wait() == 0
    assert sorted(taken) == [b"child", b"parent"]


@pytest.mark.parametrize("suffix", [".sealed", None])
def test_an_appender_whose_file_was_renamed_or_deleted_starts_a_new_one(
    spool: Spool, suffix: str | None
) -> None:
    spool.append(b"before")
    (file,) = names(spool)
    if suffix:
        file.rename(file.with_suffix(suffix))
    else:
        file.unlink()
    spool.append(b"after")
    assert names(spool, "*.open") != [file]
    assert drained(spool) == ([b"before", b"after"] if suffix else [b"after"])


def test_an_appender_does_not_wait_for_a_drainer_that_holds_its_file(spool: Spool) -> None:
    spool.append(b"before")
    (file,) = names(spool)
    with file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        spool.append(b"after")
    assert len(names(spool, "*.open")) == 2


def test_an_append_while_the_handler_works_waits_for_the_next_drain(spool: Spool) -> None:
    spool.append(b"first")
    taken: list[bytes] = []

    def handle(batch: list[bytes]) -> None:
        taken.extend(batch)
        spool.append(b"second")

    spool.drain(handle)
    assert taken == [b"first"]
    assert drained(spool) == [b"second"]


def test_a_file_renamed_between_opening_and_locking_is_not_appended_to(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(b"before")
    (file,) = names(spool)
    sealed = file.with_suffix(".sealed")
    lock = files.lock

    def late(fd: int) -> bool:
        if file.exists():
            file.rename(sealed)
        return lock(fd)

    monkeypatch.setattr(files, "lock", late)
    spool.append(b"after")
    assert sealed.read_bytes() == pack_record(b"before")


def test_a_file_changed_by_another_process_is_not_appended_to(spool: Spool) -> None:
    spool.append(b"before")
    (file,) = names(spool)
    with file.open("ab") as appended:
        appended.write(b"another process")
    spool.append(b"after")
    assert len(names(spool)) == 2
    assert drained(spool) == [b"before", b"after"]


# --- size limits and disk errors -------------------------------------------------------------------------


def test_the_spool_is_bounded_and_has_space_again_once_drained(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit_bytes=1000)
    for _ in range(8):
        spool.append(b"x" * (125 - HEADER.size))
    with pytest.raises(SpoolFull):
        spool.append(b"")
    with pytest.raises(SpoolFull):
        Spool(tmp_path, limit_bytes=1000).append(b"from another process")
    assert len(drained(spool)) == 8
    spool.append(b"space")
    assert drained(spool) == [b"space"]


def test_one_append_over_the_limit_does_not_affect_those_that_wait_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, limit_bytes=1000)
    inside, go_on, sync = threading.Event(), threading.Event(), os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (inside.set(), go_on.wait(), sync(fd)))
    errors: list[Exception] = []

    def append(payload: bytes) -> None:
        try:
            spool.append(payload)
        except SpoolFull as error:
            errors.append(error)

    threads = [threading.Thread(target=append, args=(p,)) for p in (b"first", b"x" * 2000, b"third")]
    threads[0].start()
    inside.wait()
    for thread in threads[1:]:
        thread.start()
    time.sleep(0.05)  # both wait for the first
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(errors) == 1
    assert drained(spool) == [b"first", b"third"]


def test_a_full_disk_is_reported_and_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    script = """
kept = full = 0
for n in range(400):
    try:
        spool.append(b"%0500d" % n)
        print(n, flush=True)
    except SpoolFull:
        full += 1
sys.exit(7 if full else 1)
"""
    limit = 20_000  # bytes of a file; simulates a disk that becomes full in the middle of a record

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = run(script, tmp_path, preexec_fn=small_disk)
    kept = process.communicate()[0].split()
    assert process.returncode == 7
    assert len(kept) > 300
    spool = Spool(tmp_path)
    assert all(file.stat().st_size % (500 + HEADER.size) == 0 for file in names(spool))
    taken: list[bytes] = []
    assert spool.drain(taken.extend).set_aside == 0
    assert [int(payload) for payload in taken] == [int(number) for number in kept]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
def test_disk_full_errors_become_spool_full(
    spool: Spool, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, data: bytes) -> int:
        raise OSError(number, "disk full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(SpoolFull) as caught:
            spool.append(b"push")
    assert caught.value.errno == number
    assert names(spool) == []
    spool.append(b"space again")
    assert drained(spool) == [b"space again"]


def test_a_failed_sync_raises_and_its_file_is_not_used_again(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(b"kept")
    (file,) = names(spool)
    size = file.stat().st_size

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        with pytest.raises(OSError, match="broken") as caught:
            spool.append(b"not kept")
    assert not isinstance(caught.value, SpoolFull)
    assert file.stat().st_size == size
    spool.append(b"kept too")
    assert len(names(spool)) == 2
    assert drained(spool) == [b"kept", b"kept too"]


def test_an_interrupted_append_is_undone(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.append(b"kept")

    def interrupted(fd: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            spool.append(b"not kept")
    assert drained(spool) == [b"kept"]


# --- draining --------------------------------------------------------------------------------------------


def test_payloads_that_the_handler_rejects_stay_for_the_next_drain(spool: Spool) -> None:
    payloads = [b"%d" % n for n in range(10)]
    spool.append_many(payloads)
    seen: list[bytes] = []

    def failing(batch: list[bytes]) -> None:
        if seen:
            raise OSError("the database is still silent")
        seen.extend(batch)

    with pytest.raises(OSError, match="silent"):
        spool.drain(failing, batch=3)
    assert spool.depth().records == 10
    spool.append(b"later")
    assert drained(spool) == [*payloads, b"later"]


def test_a_file_that_another_drainer_has_locked_is_skipped(spool: Spool) -> None:
    spool.append(b"push")
    other = Spool(spool.directory)
    results = []
    spool.drain(lambda batch: results.append(other.drain(lambda batch: None)))
    assert results == [(0, 0)]
    assert spool.depth().records == 0


def test_a_drain_includes_an_append_in_progress(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.append(b"first")
    inside, sync = threading.Event(), os.fdatasync

    def slow(fd: int) -> None:
        inside.set()
        time.sleep(0.2)
        sync(fd)

    monkeypatch.setattr(os, "fdatasync", slow)
    thread = threading.Thread(target=spool.append, args=(b"second",))
    thread.start()
    inside.wait()
    assert drained(spool) == [b"first", b"second"]
    thread.join()


def test_damage_is_safe_before_its_file_is_deleted_and_the_deletion_is_synced(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(b"push")
    (file,) = names(spool)
    file.write_bytes(file.read_bytes() + b"torn")
    events: list[str] = []
    sync, unlink = os.fsync, Path.unlink

    def syncing(fd: int) -> None:
        sync(fd)
        events.append("directory" if stat.S_ISDIR(os.fstat(fd).st_mode) else "set aside")

    def deleting(path: Path) -> None:
        unlink(path)
        events.append("deleted")

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(Path, "unlink", deleting)
    drained(spool)
    assert events == ["set aside", "directory", "deleted", "directory"]


def test_a_file_that_cannot_be_read_raises_after_the_others_are_drained(spool: Spool) -> None:
    spool.append(b"push")
    (spool.directory / "0-unreadable.sealed").mkdir()
    taken: list[bytes] = []
    with pytest.raises(IsADirectoryError):
        spool.drain(taken.extend)
    assert taken == [b"push"]
    assert spool.depth().records == 0


def test_damage_that_cannot_be_set_aside_keeps_its_file(spool: Spool) -> None:
    spool.append(b"push")
    (file,) = names(spool)
    file.write_bytes(file.read_bytes() + b"torn")
    in_the_way = file.with_suffix(".unfinished")
    in_the_way.mkdir()
    with pytest.raises(IsADirectoryError):
        spool.drain(lambda batch: None)
    assert file.with_suffix(".sealed").exists()
    in_the_way.rmdir()
    assert spool.drain(lambda batch: None) == (1, 1)


def test_several_drainers_and_appenders_at_once_handle_each_record_once(tmp_path: Path) -> None:
    append = """
for n in range(300):
    spool.append(f"{args[0]}-{n}".encode())
"""
    drain = """
while not os.path.exists(args[0]):
    spool.drain(lambda batch: print(*(p.decode() for p in batch), sep="\\n", flush=True), batch=7)
"""
    done = tmp_path / "done"
    appenders = [run(append, tmp_path / "spool", n) for n in range(3)]
    drainers = [run(drain, tmp_path / "spool", done) for n in range(4)]
    outputs: list[bytes] = []
    readers = [threading.Thread(target=lambda d=d: outputs.append(d.communicate()[0])) for d in drainers]
    for reader in readers:
        reader.start()
    for appender in appenders:
        appender.communicate()
        assert appender.returncode == 0
    deadline = time.monotonic() + 60
    while names(Spool(tmp_path / "spool")) and time.monotonic() < deadline:
        time.sleep(0.05)
    done.touch()
    for reader in readers:
        reader.join()
    assert [drainer.returncode for drainer in drainers] == [0] * 4
    counts = Counter(b"".join(outputs).decode().split())
    assert counts == Counter(f"{a}-{n}" for a in range(3) for n in range(300))


# --- kill -9 ---------------------------------------------------------------------------------------------


def test_kill_9_during_an_append_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    script = """
def many(thread):
    for n in range(10**9):
        payload = b"%s-%d-%d-" % (args[0].encode(), thread, n) + b"x" * (n * 397 % 5000)
        spool.append(payload)
        os.write(1, payload.rstrip(b"x") + b"\\n")
for thread in range(3):
    threading.Thread(target=many, args=(thread,), daemon=True).start()
os.write(1, b"started\\n")
threading.Event().wait()
"""
    rng = random.Random(SEED)
    spool = Spool(tmp_path / "spool")
    acknowledged: set[bytes] = set()
    taken: Counter[bytes] = Counter()
    torn = 0
    for life in range(KILLS):
        process = run(script, spool.directory, life)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        # The last line of a killed process may be incomplete. Each complete one was written after its append.
        acknowledged.update(line for line in process.communicate()[0].splitlines(keepends=True)[:-1])
        if rng.random() < 0.7:
            torn += spool.drain(lambda batch: taken.update(p.rstrip(b"x") + b"\n" for p in batch)).set_aside
    torn += spool.drain(lambda batch: taken.update(p.rstrip(b"x") + b"\n" for p in batch)).set_aside
    print(f"seed {SEED}: {KILLS} kills, {len(acknowledged)} acknowledged, {len(taken)} drained, {torn} torn")
    assert len(acknowledged) > KILLS
    assert acknowledged - set(taken) - {b"started\n"} == set()
    assert set(taken.values()) == {1}


def test_kill_9_during_a_drain_loses_nothing(tmp_path: Path) -> None:
    script = """
out = os.open(args[0], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
def handle(batch):
    os.write(out, b"".join(p + b"\\n" for p in batch))
    os.fdatasync(out)
os.write(1, b"started\\n")
spool.drain(handle, batch=5)
"""
    rng = random.Random(SEED)
    spool, out = Spool(tmp_path / "spool"), tmp_path / "handled"
    sent: set[bytes] = set()
    for life in range(max(5, KILLS // 4)):
        for part in range(3):
            payloads = [b"%d-%d-%d" % (life, part, n) for n in range(100)]
            Spool(spool.directory).append_many(payloads)  # a new Spool starts a new file
            sent.update(payloads)
        process = run(script, spool.directory, out)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = run(script, spool.directory, out)
    process.communicate()
    assert process.returncode == 0
    assert set(out.read_bytes().split()) == sent
    assert names(spool) == []


def test_a_process_killed_between_setting_aside_and_deleting_sets_nothing_aside_twice(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(b"push")
    (file,) = names(spool)
    file.write_bytes(file.read_bytes() + b"torn")

    class Killed(BaseException):
        pass

    def killed(path: Path) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(Killed):
            spool.drain(lambda batch: None)
    assert drained(spool) == [b"push"]
    assert spool.depth().damaged == 1


# --- damage ----------------------------------------------------------------------------------------------


def set_aside_bytes(spool: Spool) -> list[bytes]:
    lines = [json.loads(line) for bad in names(spool, "*.bad") for line in bad.read_text().splitlines()]
    assert all(line["note"] for line in lines)
    return [base64.b64decode(line["base64"]) for line in lines]


def test_a_torn_tail_costs_only_the_record_that_was_never_acknowledged(spool: Spool) -> None:
    whole = pack_record(b"never acknowledged")
    for length in range(1, len(whole)):
        spool.append(b"kept")
        (file,) = names(spool, "*.open")
        with file.open("ab") as appended:
            appended.write(whole[:length])
        taken: list[bytes] = []
        assert spool.drain(taken.extend) == (1, 1)
        assert taken == [b"kept"]
        assert set_aside_bytes(spool)[-1] == whole[:length]
    assert spool.depth() == (0, 0, 0, 0.0, len(whole) - 1)


def test_a_tail_of_zeros_after_a_power_cut_is_set_aside(spool: Spool) -> None:
    spool.append(b"kept")
    (file,) = names(spool)
    with file.open("ab") as appended:
        appended.write(bytes(4096))
    assert drained(spool) == [b"kept"]
    assert set_aside_bytes(spool) == [bytes(4096)]


def test_any_single_flipped_bit_costs_only_its_record() -> None:
    payloads = [b"one", b"two" * 5, b"", b"four"]
    data = b"".join(map(pack_record, payloads))
    owner = [n for n, payload in enumerate(payloads) for _ in pack_record(payload)]
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        found = list(split_records(bytes(flipped)))
        kept = [bytes(flipped[s.start + HEADER.size : s.end]) for s in found if s.is_record]
        lost = owner[bit // 8]
        assert kept == payloads[:lost] + payloads[lost + 1 :]
        assert [s.end - s.start for s in found if not s.is_record] == [len(pack_record(payloads[lost]))]


def test_a_record_inside_a_damaged_payload_is_not_handled() -> None:
    outer = bytearray(pack_record(MAGIC + pack_record(b"never appended") + b"end"))
    outer[-1] ^= 1
    data = pack_record(b"first") + bytes(outer) + pack_record(b"last")
    assert [data[s.start + HEADER.size : s.end] for s in split_records(data) if s.is_record] == [
        b"first",
        b"last",
    ]


def test_bytes_missing_in_the_middle_cost_only_their_record() -> None:
    data = (
        pack_record(b"first") + pack_record(b"x" * 50)[:-10] + pack_record(b"third") + pack_record(b"fourth")
    )
    records = [data[s.start + HEADER.size : s.end] for s in split_records(data) if s.is_record]
    assert records == [b"first", b"third", b"fourth"]


@settings(max_examples=300, deadline=None)
@given(
    payloads=st.lists(st.binary(max_size=60), min_size=1, max_size=12),
    flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), max_size=6),
    cut=st.none() | st.integers(0, 10**6),
)
def test_random_damage_costs_at_most_the_damaged_records(
    payloads: list[bytes], flips: list[tuple[int, int]], cut: int | None
) -> None:
    numbered = [b"%d:" % n + payload for n, payload in enumerate(payloads)]
    whole = b"".join(map(pack_record, numbered))
    data = bytearray(whole)
    for offset, mask in flips:
        data[offset % len(data)] ^= mask
    if cut is not None:
        del data[cut % (len(data) + 1) :]
    intact, start = [], 0
    for payload in numbered:
        end = start + len(pack_record(payload))
        if data[start:end] == whole[start:end]:
            intact.append(payload)
        start = end
    with TemporaryDirectory() as directory:
        spool = Spool(directory)
        (Path(directory) / "1-1-damaged.open").write_bytes(data)
        taken = drained(spool, batch=3)
        assert taken == intact
        # Every byte was handled in a record or set aside.
        kept = sum(len(pack_record(payload)) for payload in taken)
        assert kept + sum(map(len, set_aside_bytes(spool))) == len(data)
        assert names(spool, "*.sealed") == []
        assert spool.depth().damaged == len(set_aside_bytes(spool))


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=400)
    | st.lists(st.sampled_from([MAGIC, pack_record(b"a"), b"\xf5", bytes(8)])).map(b"".join)
)
def test_any_bytes_are_split_without_a_gap(data: bytes) -> None:
    start = 0
    for span in split_records(data):
        assert span.start == start < span.end
        start = span.end
    assert start == len(data)


# --- depth -----------------------------------------------------------------------------------------------


def test_depth_counts_what_waits(spool: Spool) -> None:
    assert spool.depth() == (0, 0, 0, 0.0, 0)
    spool.append_many([b"one", b"two"])
    Spool(spool.directory).append(b"three")
    depth = spool.depth()
    assert (depth.records, depth.files, depth.damaged) == (3, 2, 0)
    assert depth.bytes == sum(file.stat().st_size for file in names(spool))
    assert 0 <= depth.oldest_age_s < 60
    drained(spool)
    assert spool.depth() == (0, 0, 0, 0.0, 0)


def test_depth_has_the_age_of_the_oldest_file(spool: Spool) -> None:
    spool.append(b"push")
    (file,) = names(spool)
    file.rename(file.with_name(f"{time.time_ns() - 90 * 10**9:020d}-1-old.sealed"))
    spool.append(b"newer")
    assert 90 <= spool.depth().oldest_age_s < 150


def test_depth_reads_only_new_bytes(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.append_many([b"%d" % n for n in range(100)])
    other = Spool(spool.directory)
    assert other.depth().records == 100
    read: list[bytes] = []
    monkeypatch.setattr(depth_module, "split_records", lambda data: read.append(data) or split_records(data))
    assert other.depth().records == 100
    assert read == []
    spool.append(b"new")
    assert other.depth().records == 101
    assert read == [pack_record(b"new")]
    (file,) = names(spool)
    file.rename(file.with_suffix(".sealed"))
    assert other.depth().records == 101
    assert len(read) == 1


def test_depth_includes_a_file_that_is_sealed_while_it_counts(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(b"push")
    listed = files.list_files

    def then_sealed(directory: Path, *suffixes: str) -> list[Path]:
        paths = listed(directory, *suffixes)
        paths[0].rename(paths[0].with_suffix(".sealed"))
        return paths

    monkeypatch.setattr(files, "list_files", then_sealed)
    assert spool.depth().records == 1


def test_depth_counts_past_damage_and_after_a_file_shrank(spool: Spool) -> None:
    spool.append_many([b"one", b"two", b"three"])
    (file,) = names(spool)
    data = bytearray(file.read_bytes())
    data[len(pack_record(b"one")) + HEADER.size] ^= 1
    file.write_bytes(data)
    assert spool.depth().records == 2
    file.write_bytes(pack_record(b"one"))
    assert spool.depth().records == 1

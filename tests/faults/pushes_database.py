"""Database and disk faults while sixteen senders push: stop, restart, crash, stall, lock, full disk."""

import random
import time

from tests.faults.checker import max_answer_seconds
from tests.faults.push_portal import PortalServer, sqlite_connection
from tests.faults.pushes_clients import format_answers
from tests.faults.pushes_web import build_senders

SLACK_S = 1.0  # beyond PUSH_WAIT_S, for the spool's sync and a busy machine


def stop(portal: PortalServer, rng: random.Random, times: int) -> None:
    """Stop the database for a while. Pushes are accepted meanwhile and drained automatically afterwards."""
    for _ in range(times):
        with build_senders(portal, rng) as senders:
            senders.wait_for_answers(40, body="Successful")
            portal.postgres.stop()
            senders.wait_for_answers(60, body="Accepted")
            time.sleep(rng.uniform(0, 0.5))
            portal.postgres.start()
            senders.wait_for_answers(40, body="Successful")
        portal.wait_until_drained()


def restart(portal: PortalServer, rng: random.Random, times: int) -> None:
    with build_senders(portal, rng) as senders:
        for _ in range(times):
            senders.wait_for_answers(40, body="Successful")
            time.sleep(rng.uniform(0, 0.3))
            portal.postgres.restart()
        senders.wait_for_answers(40, body="Successful")


def crash(portal: PortalServer, rng: random.Random, times: int) -> None:
    """kill -9 of PostgreSQL and all its processes."""
    with build_senders(portal, rng) as senders:
        for _ in range(times):
            senders.wait_for_answers(40, body="Successful")
            time.sleep(rng.uniform(0, 0.3))
            portal.postgres.kill()
            portal.postgres.start()
        senders.wait_for_answers(40, body="Successful")


def stall(portal: PortalServer, rng: random.Random, times: int, *, seconds: float) -> None:
    """SIGSTOP of PostgreSQL: no request waits longer than PUSH_WAIT_S."""
    for _ in range(times):
        before = len(portal.answers)
        with build_senders(portal, rng) as senders:
            senders.wait_for_answers(40, body="Successful")
            portal.postgres.pause()
            try:
                time.sleep(seconds)
            finally:
                portal.postgres.resume()
            senders.wait_for_answers(40, body="Successful")
        _assert_wait_limit(portal, before)


def lock(portal: PortalServer, rng: random.Random, times: int, *, seconds: float) -> None:
    """Another process holds SQLite's write lock."""
    for _ in range(times):
        before = len(portal.answers)
        with build_senders(portal, rng) as senders:
            senders.wait_for_answers(40, body="Successful")
            with sqlite_connection(portal) as connection:
                connection.execute("BEGIN IMMEDIATE")
                time.sleep(seconds)
                connection.execute("ROLLBACK")
            senders.wait_for_answers(40, body="Successful")
        _assert_wait_limit(portal, before)


def fill_disk(portal: PortalServer, rng: random.Random, times: int) -> None:
    """No space for the spool: pushes are answered `Failure`, unless the database is available."""
    for _ in range(times):
        with build_senders(portal, rng) as senders:
            portal.postgres.stop()
            senders.wait_for_answers(20, body="Accepted")
            portal.limit_file_size(rng.randrange(1000, 6000))  # the next records are cut short
            senders.wait_for_answers(60, body="Failure")
            portal.limit_file_size(0)
            senders.wait_for_answers(60, body="Failure")
            portal.limit_file_size(-1)
            senders.wait_for_answers(20, body="Accepted")
            portal.postgres.start()
            senders.wait_for_answers(40, body="Successful")
            portal.limit_file_size(0)
            before = len(portal.answers)
            senders.wait_for_answers(40, body="Successful")
            # A process started now cannot write to the disk either, but still accepts pushes.
            rng.choice(portal.workers()).kill()
            time.sleep(0.05)
            portal.wait_until_serving()
            senders.wait_for_answers(80, body="Successful")
            failures = sum(answer.body == "Failure" for answer in portal.answers[before:])
            assert not failures, f"{failures} pushes failed for a full disk, though the database was there"
            portal.limit_file_size(-1)


def _assert_wait_limit(portal: PortalServer, before: int) -> None:
    answers = portal.answers[before:]
    slowest = max_answer_seconds(answers)
    assert slowest <= portal.wait_s + SLACK_S, f"a push waited for {slowest:.2f} s: {format_answers(answers)}"
    assert any(answer.body == "Accepted" for answer in answers), (
        f"no push was spooled: {format_answers(answers)}"
    )

"""The database stops, restarts, crashes, stalls or is locked, and the disk is full, while sixteen senders push."""

import random
import time

from tests.faults.checker import slowest_s
from tests.faults.pushes_clients import told
from tests.faults.pushes_stand import Stand, database_of
from tests.faults.pushes_web import crowd_of

SLACK_S = 1.0  # beyond PUSH_WAIT_S, for the spool's sync and a machine that others use too


def stop(stand: Stand, rng: random.Random, times: int) -> None:
    """Stopped for a while: pushes are accepted meanwhile, and brought in by themselves afterwards."""
    for _ in range(times):
        with crowd_of(stand, rng) as crowd:
            crowd.wait_for_answers(40, body="Successful")
            stand.server.stop()
            crowd.wait_for_answers(60, body="Accepted")
            time.sleep(rng.uniform(0, 0.5))
            stand.server.start()
            crowd.wait_for_answers(40, body="Successful")
        stand.wait_until_drained()


def restart(stand: Stand, rng: random.Random, times: int) -> None:
    with crowd_of(stand, rng) as crowd:
        for _ in range(times):
            crowd.wait_for_answers(40, body="Successful")
            time.sleep(rng.uniform(0, 0.3))
            stand.server.restart()
        crowd.wait_for_answers(40, body="Successful")


def crash(stand: Stand, rng: random.Random, times: int) -> None:
    """kill -9 of PostgreSQL and all its processes."""
    with crowd_of(stand, rng) as crowd:
        for _ in range(times):
            crowd.wait_for_answers(40, body="Successful")
            time.sleep(rng.uniform(0, 0.3))
            stand.server.kill()
            stand.server.start()
        crowd.wait_for_answers(40, body="Successful")


def stall(stand: Stand, rng: random.Random, times: int, *, seconds: float) -> None:
    """SIGSTOP of PostgreSQL: nobody waits for longer than was promised."""
    for _ in range(times):
        before = len(stand.answers)
        with crowd_of(stand, rng) as crowd:
            crowd.wait_for_answers(40, body="Successful")
            stand.server.pause()
            try:
                time.sleep(seconds)
            finally:
                stand.server.resume()
            crowd.wait_for_answers(40, body="Successful")
        _nobody_waited_too_long(stand, before)


def lock(stand: Stand, rng: random.Random, times: int, *, seconds: float) -> None:
    """Another process holds SQLite's lock for writing."""
    for _ in range(times):
        before = len(stand.answers)
        with crowd_of(stand, rng) as crowd:
            crowd.wait_for_answers(40, body="Successful")
            with database_of(stand) as connection:
                connection.execute("BEGIN IMMEDIATE")
                time.sleep(seconds)
                connection.execute("ROLLBACK")
            crowd.wait_for_answers(40, body="Successful")
        _nobody_waited_too_long(stand, before)


def fill_disk(stand: Stand, rng: random.Random, times: int) -> None:
    """No room for the spool: what cannot be kept is answered `Failure`; with the database alive all is kept."""
    for _ in range(times):
        with crowd_of(stand, rng) as crowd:
            stand.server.stop()
            crowd.wait_for_answers(20, body="Accepted")
            stand.limit_files(rng.randrange(1000, 6000))  # the next records are cut short
            crowd.wait_for_answers(60, body="Failure")
            stand.limit_files(0)
            crowd.wait_for_answers(60, body="Failure")
            stand.limit_files(-1)
            crowd.wait_for_answers(20, body="Accepted")
            stand.server.start()
            crowd.wait_for_answers(40, body="Successful")
            stand.limit_files(0)
            before = len(stand.answers)
            crowd.wait_for_answers(40, body="Successful")
            # A process that comes up now cannot write a byte either, and takes pushes all the same.
            rng.choice(stand.workers()).kill()
            time.sleep(0.05)
            stand.wait_until_it_serves()
            crowd.wait_for_answers(80, body="Successful")
            failures = sum(answer.body == "Failure" for answer in stand.answers[before:])
            assert not failures, f"{failures} pushes failed for a full disk, though the database was there"
            stand.limit_files(-1)


def _nobody_waited_too_long(stand: Stand, before: int) -> None:
    answers = stand.answers[before:]
    slowest = slowest_s(answers)
    assert slowest <= stand.wait_s + SLACK_S, f"a push waited for {slowest:.2f} s: {told(answers)}"
    assert any(answer.body == "Accepted" for answer in answers), f"no push was spooled: {told(answers)}"

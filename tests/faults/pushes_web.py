"""The web server is killed and stopped while sixteen senders push."""

import random
import signal
import time

from tests.faults.pushes_clients import Crowd, endless
from tests.faults.pushes_stand import DEATH, Stand


def crowd_of(stand: Stand, rng: random.Random) -> Crowd:
    return Crowd(stand.port, stand.databases.key, endless(rng), stand.answers)


def kill_workers(stand: Stand, rng: random.Random, times: int) -> None:
    """kill -9 of one worker process at a random moment; the server or, failing that, we start another."""
    with crowd_of(stand, rng) as crowd:
        for _ in range(times):
            crowd.wait_for_answers(40)
            time.sleep(rng.uniform(0, 0.05))
            workers = stand.workers()
            if workers:
                rng.choice(workers).send_signal(signal.SIGKILL)
            time.sleep(0.05)
            stand.wait_until_it_serves()


def kill_trees(stand: Stand, rng: random.Random, times: int) -> None:
    """kill -9 of the server with all its workers."""
    with crowd_of(stand, rng) as crowd:
        for _ in range(times):
            crowd.wait_for_answers(40)
            time.sleep(rng.uniform(0, 0.05))
            stand.kill()
            stand.start()


def terminate(stand: Stand, rng: random.Random, times: int) -> None:
    """SIGTERM, as at a deployment: the server ends by itself, and what it answered is on the disk."""
    with crowd_of(stand, rng) as crowd:
        for _ in range(times):
            crowd.wait_for_answers(40)
            stand.terminate()
            stand.start()


def die_at_places(stand: Stand, rng: random.Random, times: int) -> None:
    """For a stand whose processes kill themselves: push until that many have died."""
    deadline = time.monotonic() + 60 + 10 * times
    with crowd_of(stand, rng):
        while (died := stand.log.read_bytes().count(DEATH)) < times:
            stand.keep_up()
            time.sleep(0.02)
            assert time.monotonic() < deadline, f"only {died} of {times} processes died"
    stand.wait_until_it_serves()

"""Kill and stop the web server while sixteen senders push."""

import random
import signal
import time

from tests.faults.push_portal import DEATH_LINE, PortalServer
from tests.faults.pushes_clients import PushSenders, generate_endless_pushes


def build_senders(portal: PortalServer, rng: random.Random) -> PushSenders:
    return PushSenders(portal.port, portal.databases.key, generate_endless_pushes(rng), portal.answers)


def kill_workers(portal: PortalServer, rng: random.Random, times: int) -> None:
    """kill -9 of one worker process at a random moment. The server, or else this run, starts another."""
    with build_senders(portal, rng) as senders:
        for _ in range(times):
            senders.wait_for_answers(40)
            time.sleep(rng.uniform(0, 0.05))
            workers = portal.workers()
            if workers:
                rng.choice(workers).send_signal(signal.SIGKILL)
            time.sleep(0.05)
            portal.wait_until_serving()


def kill_trees(portal: PortalServer, rng: random.Random, times: int) -> None:
    """kill -9 of the server with all its workers."""
    with build_senders(portal, rng) as senders:
        for _ in range(times):
            senders.wait_for_answers(40)
            time.sleep(rng.uniform(0, 0.05))
            portal.kill()
            portal.start()


def terminate(portal: PortalServer, rng: random.Random, times: int) -> None:
    """SIGTERM, as at a deployment: the server ends cleanly, and every answered push is on the disk."""
    with build_senders(portal, rng) as senders:
        for _ in range(times):
            senders.wait_for_answers(40)
            portal.terminate()
            portal.start()


def wait_for_deaths(portal: PortalServer, rng: random.Random, times: int) -> None:
    """For a portal whose processes kill themselves: push until `times` of them have died."""
    deadline = time.monotonic() + 60 + 10 * times
    with build_senders(portal, rng):
        while (died := portal.log.read_bytes().count(DEATH_LINE)) < times:
            portal.restart_if_ended()
            time.sleep(0.02)
            assert time.monotonic() < deadline, f"only {died} of {times} processes died"
    portal.wait_until_serving()

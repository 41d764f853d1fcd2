"""Partial pushes of the same calls, repeated and out of order, from sixteen concurrent senders."""

import random

from tests.faults.push_portal import PortalServer
from tests.faults.pushes_clients import PushSenders, shuffle_partial_pushes


def repeat(portal: PortalServer, rng: random.Random, *, calls: int, repeats: int) -> None:
    """Each field must end up with the value that any push had, whatever the order. The checker compares."""
    before = len(portal.answers)
    source = shuffle_partial_pushes(rng, calls=calls, repeats=repeats)
    senders = PushSenders(portal.port, portal.databases.key, source, portal.answers)
    with senders:
        senders.wait()
    bodies = {answer.body for answer in portal.answers[before:]}
    assert bodies == {"Successful"}, f"some pushes were not stored at once: {bodies}"

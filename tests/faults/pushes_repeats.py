"""The same calls again and again, in pieces and out of order, from sixteen senders at once."""

import random

from tests.faults.pushes_clients import Crowd, shuffled_repeats
from tests.faults.pushes_stand import Stand


def repeat(stand: Stand, rng: random.Random, *, calls: int, repeats: int) -> None:
    """What is filled in the end is what was told by anybody, whatever came last: the checker compares."""
    before = len(stand.answers)
    source = shuffled_repeats(rng, calls=calls, repeats=repeats)
    crowd = Crowd(stand.port, stand.databases.key, source, stand.answers)
    with crowd:
        crowd.wait()
    bodies = {answer.body for answer in stand.answers[before:]}
    assert bodies == {"Successful"}, f"some pushes were not stored at once: {bodies}"

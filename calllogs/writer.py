"""Between the request and the table: hands an arrival to `store`, and answers how it was kept."""

from enum import StrEnum

from calllogs.store import Arrival, store


class Kept(StrEnum):
    COMMITTED = "committed"  # in the database
    NOWHERE = "nowhere"


def submit(arrival: Arrival) -> Kept:
    """Keep one arrival. When it says COMMITTED, the push is on the database's disk."""
    store([arrival])
    return Kept.COMMITTED

"""The faults of `pushes`, once each on the real server. `make faults` repeats them for long."""

import random
from collections.abc import Iterator
from functools import partial

import pytest

from tests.bench.databases import Databases
from tests.faults import pushes, pushes_database, pushes_repeats, pushes_web
from tests.faults.push_portal import start_databases

pytestmark = [pytest.mark.whole, pytest.mark.timeout(400)]  # the machine may be busy
SEED = 20261108


@pytest.fixture(scope="module")
def postgres() -> Iterator[Databases]:
    with start_databases("postgres") as databases:
        yield databases


@pytest.fixture(scope="module")
def sqlite() -> Iterator[Databases]:
    with start_databases("sqlite") as databases:
        yield databases


@pytest.fixture
def rng() -> random.Random:
    return random.Random(SEED)


def test_a_killed_or_stopped_web_server_loses_no_answered_push(
    postgres: Databases, rng: random.Random
) -> None:
    repeat = partial(pushes_repeats.repeat, calls=200, repeats=600)
    faults = [pushes_web.kill_workers, pushes_web.kill_trees, pushes_web.terminate]
    print(pushes.run_faults(postgres, rng, repeat, *(partial(fault, times=1) for fault in faults)))


def test_a_process_that_dies_between_the_database_and_its_answer_loses_nothing(
    postgres: Databases, rng: random.Random
) -> None:
    print(pushes.kill_at_point(postgres, rng, point="commit,batch", times=2))


def test_a_process_that_dies_while_appending_to_the_spool_loses_nothing(
    postgres: Databases, rng: random.Random
) -> None:
    print(pushes.kill_while_appending(postgres, rng, times=1))


def test_a_stopped_crashed_or_stalled_database_loses_no_push_and_keeps_the_wait_limit(
    postgres: Databases, rng: random.Random
) -> None:
    faults = [pushes_database.stop, pushes_database.restart, pushes_database.crash]
    stall = partial(pushes_database.stall, times=1, seconds=2)
    print(pushes.run_faults(postgres, rng, *(partial(f, times=1) for f in faults), stall, PUSH_WAIT_S="1"))


def test_a_full_disk_is_answered_with_failure_and_loses_no_accepted_push(
    postgres: Databases, rng: random.Random
) -> None:
    print(pushes.run_faults(postgres, rng, partial(pushes_database.fill_disk, times=1)))


def test_partial_pushes_are_merged_and_a_locked_database_loses_none(
    sqlite: Databases, rng: random.Random
) -> None:
    repeat = partial(pushes_repeats.repeat, calls=150, repeats=500)
    lock = partial(pushes_database.lock, times=1, seconds=2)
    print(pushes.run_faults(sqlite, rng, repeat, lock, PUSH_WAIT_S="1"))


def test_any_bytes_get_the_same_answer_and_the_same_call_from_both_databases(
    postgres: Databases, sqlite: Databases
) -> None:
    print(pushes.push_anything(postgres, sqlite, examples=400, seed=SEED))

"""The long runs of the way out, by name. Each starts its own databases, providers and workers."""

import contextlib
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.bench.databases import Databases
from tests.faults import settings_beside, settings_canaries
from tests.faults.settings_part import Part
from tests.faults.settings_stand import WITHOUT_SETTLING, databases_on, play
from tests.faults.settings_verdict import Verdict
from tests.plugins.demo import ROOT
from tests.plugins.postgres import Postgres

SAVES, SECONDS, AT_ONCE = 400, 12.0, 2
STEPS = 5_000
Play = Callable[[Databases, int], Verdict]


@dataclass(frozen=True)
class Options:
    """`times`: how many seeds, counted up from `seed`; 0: as many as issue 4 wants."""

    seed: int
    times: int = 0

    def seeds(self, planned: int) -> range:
        return range(self.seed, self.seed + (self.times or planned))


def part(seed: int, *, saves: int = SAVES, seconds: float = SECONDS, **more: object) -> Part:
    return Part(seed=seed, saves=saves, seconds=seconds, **more)


def total(kind: str, seeds: range, one: Play, *, at_once: int = AT_ONCE) -> Verdict:
    with databases_on(kind) as (databases, _), ThreadPoolExecutor(at_once) as pool:
        return sum(pool.map(lambda seed: one(databases, seed), seeds), Verdict())


def on_postgres(databases: Databases, seed: int) -> Verdict:
    return play(part(seed), databases.fresh(f"seed_{seed}"))


def on_sqlite(databases: Databases, seed: int) -> Verdict:
    return play(part(seed, savers=2, kinds=["sync"]), databases.fresh(f"seed_{seed}"))


def without_settling(databases: Databases, seed: int) -> Verdict:
    return play(part(seed), databases.fresh(f"seed_{seed}"), env=WITHOUT_SETTLING)


def with_clocks_apart(databases: Databases, seed: int) -> Verdict:
    kinds = ["sync ahead", "sync behind", "sync"]
    return play(part(seed, kinds=kinds), databases.fresh(f"seed_{seed}"))


def with_many_sweeps(databases: Databases, seed: int) -> Verdict:
    """Two sweeps without an end, each doing everything twice, beside the loop."""
    kinds = ["sweeps", "sweeps", "sync"]
    return play(part(seed, kinds=kinds, kill_s=(1.0, 2.0)), databases.fresh(f"seed_{seed}"))


def with_a_new_account(databases: Databases, seed: int) -> Verdict:
    return play(part(seed), databases.fresh(f"seed_{seed}"), two_accounts=True)


def with_a_bad_database(databases: Databases, server: Postgres, seed: int) -> Verdict:
    luck = random.Random(f"database {seed}")
    beside = settings_beside.database(server, luck, SECONDS)
    return play(part(seed), databases.fresh(f"seed_{seed}"), beside=beside)


def with_a_bad_broker(databases: Databases, _: Postgres, seed: int) -> Verdict:
    return _with_celery(databases, seed, beats=1, faults=("kill", "stall", "empty"), pause_s=(1.0, 3.0))


def with_killed_workers(databases: Databases, _: Postgres, seed: int) -> Verdict:
    """Those of Celery, under two beats; what is lost with them, or comes twice, changes nothing."""
    return _with_celery(databases, seed, beats=2, faults=("child",) * 9 + ("worker",), pause_s=(0.4, 0.9))


def _with_celery(databases: Databases, seed: int, **how: Any) -> Verdict:
    beside = settings_beside.celery(random.Random(f"celery {seed}"), SECONDS, **how)
    return play(part(seed, kinds=[], kill_s=None), databases.fresh(f"seed_{seed}"), beside=beside)


# --- the registry ----------------------------------------------------------------------------------------


def _right(verdict: Verdict, seeds: range) -> str:
    assert verdict.is_clean(), f"{verdict}: {_evidence(verdict)}"
    return f"{len(seeds)} seeds: {verdict}"


def _evidence(verdict: Verdict) -> str:
    found = (verdict.wrong, verdict.unsettled, verdict.early, verdict.overlaps)
    return "; ".join(str(each[:5]) for each in found if each)


def _in_step(name: str, one: Play, *, seeds: int, kind: str = "postgres", at_once: int = AT_ONCE) -> None:
    def run(options: Options) -> str:
        chosen = options.seeds(seeds)
        return _right(total(kind, chosen, one, at_once=at_once), chosen)

    RUNS[name] = run


def _teeth(options: Options) -> str:
    """The rule is switched off, and the run must notice; it ends as soon as it has."""
    seeds, found, played = options.seeds(30), Verdict(), 0
    with databases_on("postgres") as (databases, _), ThreadPoolExecutor(AT_ONCE) as pool:
        for pair in _by(AT_ONCE, seeds):
            found = sum(pool.map(lambda seed: without_settling(databases, seed), pair), found)
            played += len(pair)
            if len(found.wrong) >= 3:
                break
    assert found.wrong, f"{played} seeds without the settle rule, and nothing is wrong: {found}"
    return f"{played} seeds without the settle rule, as it must be: {found}"


def _by(count: int, seeds: range) -> Iterator[range]:
    for first in range(0, len(seeds), count):
        yield seeds[first : first + count]


def _one_by_one(name: str, one: Callable[[Databases, Postgres, int], Verdict], *, seeds: int) -> None:
    """Runs that hurt what they share, or start processes that are tied to this thread."""

    def run(options: Options) -> str:
        chosen = options.seeds(seeds)
        with contextlib.ExitStack() as stack:
            databases, server = stack.enter_context(databases_on("postgres"))
            assert server is not None
            return _right(sum((one(databases, server, seed) for seed in chosen), Verdict()), chosen)

    RUNS[name] = run


def _machine(kind: str) -> Callable[[Options], str]:
    def run(options: Options) -> str:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--db",
            kind,
            "-m",
            "long",
            f"--hypothesis-seed={options.seed}",
        ]
        done = subprocess.run(
            [*command, "-p", "no:cacheprovider", "tests/settings_sync/delivery/test_state_machine.py"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return f"{STEPS:,} steps on {kind}: 0 settings wrong"

    return run


RUNS: dict[str, Callable[[Options], str]] = {}
_in_step("in-step", on_postgres, seeds=100)
_in_step("in-step-sqlite", on_sqlite, seeds=10, kind="sqlite")
RUNS["without-settling"] = _teeth
_in_step("clocks", with_clocks_apart, seeds=5)
_in_step("sweeps", with_many_sweeps, seeds=5)
_in_step("new-account", with_a_new_account, seeds=5)
_one_by_one("database", with_a_bad_database, seeds=5)
_one_by_one("broker", with_a_bad_broker, seeds=5)
_one_by_one("celery", with_killed_workers, seeds=5)
RUNS["canaries"] = lambda options: settings_canaries.search(rounds=options.times or 10)
RUNS["machine-postgres"] = _machine("postgres")
RUNS["machine-sqlite"] = _machine("sqlite")

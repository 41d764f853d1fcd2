"""The long fault runs of settings delivery, by name. Each starts its own databases, providers and workers."""

import contextlib
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.bench.databases import Databases
from tests.faults import settings_canaries, settings_disturbances
from tests.faults.settings_plan import RunPlan
from tests.faults.settings_run import WITHOUT_SETTLE_RULE, run_plan, start_databases
from tests.faults.settings_verdict import Verdict
from tests.plugins.demo import ROOT
from tests.plugins.postgres import Postgres

SAVES, SECONDS, AT_ONCE = 400, 12.0, 2
STEPS = 5_000
RunOne = Callable[[Databases, int], Verdict]


@dataclass(frozen=True)
class Options:
    """`times`: the number of consecutive seeds, starting with `seed`; 0: the default of each run."""

    seed: int
    times: int = 0

    def seeds(self, planned: int) -> range:
        return range(self.seed, self.seed + (self.times or planned))


def build_plan(seed: int, *, saves: int = SAVES, seconds: float = SECONDS, **more: object) -> RunPlan:
    return RunPlan(seed=seed, saves=saves, seconds=seconds, **more)


def run_seeds(kind: str, seeds: range, one: RunOne, *, at_once: int = AT_ONCE) -> Verdict:
    with start_databases(kind) as (databases, _), ThreadPoolExecutor(at_once) as pool:
        return sum(pool.map(lambda seed: one(databases, seed), seeds), Verdict())


def on_postgres(databases: Databases, seed: int) -> Verdict:
    return run_plan(build_plan(seed), databases.fresh(f"seed_{seed}"))


def on_sqlite(databases: Databases, seed: int) -> Verdict:
    return run_plan(build_plan(seed, savers=2, kinds=["sync"]), databases.fresh(f"seed_{seed}"))


def without_settle_rule(databases: Databases, seed: int) -> Verdict:
    return run_plan(build_plan(seed), databases.fresh(f"seed_{seed}"), env=WITHOUT_SETTLE_RULE)


def with_clocks_apart(databases: Databases, seed: int) -> Verdict:
    kinds = ["sync ahead", "sync behind", "sync"]
    return run_plan(build_plan(seed, kinds=kinds), databases.fresh(f"seed_{seed}"))


def with_many_sweeps(databases: Databases, seed: int) -> Verdict:
    """Two workers that sweep continuously, each doing everything twice, beside the loop."""
    kinds = ["sweeps", "sweeps", "sync"]
    return run_plan(build_plan(seed, kinds=kinds, kill_s=(1.0, 2.0)), databases.fresh(f"seed_{seed}"))


def with_a_new_account(databases: Databases, seed: int) -> Verdict:
    return run_plan(build_plan(seed), databases.fresh(f"seed_{seed}"), two_accounts=True)


def with_a_bad_database(databases: Databases, server: Postgres, seed: int) -> Verdict:
    rng = random.Random(f"database {seed}")
    disturbance = settings_disturbances.disturb_database(server, rng, SECONDS)
    return run_plan(build_plan(seed), databases.fresh(f"seed_{seed}"), disturbance=disturbance)


def with_a_bad_broker(databases: Databases, _: Postgres, seed: int) -> Verdict:
    return _with_celery(databases, seed, beats=1, faults=("kill", "stall", "empty"), pause_s=(1.0, 3.0))


def with_killed_workers(databases: Databases, _: Postgres, seed: int) -> Verdict:
    """Kill Celery's worker processes under two beats. Lost and duplicated tasks must not matter."""
    return _with_celery(databases, seed, beats=2, faults=("child",) * 9 + ("worker",), pause_s=(0.4, 0.9))


def _with_celery(databases: Databases, seed: int, **how: Any) -> Verdict:
    disturbance = settings_disturbances.disturb_celery(random.Random(f"celery {seed}"), SECONDS, **how)
    return run_plan(
        build_plan(seed, kinds=[], kill_s=None), databases.fresh(f"seed_{seed}"), disturbance=disturbance
    )


# --- the registry ----------------------------------------------------------------------------------------


def _assert_clean(verdict: Verdict, seeds: range) -> str:
    assert verdict.is_clean(), f"{verdict}: {_format_problems(verdict)}"
    return f"{len(seeds)} seeds: {verdict}"


def _format_problems(verdict: Verdict) -> str:
    found = (verdict.wrong, verdict.unsettled, verdict.early, verdict.overlaps)
    return "; ".join(str(each[:5]) for each in found if each)


def _register_parallel(
    name: str, one: RunOne, *, seeds: int, kind: str = "postgres", at_once: int = AT_ONCE
) -> None:
    def run(options: Options) -> str:
        chosen = options.seeds(seeds)
        return _assert_clean(run_seeds(kind, chosen, one, at_once=at_once), chosen)

    RUNS[name] = run


def _prove_detection(options: Options) -> str:
    """Prove that the run detects errors: without the settle rule, settings must be wrong. Ends once some are found."""
    seeds, found, completed = options.seeds(30), Verdict(), 0
    with start_databases("postgres") as (databases, _), ThreadPoolExecutor(AT_ONCE) as pool:
        for pair in _split_seeds(AT_ONCE, seeds):
            found = sum(pool.map(lambda seed: without_settle_rule(databases, seed), pair), found)
            completed += len(pair)
            if len(found.wrong) >= 3:
                break
    assert found.wrong, f"{completed} seeds without the settle rule, and nothing is wrong: {found}"
    return f"{completed} seeds without the settle rule, errors found as expected: {found}"


def _split_seeds(count: int, seeds: range) -> Iterator[range]:
    for first in range(0, len(seeds), count):
        yield seeds[first : first + count]


def _register_sequential(
    name: str, one: Callable[[Databases, Postgres, int], Verdict], *, seeds: int
) -> None:
    """Register a run whose seeds run one by one: they share a server, or start processes tied to this thread."""

    def run(options: Options) -> str:
        chosen = options.seeds(seeds)
        with contextlib.ExitStack() as stack:
            databases, server = stack.enter_context(start_databases("postgres"))
            assert server is not None
            return _assert_clean(sum((one(databases, server, seed) for seed in chosen), Verdict()), chosen)

    RUNS[name] = run


def _state_machine_run(kind: str) -> Callable[[Options], str]:
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
_register_parallel("in-step", on_postgres, seeds=100)
_register_parallel("in-step-sqlite", on_sqlite, seeds=10, kind="sqlite")
RUNS["without-settling"] = _prove_detection
_register_parallel("clocks", with_clocks_apart, seeds=5)
_register_parallel("sweeps", with_many_sweeps, seeds=5)
_register_parallel("new-account", with_a_new_account, seeds=5)
_register_sequential("database", with_a_bad_database, seeds=5)
_register_sequential("broker", with_a_bad_broker, seeds=5)
_register_sequential("celery", with_killed_workers, seeds=5)
RUNS["canaries"] = lambda options: settings_canaries.search_for_canaries(rounds=options.times or 10)
RUNS["machine-postgres"] = _state_machine_run("postgres")
RUNS["machine-sqlite"] = _state_machine_run("sqlite")

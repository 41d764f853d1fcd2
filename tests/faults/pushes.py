"""The long fault runs of push intake, by name. Each starts its own databases and servers and removes them."""

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.bench.databases import Databases
from tests.faults import pushes_bytes, pushes_database, pushes_repeats, pushes_web
from tests.faults.checker import check, max_answer_seconds
from tests.faults.push_portal import FAULTY, PRODUCT, PortalServer, running_portal, start_databases

Fault = Callable[[PortalServer, random.Random], object]
MAX_PASSES = 60  # of the kill point, at most, before a process kills itself


@dataclass(frozen=True)
class Options:
    """`times`: how often each fault is injected, or how many pushes are sent; 0: the default of each run."""

    seed: int
    times: int = 0

    def rng(self, name: str) -> random.Random:
        return random.Random(f"{self.seed} {name}")


def run_faults(
    databases: Databases, rng: random.Random, *faults: Fault, application: str = PRODUCT, **extra: str
) -> str:
    """Inject the faults into one portal, one after the other, and check the result. Returns a line of figures."""
    with running_portal(databases, application=application, **extra) as portal:
        for fault in faults:
            fault(portal, rng)
        portal.terminate()
        return f"{check(portal)}; slowest {max_answer_seconds(portal.answers):.2f} s"


def kill_at_point(databases: Databases, rng: random.Random, *, point: str, times: int) -> str:
    """Run with processes that kill themselves at one point of push intake, until `times` of them have died."""
    fault = partial(pushes_web.wait_for_deaths, times=times)
    return run_faults(databases, rng, fault, application=FAULTY, FAULT_KILL=f"{point}:{MAX_PASSES}")


def kill_while_appending(databases: Databases, rng: random.Random, *, times: int) -> str:
    """The same while records are appended to the spool; the database is stopped meanwhile."""

    def without_database(portal: PortalServer, rng: random.Random) -> None:
        portal.postgres.stop()
        pushes_web.wait_for_deaths(portal, rng, times)
        portal.postgres.start()

    return run_faults(databases, rng, without_database, application=FAULTY, FAULT_KILL=f"append:{MAX_PASSES}")


def push_anything(postgres: Databases, sqlite: Databases, *, examples: int, seed: int) -> str:
    with running_portal(postgres) as one, running_portal(sqlite) as other:
        return pushes_bytes.push_anything(one, other, examples=examples, start=seed)


# --- the registry ----------------------------------------------------------------------------------------


def _register_faults(
    name: str, fault: Callable[..., object], *, times: int, kind: str = "postgres", **more: float
) -> None:
    def run(options: Options) -> str:
        with start_databases(kind) as databases:
            done = options.times or times
            return f"{done} times: " + run_faults(
                databases, options.rng(name), partial(fault, times=done, **more)
            )

    RUNS[name] = run


def _register_kills(name: str, way: Callable[..., str], *, times: int, **more: str) -> None:
    def run(options: Options) -> str:
        with start_databases("postgres") as databases:
            done = options.times or times
            return f"{done} deaths: " + way(databases, options.rng(name), times=done, **more)

    RUNS[name] = run


def _register_repeats(kind: str) -> None:
    name = f"repeats-{kind}"

    def run(options: Options) -> str:
        repeats = options.times or 10_000
        fault = partial(pushes_repeats.repeat, calls=max(1, repeats * 3 // 10), repeats=repeats)
        with start_databases(kind) as databases:
            return run_faults(databases, options.rng(name), fault)

    RUNS[name] = run


def _run_bytes(options: Options) -> str:
    with contextlib.ExitStack() as stack:
        both = [stack.enter_context(start_databases(kind)) for kind in ("postgres", "sqlite")]
        return push_anything(*both, examples=options.times or 50_000, seed=options.seed)


RUNS: dict[str, Callable[[Options], str]] = {}
_register_kills("die-between-commit-and-answer", kill_at_point, times=170, point="commit")
_register_kills("die-during-a-batch", kill_at_point, times=170, point="batch")
_register_kills("die-during-an-append", kill_while_appending, times=160)
_register_faults("kill-a-worker", pushes_web.kill_workers, times=40)
_register_faults("kill-the-tree", pushes_web.kill_trees, times=20)
_register_faults("kill-a-worker-sqlite", pushes_web.kill_workers, times=20, kind="sqlite")
_register_faults("terminate", pushes_web.terminate, times=20)
_register_faults("database-stops", pushes_database.stop, times=5)
_register_faults("database-restarts", pushes_database.restart, times=5)
_register_faults("database-crashes", pushes_database.crash, times=5)
_register_faults("database-stalls", pushes_database.stall, times=3, seconds=10)
_register_faults("database-is-locked", pushes_database.lock, times=3, seconds=10, kind="sqlite")
_register_faults("disk-is-full", pushes_database.fill_disk, times=5)
_register_repeats("postgres")
_register_repeats("sqlite")
RUNS["bytes"] = _run_bytes

"""The long runs of the way in, by name. Each starts its own databases and servers and leaves nothing behind."""

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.bench.databases import Databases
from tests.faults import pushes_bytes, pushes_database, pushes_repeats, pushes_web
from tests.faults.checker import check, slowest_s
from tests.faults.pushes_stand import FAULTY, PRODUCT, Stand, databases_on, stand_on

Fault = Callable[[Stand, random.Random], object]
PASSES = 60  # of its place, at most, before a process kills itself


@dataclass(frozen=True)
class Options:
    """`times`: how often each fault is done, or how much is pushed; 0: as often as issue 3 wants it."""

    seed: int
    times: int = 0

    def rng(self, name: str) -> random.Random:
        return random.Random(f"{self.seed} {name}")


def survive(
    databases: Databases, rng: random.Random, *faults: Fault, application: str = PRODUCT, **extra: str
) -> str:
    """Do the faults to one stand, one after the other, and check; figures."""
    with stand_on(databases, application=application, **extra) as stand:
        for fault in faults:
            fault(stand, rng)
        stand.terminate()
        return f"{check(stand)}; slowest {slowest_s(stand.answers):.2f} s"


def die(databases: Databases, rng: random.Random, *, place: str, times: int) -> str:
    """Processes that kill themselves at one place of the way in, until that many have died."""
    fault = partial(pushes_web.die_at_places, times=times)
    return survive(databases, rng, fault, application=FAULTY, FAULT_KILL=f"{place}:{PASSES}")


def die_while_appending(databases: Databases, rng: random.Random, *, times: int) -> str:
    """The same in the spool: the database is stopped meanwhile."""

    def without_database(stand: Stand, rng: random.Random) -> None:
        stand.server.stop()
        pushes_web.die_at_places(stand, rng, times)
        stand.server.start()

    return survive(databases, rng, without_database, application=FAULTY, FAULT_KILL=f"append:{PASSES}")


def push_anything(postgres: Databases, sqlite: Databases, *, examples: int, seed: int) -> str:
    with stand_on(postgres) as one, stand_on(sqlite) as other:
        return pushes_bytes.push_anything(one, other, examples=examples, start=seed)


# --- the registry ----------------------------------------------------------------------------------------


def _faults(
    name: str, fault: Callable[..., object], *, times: int, kind: str = "postgres", **more: float
) -> None:
    def run(options: Options) -> str:
        with databases_on(kind) as databases:
            done = options.times or times
            return f"{done} times: " + survive(
                databases, options.rng(name), partial(fault, times=done, **more)
            )

    RUNS[name] = run


def _deaths(name: str, way: Callable[..., str], *, times: int, **more: str) -> None:
    def run(options: Options) -> str:
        with databases_on("postgres") as databases:
            done = options.times or times
            return f"{done} deaths: " + way(databases, options.rng(name), times=done, **more)

    RUNS[name] = run


def _repeats(kind: str) -> None:
    name = f"repeats-{kind}"

    def run(options: Options) -> str:
        repeats = options.times or 10_000
        fault = partial(pushes_repeats.repeat, calls=max(1, repeats * 3 // 10), repeats=repeats)
        with databases_on(kind) as databases:
            return survive(databases, options.rng(name), fault)

    RUNS[name] = run


def _bytes(options: Options) -> str:
    with contextlib.ExitStack() as stack:
        both = [stack.enter_context(databases_on(kind)) for kind in ("postgres", "sqlite")]
        return push_anything(*both, examples=options.times or 50_000, seed=options.seed)


RUNS: dict[str, Callable[[Options], str]] = {}
_deaths("die-between-commit-and-answer", die, times=170, place="commit")
_deaths("die-during-a-batch", die, times=170, place="batch")
_deaths("die-during-an-append", die_while_appending, times=160)
_faults("kill-a-worker", pushes_web.kill_workers, times=40)
_faults("kill-the-tree", pushes_web.kill_trees, times=20)
_faults("kill-a-worker-sqlite", pushes_web.kill_workers, times=20, kind="sqlite")
_faults("terminate", pushes_web.terminate, times=20)
_faults("database-stops", pushes_database.stop, times=5)
_faults("database-restarts", pushes_database.restart, times=5)
_faults("database-crashes", pushes_database.crash, times=5)
_faults("database-stalls", pushes_database.stall, times=3, seconds=10)
_faults("database-is-locked", pushes_database.lock, times=3, seconds=10, kind="sqlite")
_faults("disk-is-full", pushes_database.fill_disk, times=5)
_repeats("postgres")
_repeats("sqlite")
RUNS["bytes"] = _bytes

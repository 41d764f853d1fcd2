"""`python -m tests.bench.stages KEY PUSHES`: where the time of a push goes, as Markdown.

Calls the product's ASGI application in its own process, without a web server: first one push after the other, so that
nothing waits for anything, then 16 at once, as a web server would. The stages are timed by wrapping them, which costs
less than a profiler and can follow the writer's thread; a profiler then names the dearest functions.
"""

import asyncio
import cProfile
import itertools
import os
import pstats
import re
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")
django.setup()

# After set-up, because these need the applications.
from calllogs.intake import batch_sql, endpoint, envelope, parser, push_auth, storage, waiters  # noqa: E402
from ivrportal.asgi import application  # noqa: E402
from ivrportal.common import network  # noqa: E402
from tests.bench.load import CONNECTIONS, requests  # noqa: E402
from tests.bench.report import table  # noqa: E402

TOP, BATCH, BATCHES = 10, 16, 300
Scope = dict[str, Any]
STAGES: list[tuple[str, Any, str]] = [
    ("the loop: taking a push in", endpoint, "_received"),
    ("– sender's address", network, "client_address"),
    ("– push and key apart", push_auth, "parted"),
    ("the loop: into the line, with what ends its patience", waiters.LoopWaiters, "enter"),
    ("the loop: telling a batch", waiters.LoopWaiters, "_told"),
    ("writer's thread: understanding a push", envelope, "understood"),
    ("– parsing", parser, "parse"),
    ("writer's thread: reading the keys", push_auth, "read_keys"),
    ("writer's thread: store, one or many pushes", storage, "store"),
    ("– statement and commit", batch_sql, "write"),
]


class Clock:
    """Wall and CPU time of the stages, over all threads."""

    def __init__(self) -> None:
        self.spent: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])  # calls, wall ns, CPU ns
        self._lock = threading.Lock()

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def measured(*arguments: Any, **named: Any) -> Any:
            wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
            try:
                return function(*arguments, **named)
            finally:
                cpu, wall = time.thread_time_ns() - cpu, time.perf_counter_ns() - wall
                with self._lock:
                    spent = self.spent[stage]
                    spent[0] += 1
                    spent[1] += wall
                    spent[2] += cpu

        return measured


def main(key: str, pushes: int) -> None:
    scopes = _scopes(key)
    asyncio.run(_all(itertools.islice(scopes, 200)))  # warm-up
    profile = _profile(scopes, pushes // 4)
    clocks = Clock(), Clock()
    for stage, owner, name in STAGES:
        _wrap(clocks, stage, owner, name)
    spent = []
    for clock, at_once in zip(clocks, (1, CONNECTIONS), strict=True):
        _use(clock)
        parts = [list(itertools.islice(scopes, pushes // at_once)) for _ in range(at_once)]
        wall, cpu = time.perf_counter(), time.process_time()
        asyncio.run(_at_once(parts))
        spent.append((time.perf_counter() - wall, time.process_time() - cpu))
    print(_text(clocks, spent, pushes=pushes, profile=profile))


async def push(scope: Scope) -> None:
    said: list[Any] = []

    async def send(message: dict[str, Any]) -> None:
        said.append(message.get("status", message.get("body")))

    await application(scope, None, send)
    assert said == [200, b"Successful"], said


async def _all(scopes: Iterable[Scope]) -> None:
    for scope in scopes:
        await push(scope)


async def _at_once(parts: list[list[Scope]]) -> None:
    await asyncio.gather(*[_all(part) for part in parts])


def _scopes(key: str) -> Iterator[Scope]:
    for request in requests(key=key, tag="stages"):
        path, _, query = request.split(b" ", 2)[1].partition(b"?")
        yield {
            "type": "http",
            "method": "GET",
            "path": path.decode(),
            "query_string": query,
            "client": ("127.0.0.1", 1),
            "headers": [(b"host", b"127.0.0.1")],
        }


_running: Clock


def _use(clock: Clock) -> None:
    global _running
    _running = clock


def _wrap(clocks: tuple[Clock, ...], stage: str, owner: Any, name: str) -> None:
    """Time this function wherever the product has its name: `from x import y` makes a second one."""
    original = getattr(owner, name)
    timed = {id(clock): clock.timed(stage, original) for clock in clocks}

    @wraps(original)
    def chosen(*arguments: Any, **named: Any) -> Any:
        return timed[id(_running)](*arguments, **named)

    setattr(owner, name, chosen)
    for module in list(sys.modules.values()):
        if module.__name__.startswith("calllogs") and getattr(module, name, None) is original:
            setattr(module, name, chosen)


def _profile(scopes: Iterator[Scope], pushes: int) -> str:
    """The dearest functions of a push by itself, and of storing a batch of them."""
    alone, batches = cProfile.Profile(time.thread_time), cProfile.Profile(time.thread_time)
    alone.runcall(asyncio.run, _all(itertools.islice(scopes, pushes)))
    for _ in range(BATCHES):
        raws = [scope["query_string"] for scope in itertools.islice(scopes, BATCH)]
        batches.runcall(
            storage.store,
            [
                envelope.parse_push(envelope.receive(push_auth.split_off_key(raw)[0], "127.0.0.1"))
                for raw in raws
            ],
        )
    return (
        f"The dearest functions by their own CPU time, of the loop's thread:\n\n{_dearest(alone)}\n"
        f"and of storing pushes by {BATCH} at once:\n\n{_dearest(batches)}"
    )


def _dearest(profiler: cProfile.Profile) -> str:
    stats = pstats.Stats(profiler).get_stats_profile()
    dearest = sorted(stats.func_profiles.items(), key=lambda item: -item[1].tottime)[:TOP]
    return table(
        ["function", "file", "calls", "share"],
        [
            [f"`{_name(name)}`", _name(each.file_name), each.ncalls, f"{each.tottime / stats.total_tt:.0%}"]
            for name, each in dearest
        ],
    )


def _name(text: str) -> str:
    """Without directories, and without where in memory it lay."""
    return re.sub(r" at 0x[0-9a-f]+", "", text).rpartition("/")[2].replace("~", "")


def _text(clocks: tuple[Clock, ...], spent: list[tuple[float, float]], *, pushes: int, profile: str) -> str:
    rows = []
    for stage, _, _ in STAGES:
        cells = [stage]
        for clock in clocks:
            calls, wall, cpu = clock.spent[stage]
            cells += [f"{calls / pushes:.2f}", f"{wall / pushes / 1000:,.0f}", f"{cpu / pushes / 1000:,.0f}"]
        rows.append(cells)
    head = ["stage", "calls", "µs", "CPU µs", f"{CONNECTIONS} at once: calls", "µs", "CPU µs"]
    one, many = [f"{pushes / wall:,.0f}/s, {cpu / pushes * 1e6:,.0f} µs of CPU" for wall, cpu in spent]
    return (
        f"Where the time goes, for each of {pushes:,} pushes in one process without a web server: one after the other"
        f" ({one} a push), and {CONNECTIONS} at once ({many}). Stages with a dash are part of the one above."
        " Microseconds are the clock's and so include waiting for the interpreter, the disk and each other.\n\n"
        f"{table(head, rows)}\n{profile}"
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

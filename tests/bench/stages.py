"""`python -m tests.bench.stages KEY PUSHES`: the time of each stage of a push, as Markdown.

Calls the ASGI application in its own process, without a web server: first one push after the other, so that no stage
waits, then 16 at once, as a web server would. The stages are timed by wrapping them, which costs less than a profiler
and covers the writer's thread; a profiler then names the most expensive functions.
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

# Imported after django.setup(), which loads the apps.
from calllogs.intake import batch_sql, endpoint, envelope, parser, push_auth, storage, waiters  # noqa: E402
from ivrportal.asgi import application  # noqa: E402
from ivrportal.common import network  # noqa: E402
from tests.bench.load import CONNECTIONS, generate_requests  # noqa: E402
from tests.bench.report import format_table  # noqa: E402

TOP, BATCH, BATCHES = 10, 16, 300
Scope = dict[str, Any]
STAGES: list[tuple[str, Any, str]] = [
    ("loop: receiving a push", endpoint, "_receive_push"),
    ("– sender's address", network, "client_address"),
    ("– splitting off the key", push_auth, "split_off_key"),
    ("loop: queuing it, with its timeout", waiters.LoopWaiters, "add"),
    ("loop: resolving a batch", waiters.LoopWaiters, "_resolve_in_loop"),
    ("writer's thread: parsing a push", envelope, "parse_push"),
    ("– the parser itself", parser, "parse"),
    ("writer's thread: loading the keys", push_auth, "load_keys"),
    ("writer's thread: storing one or more pushes", storage, "store"),
    ("– statement and commit", batch_sql, "write_batch"),
]


class StageClock:
    """Wall and CPU time of the stages, summed over all threads."""

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
    scopes = _build_scopes(key)
    asyncio.run(_push_all(itertools.islice(scopes, 200)))  # warm-up
    profile = _profile(scopes, pushes // 4)
    clocks = StageClock(), StageClock()
    for stage, owner, name in STAGES:
        _wrap_stage(clocks, stage, owner, name)
    spent = []
    for clock, at_once in zip(clocks, (1, CONNECTIONS), strict=True):
        _use_clock(clock)
        parts = [list(itertools.islice(scopes, pushes // at_once)) for _ in range(at_once)]
        wall, cpu = time.perf_counter(), time.process_time()
        asyncio.run(_push_concurrently(parts))
        spent.append((time.perf_counter() - wall, time.process_time() - cpu))
    print(_format_report(clocks, spent, pushes=pushes, profile=profile))


async def push(scope: Scope) -> None:
    sent: list[Any] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message.get("status", message.get("body")))

    await application(scope, None, send)
    assert sent == [200, b"Successful"], sent


async def _push_all(scopes: Iterable[Scope]) -> None:
    for scope in scopes:
        await push(scope)


async def _push_concurrently(parts: list[list[Scope]]) -> None:
    await asyncio.gather(*[_push_all(part) for part in parts])


def _build_scopes(key: str) -> Iterator[Scope]:
    for request in generate_requests(key=key, tag="stages"):
        path, _, query = request.split(b" ", 2)[1].partition(b"?")
        yield {
            "type": "http",
            "method": "GET",
            "path": path.decode(),
            "query_string": query,
            "client": ("127.0.0.1", 1),
            "headers": [(b"host", b"127.0.0.1")],
        }


_running: StageClock


def _use_clock(clock: StageClock) -> None:
    global _running
    _running = clock


def _wrap_stage(clocks: tuple[StageClock, ...], stage: str, owner: Any, name: str) -> None:
    """Replace the function by a timed one, also in modules that imported it by name."""
    original = getattr(owner, name)
    timed = {id(clock): clock.timed(stage, original) for clock in clocks}

    @wraps(original)
    def timed_call(*arguments: Any, **named: Any) -> Any:
        return timed[id(_running)](*arguments, **named)

    setattr(owner, name, timed_call)
    for module in list(sys.modules.values()):
        if module.__name__.startswith("calllogs") and getattr(module, name, None) is original:
            setattr(module, name, timed_call)


def _profile(scopes: Iterator[Scope], pushes: int) -> str:
    """The most expensive functions of a single push, and of storing a batch."""
    alone, batches = cProfile.Profile(time.thread_time), cProfile.Profile(time.thread_time)
    alone.runcall(asyncio.run, _push_all(itertools.islice(scopes, pushes)))
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
        f"The most expensive functions by their own CPU time, in the loop's thread:\n\n{_format_costliest(alone)}\n"
        f"and of storing {BATCH} pushes at once:\n\n{_format_costliest(batches)}"
    )


def _format_costliest(profiler: cProfile.Profile) -> str:
    stats = pstats.Stats(profiler).get_stats_profile()
    costliest = sorted(stats.func_profiles.items(), key=lambda item: -item[1].tottime)[:TOP]
    return format_table(
        ["function", "file", "calls", "share"],
        [
            [
                f"`{_shorten_name(name)}`",
                _shorten_name(each.file_name),
                each.ncalls,
                f"{each.tottime / stats.total_tt:.0%}",
            ]
            for name, each in costliest
        ],
    )


def _shorten_name(text: str) -> str:
    """Without directories and memory addresses."""
    return re.sub(r" at 0x[0-9a-f]+", "", text).rpartition("/")[2].replace("~", "")


def _format_report(
    clocks: tuple[StageClock, ...], spent: list[tuple[float, float]], *, pushes: int, profile: str
) -> str:
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
        f"Time per push, for {pushes:,} pushes in one process without a web server: one after the other"
        f" ({one} a push), and {CONNECTIONS} at once ({many}). Stages with a dash are part of the one above."
        " Microseconds are wall time, which includes waiting for the interpreter, the disk and other threads.\n\n"
        f"{format_table(head, rows)}\n{profile}"
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

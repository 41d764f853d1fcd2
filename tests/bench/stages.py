"""`python -m tests.bench.stages KEY PUSHES`: where the time of a push goes, as Markdown.

Calls the product's WSGI application in its own process, without a web server: first from one thread, so that nothing
waits for anything, then from 16, as a web server would. The stages are timed by wrapping them, which costs less than
a profiler and can follow the writer's thread; a profiler then names the dearest functions.
"""

import cProfile
import io
import itertools
import os
import pstats
import re
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any

import django
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")
django.setup()

# After set-up, because these need the applications.
from calllogs import arrival, auth, parsing, store, views, writer  # noqa: E402
from ivrportal.wsgi import application  # noqa: E402
from settings_sync import network  # noqa: E402
from tests.bench.load import CONNECTIONS, requests  # noqa: E402
from tests.bench.report import table  # noqa: E402

TOP, BATCH, BATCHES = 10, 16, 300
STAGES: list[tuple[str, Any, str]] = [
    ("the whole push", views, "answer"),
    ("– sender's address", network, "client_address"),
    ("– push and key apart", auth, "parted"),
    ("– handing over, until it is kept", writer, "submit"),
    ("writer's thread: understanding a push", arrival, "understood"),
    ("– parsing", parsing, "parse"),
    ("writer's thread: reading the keys", auth, "read_keys"),
    ("writer's thread: store, one or many pushes", store, "store"),
    ("– statements", CursorWrapper, "execute"),
    ("– commit", BaseDatabaseWrapper, "_commit"),
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
    environs = _environs(key)
    for environ in itertools.islice(environs, 200):
        push(environ)  # warm-up
    profile = _profile(environs, pushes // 4)
    clocks = Clock(), Clock()
    for stage, owner, name in STAGES:
        _wrap(clocks, stage, owner, name)
    _use(clocks[0])
    for environ in itertools.islice(environs, pushes):
        push(environ)
    _use(clocks[1])
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        parts = [list(itertools.islice(environs, pushes // CONNECTIONS)) for _ in range(CONNECTIONS)]
        began = time.perf_counter()
        list(pool.map(lambda part: [push(environ) for environ in part], parts))
    took = time.perf_counter() - began
    print(_text(clocks, pushes=pushes, took=took, profile=profile))


def push(environ: dict[str, Any]) -> None:
    said: list[str] = []
    body = b"".join(application(environ, lambda status, headers: said.append(status)))
    assert (said, body) == (["200 OK"], b"Successful"), (said, body)


def _environs(key: str) -> Iterator[dict[str, Any]]:
    for request in requests(key=key, tag="stages"):
        path, _, query = request.split(b" ", 2)[1].decode("latin-1").partition("?")
        yield {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "127.0.0.1",
            "wsgi.input": io.BytesIO(),
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


def _profile(environs: Iterator[dict[str, Any]], pushes: int) -> str:
    """The dearest functions of a push by itself, and of storing a batch of them."""
    alone, batches = cProfile.Profile(time.thread_time), cProfile.Profile(time.thread_time)
    for environ in itertools.islice(environs, pushes):
        alone.runcall(push, environ)
    for _ in range(BATCHES):
        raws = [environ["QUERY_STRING"].encode() for environ in itertools.islice(environs, BATCH)]
        batches.runcall(
            store.store,
            [arrival.understood(arrival.receive(auth.parted(raw)[0], "127.0.0.1")) for raw in raws],
        )
    return (
        f"The dearest functions by their own CPU time, of the request's thread:\n\n{_dearest(alone)}\n"
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


def _text(clocks: tuple[Clock, ...], *, pushes: int, took: float, profile: str) -> str:
    rows = []
    for stage, _, _ in STAGES:
        cells = [stage]
        for clock in clocks:
            calls, wall, cpu = clock.spent[stage]
            cells += [f"{calls / pushes:.2f}", f"{wall / pushes / 1000:,.0f}", f"{cpu / pushes / 1000:,.0f}"]
        rows.append(cells)
    head = ["stage", "calls", "µs", "CPU µs", f"{CONNECTIONS} threads: calls", "µs", "CPU µs"]
    return (
        f"Where the time goes, for each of {pushes:,} pushes in one process without a web server: from one thread,"
        f" and from {CONNECTIONS} ({pushes / took:,.0f} pushes/s). Stages with a dash are part of the one above."
        " Microseconds are the clock's and so include waiting for the interpreter, the disk and each other.\n\n"
        f"{table(head, rows)}\n{profile}"
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

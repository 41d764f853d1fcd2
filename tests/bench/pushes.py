"""Push intake: pushes a second and their latency, of the portal and of two ordinary Django implementations.

Every run uses a fresh server and a fresh database, started alike. The number of processes and threads is the one that
serves each implementation fastest. The implementations take turns, and medians are shown.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tests.bench import limit
from tests.bench.databases import ROOT, Databases, OnPostgres, environment, manage, on_postgres, on_sqlite
from tests.bench.load import CONNECTIONS, LoadResult, generate_requests, run_load
from tests.bench.report import Figure, Options, Section, format_table
from tests.bench.runs import (
    IMPLEMENTATIONS,
    THE_PORTAL,
    DatabaseRuns,
    Implementation,
    RunResult,
    build_figures,
    format_brief,
    format_runs_table,
)
from tests.bench.serving import Server, ServerShape, database_cpu_s, machine_cpu_s

SHAPES = (
    ServerShape(1, 8),
    ServerShape(1, 16),
    ServerShape(2, 2),
    ServerShape(2, 4),
    ServerShape(2, 8),
    ServerShape(2, 16),
)
QUICK_SHAPES = (ServerShape(1, 16), ServerShape(2, 4))
PORTAL_SHAPES = (ServerShape(1), ServerShape(2))  # its event loops have no thread count
MEMORY_PUSHES, MEMORY_SAMPLES, GROWTH = 200_000, 10, 1.05
PROFILED = 20_000
LOG = "web.log"

_runs = count(1)


def run(options: Options) -> Section:
    rows: list[Figure] = []
    texts = [_measure_generator(options)]
    for start in (on_postgres, on_sqlite):
        with tempfile.TemporaryDirectory(prefix="ivrportal-bench-") as name:
            directory = Path(name)
            directory.chmod(0o711)  # PostgreSQL may run as another user below it
            with start(directory) as databases:
                bench = Bench(databases, directory, options)
                runs = bench.compare()
                rows += build_figures(databases.title, runs)
                texts.append(f"### {databases.title}\n\n{format_runs_table(runs)}\n{bench.stages()}")
                if options.full and isinstance(databases, OnPostgres):
                    figure, text = bench.memory(runs.shapes[THE_PORTAL])
                    rows.append(figure)
                    texts.append(text)
    intro = (
        f"One push is one GET with all fields of a call, over {CONNECTIONS} connections that stay open, answered when"
        " it is committed. fsync and synchronous commits are on, SQLite is at `synchronous=FULL`. Client, web server"
        " and database share the machine. After every run the numbers of 2xx answers, calls and pushes"
        " were compared: they were equal."
    )
    return Section("Pushes", intro, rows, "\n\n".join(texts))


class Bench:
    """Runs all implementations on one database."""

    def __init__(self, databases: Databases, directory: Path, options: Options) -> None:
        self.databases, self.directory, self.options = databases, directory, options
        # Many short rounds, so that changes of the machine's speed affect all implementations alike.
        self.seconds = 2.0 if options.quick else 4.0
        self.rounds = 1 if options.quick else 7
        self.halves = 1 if options.quick else 3

    def compare(self) -> DatabaseRuns:
        runs = DatabaseRuns()
        for implementation in IMPLEMENTATIONS:
            runs.shapes[implementation], runs.tried[implementation] = self.best_shape(implementation)
        for _ in range(self.rounds):
            for implementation in IMPLEMENTATIONS:
                measured = self.measure(implementation, runs.shapes[implementation], seconds=self.seconds)
                runs.rounds[implementation].append(measured)
                self.log(
                    f"{implementation.name:10} {runs.shapes[implementation]}: {format_brief(measured.load)}"
                )
            rate, runs.limit_by = self.limit()
            runs.limits.append(rate)
            self.log(f"limit: {rate:,.0f}/s ({runs.limit_by})")
        for _ in range(self.halves):
            half = runs.rate(THE_PORTAL) / 2
            load = self.measure(THE_PORTAL, runs.shapes[THE_PORTAL], seconds=self.seconds, rate=half).load
            runs.halves.append(load)
            self.log(f"at half: {format_brief(load)}, client late by {load.late_s * 1000:.1f} ms at most")
        return runs

    def best_shape(self, implementation: Implementation) -> tuple[ServerShape, str]:
        """The fastest shape for this implementation, and a text with all tried shapes."""
        shapes = QUICK_SHAPES if self.options.quick else SHAPES
        if implementation is THE_PORTAL:
            shapes = PORTAL_SHAPES
        rates = {
            shape: self.measure(implementation, shape, seconds=1.0 if self.options.quick else 2.0).load.rate
            for shape in shapes
        }
        tried = ", ".join(f"{shape}: {rate:,.0f}/s" for shape, rate in rates.items())
        self.log(f"{implementation.name}: {tried}")
        return max(rates, key=lambda shape: rates[shape]), tried

    def measure(
        self, implementation: Implementation, shape: ServerShape, *, seconds: float, rate: float | None = None
    ) -> RunResult:
        """One run on a fresh server and a fresh database. Asserts the number of stored rows."""
        url, var = self._fresh()
        with self._server(implementation, shape, url, var) as server:
            warm_s = 0.5 if seconds < 4 else 1.5
            before, began = (server.cpu_s(), database_cpu_s(), machine_cpu_s()), time.monotonic()
            own = time.process_time()
            load = run_load(server.port, self._requests(), warm_s=warm_s, seconds=seconds, rate=rate)
            own, took = time.process_time() - own, time.monotonic() - began
            after = (server.cpu_s(), database_cpu_s(), machine_cpu_s())
            web, database, all_processes = (end - start for start, end in zip(before, after, strict=True))
            others = max(0.0, all_processes - web - database - own) / took / (os.cpu_count() or 1)
            # Server and database times include the warm-up, the client's do not.
            measured = RunResult(load, web * seconds / took, database * seconds / took, others)
        try:
            self._count(implementation, url, var, load)
        except (AssertionError, RuntimeError):
            print((self.directory / LOG).read_text()[-3000:], file=sys.stderr)
            raise
        return measured

    def limit(self) -> tuple[float, str]:
        url = self.databases.fresh("bench")
        if isinstance(self.databases, OnPostgres):
            return limit.measure_postgres(url, seconds=self.seconds, directory=self.directory)
        return limit.measure_sqlite(url.removeprefix("sqlite:///"), seconds=self.seconds)

    def stages(self) -> str:
        """A profile of the stages of a push, measured inside one process."""
        pushes = PROFILED // 10 if self.options.quick else PROFILED
        env = environment(*self._fresh())
        command = [sys.executable, "-m", "tests.bench.stages", self.databases.key, str(pushes)]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the profile failed:\n{done.stderr[-3000:]}")
        return done.stdout

    def memory(self, shape: ServerShape) -> tuple[Figure, str]:
        """Resident memory of the web processes over many pushes. The first tenth is the warm-up."""
        (url, var), taken, sizes = self._fresh(), LoadResult(), []
        with self._server(THE_PORTAL, shape, url, var) as server:
            while taken.answered < MEMORY_PUSHES:
                aim = (len(sizes) + 1) * MEMORY_PUSHES // MEMORY_SAMPLES
                while taken.answered < aim:
                    load = run_load(server.port, self._requests(), warm_s=0, seconds=2.0)
                    taken.statuses += load.statuses
                    taken.spooled += load.spooled
                sizes.append((taken.answered, server.rss_mb()))
        self._count(THE_PORTAL, url, var, taken)
        growth = sizes[-1][1] / sizes[0][1]
        rows = [[f"{pushes:,}", f"{size:.1f}"] for pushes, size in sizes]
        figure = Figure(
            f"Memory of the web processes after {MEMORY_PUSHES:,} pushes", sizes[-1][1], "MiB",
            f"after the first {sizes[0][0]:,}: {sizes[0][1]:.0f} MiB", growth, f"≤ {GROWTH} ×", growth <= GROWTH,
        )  # fmt: skip
        return figure, f"### Memory\n\n{format_table(['pushes so far', 'MiB, all web processes'], rows)}"

    def log(self, text: str) -> None:
        print(f"[{time.strftime('%H:%M:%S')}] {self.databases.title}: {text}", flush=True)

    def _fresh(self) -> tuple[str, Path]:
        """A new database and a new spool directory, so that runs do not affect each other."""
        return self.databases.fresh("bench"), self.directory / f"var{next(_runs)}"

    def _server(self, implementation: Implementation, shape: ServerShape, url: str, var: Path) -> Server:
        env = dict(environment(url, var))
        if implementation.urls:
            env |= {"DJANGO_SETTINGS_MODULE": "tests.bench.baseline.settings"}
            env |= {"BENCH_URLS": implementation.urls, "BENCH_KEY": self.databases.key}
        return Server(implementation.application, shape, env=env, log=self.directory / LOG)

    def _requests(self) -> Iterator[bytes]:
        return generate_requests(key=self.databases.key, tag=f"run{next(_runs)}")

    def _count(self, implementation: Implementation, url: str, var: Path, load: LoadResult) -> None:
        """Assert that every accepted push is stored, and that the portal refused none."""
        if load.spooled:
            manage(url, var, "drain_spool")
        calls = self.databases.count(url, "calllogs_calllog")
        assert load.answered == calls, f"{implementation.name}: {load.statuses}, but {calls} calls"
        if implementation is THE_PORTAL:
            assert load.answered == sum(load.statuses.values()), f"not all were taken: {load.statuses}"
            stored = self.databases.count(url, "calllogs_push", "outcome = 'STORED' AND call_id IS NOT NULL")
            assert stored == calls, f"{calls} calls of {stored} pushes"
            self.log(f"{load.answered:,} answered 2xx = {calls:,} calls = {stored:,} pushes stored")


def _measure_generator(options: Options) -> str:
    """The rate of the load generator alone, against a server that does nothing."""
    with tempfile.TemporaryDirectory() as name:
        shape, seconds = ServerShape(1, 4), 2.0 if options.quick else 5.0
        env = environment("sqlite://:memory:", Path(name))
        with Server("tests.bench.baseline.ok:application", shape, env=env, log=Path(name) / "log") as server:
            load = run_load(
                server.port, generate_requests(key="none", tag="ceiling"), warm_s=1.0, seconds=seconds
            )
    own = load.cpu_s / len(load.latencies)
    text = (
        f"The load generator alone, against a server that does nothing: {load.rate:,.0f} requests/s,"
        f" p99 {load.percentile_ms(0.99):.1f} ms; it spends {own * 1e6:.0f} µs of CPU on a request, so one core"
        f" would suffice for {1 / own:,.0f}/s."
    )
    print(text, flush=True)
    return text

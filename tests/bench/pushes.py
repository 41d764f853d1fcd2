"""The way in: pushes a second and their latency, of the product and of the same job done the ordinary way.

Every way is served by its own fresh tree of server processes on its own fresh database, started alike; the shape of the
tree (processes × threads) is chosen for each way by what serves it best. The ways take turns, and medians are shown.
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
from tests.bench.load import CONNECTIONS, Load, generate, requests
from tests.bench.report import Figure, Options, Section, table
from tests.bench.runs import THE_PRODUCT, WAYS, Measured, Runs, Way, brief, figures, table_of
from tests.bench.serving import Server, Shape, database_cpu_s, machine_cpu_s

SHAPES = (Shape(1, 8), Shape(1, 16), Shape(2, 2), Shape(2, 4), Shape(2, 8), Shape(2, 16))
QUICK_SHAPES = (Shape(1, 16), Shape(2, 4))
OF_THE_PRODUCT = (Shape(1), Shape(2))  # its loops have no threads to be chosen
MEMORY_PUSHES, MEMORY_SAMPLES, GROWTH = 200_000, 10, 1.05
PROFILED = 20_000
LOG = "web.log"

_runs = count(1)


def run(options: Options) -> Section:
    rows: list[Figure] = []
    texts = [_ceiling(options)]
    for start in (on_postgres, on_sqlite):
        with tempfile.TemporaryDirectory(prefix="ivrportal-bench-") as name:
            directory = Path(name)
            directory.chmod(0o711)  # PostgreSQL may run as another user below it
            with start(directory) as databases:
                bench = Bench(databases, directory, options)
                runs = bench.compare()
                rows += figures(databases.title, runs)
                texts.append(f"### {databases.title}\n\n{table_of(runs)}\n{bench.stages()}")
                if options.full and isinstance(databases, OnPostgres):
                    figure, text = bench.memory(runs.shapes[THE_PRODUCT])
                    rows.append(figure)
                    texts.append(text)
    intro = (
        f"One push is one GET with all fields of a call, over {CONNECTIONS} connections that stay open, answered when"
        " it is committed: fsync and synchronous commits are on, SQLite is at `synchronous=FULL`. Client, web server"
        " and database share the machine. After every run the answers 2xx, the rows of calls and the rows of pushes"
        " were counted: they were equal."
    )
    return Section("The way in: pushes", intro, rows, "\n\n".join(texts))


class Bench:
    """The runs on one database."""

    def __init__(self, databases: Databases, directory: Path, options: Options) -> None:
        self.databases, self.directory, self.options = databases, directory, options
        # Many short turns: the machine's own speed changes within minutes, and should do so for all ways alike.
        self.seconds = 2.0 if options.quick else 4.0
        self.rounds = 1 if options.quick else 7
        self.halves = 1 if options.quick else 3

    def compare(self) -> Runs:
        runs = Runs()
        for way in WAYS:
            runs.shapes[way], runs.tried[way] = self.best_shape(way)
        for _ in range(self.rounds):
            for way in WAYS:
                measured = self.measure(way, runs.shapes[way], seconds=self.seconds)
                runs.rounds[way].append(measured)
                self.say(f"{way.name:10} {runs.shapes[way]}: {brief(measured.load)}")
            rate, runs.limit_by = self.limit()
            runs.limits.append(rate)
            self.say(f"limit: {rate:,.0f}/s ({runs.limit_by})")
        for _ in range(self.halves):
            half = runs.rate(THE_PRODUCT) / 2
            load = self.measure(THE_PRODUCT, runs.shapes[THE_PRODUCT], seconds=self.seconds, rate=half).load
            runs.halves.append(load)
            self.say(f"at half: {brief(load)}, client late by {load.late_s * 1000:.1f} ms at most")
        return runs

    def best_shape(self, way: Way) -> tuple[Shape, str]:
        """The shape that serves this way fastest, and what was tried."""
        shapes = QUICK_SHAPES if self.options.quick else SHAPES
        if way is THE_PRODUCT:
            shapes = OF_THE_PRODUCT
        rates = {
            shape: self.measure(way, shape, seconds=1.0 if self.options.quick else 2.0).load.rate
            for shape in shapes
        }
        tried = ", ".join(f"{shape}: {rate:,.0f}/s" for shape, rate in rates.items())
        self.say(f"{way.name}: {tried}")
        return max(rates, key=lambda shape: rates[shape]), tried

    def measure(self, way: Way, shape: Shape, *, seconds: float, rate: float | None = None) -> Measured:
        """One run on a fresh server and a fresh database, with its rows counted at the end."""
        url, var = self._fresh()
        with self._server(way, shape, url, var) as server:
            warm_s = 0.5 if seconds < 4 else 1.5
            before, began = (server.cpu_s(), database_cpu_s(), machine_cpu_s()), time.monotonic()
            own = time.process_time()
            load = generate(server.port, self._requests(), warm_s=warm_s, seconds=seconds, rate=rate)
            own, took = time.process_time() - own, time.monotonic() - began
            after = (server.cpu_s(), database_cpu_s(), machine_cpu_s())
            web, database, everybody = (end - start for start, end in zip(before, after, strict=True))
            others = max(0.0, everybody - web - database - own) / took / (os.cpu_count() or 1)
            # Server and database were watched over the warm-up too, the client over the measured part only.
            measured = Measured(load, web * seconds / took, database * seconds / took, others)
        try:
            self._count(way, url, var, load)
        except (AssertionError, RuntimeError):
            print((self.directory / LOG).read_text()[-3000:], file=sys.stderr)
            raise
        return measured

    def limit(self) -> tuple[float, str]:
        url = self.databases.fresh("bench")
        if isinstance(self.databases, OnPostgres):
            return limit.postgres(url, seconds=self.seconds, directory=self.directory)
        return limit.sqlite(url.removeprefix("sqlite:///"), seconds=self.seconds)

    def stages(self) -> str:
        """Where the time of a push goes, measured inside one process."""
        pushes = PROFILED // 10 if self.options.quick else PROFILED
        env = environment(*self._fresh())
        command = [sys.executable, "-m", "tests.bench.stages", self.databases.key, str(pushes)]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the profile failed:\n{done.stderr[-3000:]}")
        return done.stdout

    def memory(self, shape: Shape) -> tuple[Figure, str]:
        """Resident memory of the web processes while many pushes go by; the first tenth is their warm-up."""
        (url, var), taken, sizes = self._fresh(), Load(), []
        with self._server(THE_PRODUCT, shape, url, var) as server:
            while taken.answered < MEMORY_PUSHES:
                aim = (len(sizes) + 1) * MEMORY_PUSHES // MEMORY_SAMPLES
                while taken.answered < aim:
                    load = generate(server.port, self._requests(), warm_s=0, seconds=2.0)
                    taken.statuses += load.statuses
                    taken.spooled += load.spooled
                sizes.append((taken.answered, server.rss_mb()))
        self._count(THE_PRODUCT, url, var, taken)
        growth = sizes[-1][1] / sizes[0][1]
        rows = [[f"{pushes:,}", f"{size:.1f}"] for pushes, size in sizes]
        figure = Figure(
            f"Memory of the web processes after {MEMORY_PUSHES:,} pushes", sizes[-1][1], "MiB",
            f"after the first {sizes[0][0]:,}: {sizes[0][1]:.0f} MiB", growth, f"≤ {GROWTH} ×", growth <= GROWTH,
        )  # fmt: skip
        return figure, f"### Memory\n\n{table(['pushes so far', 'MiB, all web processes'], rows)}"

    def say(self, text: str) -> None:
        print(f"[{time.strftime('%H:%M:%S')}] {self.databases.title}: {text}", flush=True)

    def _fresh(self) -> tuple[str, Path]:
        """A new database and, for the spool, a new directory: what one run leaves there is not the next one's."""
        return self.databases.fresh("bench"), self.directory / f"var{next(_runs)}"

    def _server(self, way: Way, shape: Shape, url: str, var: Path) -> Server:
        env = dict(environment(url, var))
        if way.urls:
            env |= {"DJANGO_SETTINGS_MODULE": "tests.bench.baseline.settings"}
            env |= {"BENCH_URLS": way.urls, "BENCH_KEY": self.databases.key}
        return Server(way.application, shape, env=env, log=self.directory / LOG)

    def _requests(self) -> Iterator[bytes]:
        return requests(key=self.databases.key, tag=f"run{next(_runs)}")

    def _count(self, way: Way, url: str, var: Path, load: Load) -> None:
        """Accepted is stored, to the last push; and the product refused nothing."""
        if load.spooled:
            manage(url, var, "drain_spool")
        calls = self.databases.count(url, "calllogs_calllog")
        assert load.answered == calls, f"{way.name}: {load.statuses}, but {calls} calls"
        if way is THE_PRODUCT:
            assert load.answered == sum(load.statuses.values()), f"not all were taken: {load.statuses}"
            stored = self.databases.count(url, "calllogs_push", "outcome = 'STORED' AND call_id IS NOT NULL")
            assert stored == calls, f"{calls} calls of {stored} pushes"
            self.say(f"{load.answered:,} answered 2xx = {calls:,} calls = {stored:,} pushes stored")


def _ceiling(options: Options) -> str:
    """What the generator can do by itself, on a server that does nothing."""
    with tempfile.TemporaryDirectory() as name:
        shape, seconds = Shape(1, 4), 2.0 if options.quick else 5.0
        env = environment("sqlite://:memory:", Path(name))
        with Server("tests.bench.baseline.ok:application", shape, env=env, log=Path(name) / "log") as server:
            load = generate(server.port, requests(key="none", tag="ceiling"), warm_s=1.0, seconds=seconds)
    own = load.cpu_s / len(load.latencies)
    text = (
        f"The load generator by itself, against a server that does nothing: {load.rate:,.0f} requests/s,"
        f" p99 {load.percentile_ms(0.99):.1f} ms; it spends {own * 1e6:.0f} µs of CPU on a request, so that one core"
        f" would do for {1 / own:,.0f}/s."
    )
    print(text, flush=True)
    return text

"""The results of the runs on one database, and their figures and tables."""

import statistics
from dataclasses import dataclass, field

from ivrportal.devserver.granian_command import PORTAL
from tests.bench.load import LoadResult
from tests.bench.report import Figure, format_number, format_table
from tests.bench.serving import ServerShape

TIMES_DRF, TIMES_MODELFORM, SHARE_OF_LIMIT, AIM_OF_LIMIT, P99_MS = 10, 5, 0.2, 0.35, 30
BASELINE = "tests.bench.baseline.wsgi:application"


@dataclass(frozen=True)
class Implementation:
    name: str
    title: str
    urls: str = ""  # URLconf of a baseline; empty for the portal

    @property
    def application(self) -> str:
        return BASELINE if self.urls else PORTAL


DRF = Implementation("drf", "REST framework view", "tests.bench.baseline.drf")
MODELFORM = Implementation("modelform", "ModelForm view", "tests.bench.baseline.modelform")
THE_PORTAL = Implementation("product", "the portal's endpoint")
IMPLEMENTATIONS = (DRF, MODELFORM, THE_PORTAL)


@dataclass
class RunResult:
    """One run: the client's view, CPU seconds of web server and database, and the CPU share of other processes."""

    load: LoadResult
    server_s: float
    database_s: float
    others: float


@dataclass
class DatabaseRuns:
    """All measurements on one database."""

    shapes: dict[Implementation, ServerShape] = field(default_factory=dict)
    rounds: dict[Implementation, list[RunResult]] = field(
        default_factory=lambda: {implementation: [] for implementation in IMPLEMENTATIONS}
    )
    limits: list[float] = field(default_factory=list)
    limit_by: str = ""
    halves: list[LoadResult] = field(default_factory=list)
    tried: dict[Implementation, str] = field(default_factory=dict)

    def rate(self, implementation: Implementation) -> float:
        return statistics.median(measured.load.rate for measured in self.rounds[implementation])

    def limit(self) -> float:
        return statistics.median(self.limits)

    def median_half_load(self) -> LoadResult:
        """The run at half of the maximum rate with the median p99."""
        return sorted(self.halves, key=lambda load: load.percentile_ms(0.99))[len(self.halves) // 2]


def format_brief(load: LoadResult) -> str:
    return f"{load.rate:,.0f}/s, p50 {load.percentile_ms(0.5):.1f} ms, p99 {load.percentile_ms(0.99):.1f} ms"


def build_figures(database: str, runs: DatabaseRuns) -> list[Figure]:
    rate, limit_rate = runs.rate(THE_PORTAL), runs.limit()
    found = []
    for implementation, times in ((DRF, TIMES_DRF), (MODELFORM, TIMES_MODELFORM)):
        base = runs.rate(implementation)
        found.append(
            Figure(
                f"{database}: pushes, against the {implementation.title}", rate, "/s", f"{format_number(base)} /s",
                rate / base, f"≥ {times} ×", rate >= times * base,
            )
        )  # fmt: skip
    share, half = rate / limit_rate, runs.median_half_load()
    p99 = half.percentile_ms(0.99)
    return [
        *found,
        Figure(
            f"{database}: pushes, against the limit", rate, "/s", f"{format_number(limit_rate)} /s, {runs.limit_by}",
            share, f"≥ {SHARE_OF_LIMIT} × (aim {AIM_OF_LIMIT})", share >= SHARE_OF_LIMIT,
        ),
        Figure(
            f"{database}: p99 at half of the maximum", p99, "ms", f"at {format_number(half.rate)} /s", None,
            f"≤ {P99_MS} ms", p99 <= P99_MS,
        ),
    ]  # fmt: skip


def format_runs_table(runs: DatabaseRuns) -> str:
    head = [
        "implementation",
        "processes × threads",
        "pushes/s",
        "rounds",
        "p50 ms",
        "p99 ms",
        "CPU µs a push: client, web, database",
        "CPU of other processes",
    ]
    rows = []
    for implementation, rounds in runs.rounds.items():
        middle = sorted(rounds, key=lambda measured: measured.load.rate)[len(rounds) // 2]
        each = [
            f"{spent / len(middle.load.latencies) * 1e6:,.0f}"
            for spent in (middle.load.cpu_s, middle.server_s, middle.database_s)
        ]
        rows.append(
            [
                implementation.title,
                str(runs.shapes[implementation]),
                f"{middle.load.rate:,.0f}",
                " ".join(f"{measured.load.rate:,.0f}" for measured in rounds),
                f"{middle.load.percentile_ms(0.5):.1f}",
                f"{middle.load.percentile_ms(0.99):.1f}",
                ", ".join(each),
                f"{max(measured.others for measured in rounds):.0%}",
            ]
        )
    rows.append(
        [
            f"limit ({runs.limit_by})",
            "",
            f"{runs.limit():,.0f}",
            " ".join(f"{x:,.0f}" for x in runs.limits),
            "",
            "",
            "",
            "",
        ]
    )
    tried = "\n".join(f"- {implementation.title}: {tried}" for implementation, tried in runs.tried.items())
    return f"{format_table(head, rows)}\nShapes tried, in short runs:\n\n{tried}\n"

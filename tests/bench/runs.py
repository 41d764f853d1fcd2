"""What the runs on one database gave: kept, judged and laid out."""

import statistics
from dataclasses import dataclass, field

from ivrportal.devserver.granian_command import PORTAL
from tests.bench.load import Load
from tests.bench.report import Figure, number, table
from tests.bench.serving import Shape

TIMES_DRF, TIMES_MODELFORM, SHARE_OF_LIMIT, AIM_OF_LIMIT, P99_MS = 10, 5, 0.2, 0.35, 30
BASELINE = "tests.bench.baseline.wsgi:application"


@dataclass(frozen=True)
class Way:
    name: str
    title: str
    urls: str = ""  # of a baseline; the product has its own

    @property
    def application(self) -> str:
        return BASELINE if self.urls else PORTAL


DRF = Way("drf", "REST framework view", "tests.bench.baseline.drf")
MODELFORM = Way("modelform", "ModelForm view", "tests.bench.baseline.modelform")
THE_PRODUCT = Way("product", "the portal's endpoint")
WAYS = (DRF, MODELFORM, THE_PRODUCT)


@dataclass
class Measured:
    """One run: what the client saw, CPU seconds of web server and database, and the share that others took."""

    load: Load
    server_s: float
    database_s: float
    others: float


@dataclass
class Runs:
    """All that was measured on one database."""

    shapes: dict[Way, Shape] = field(default_factory=dict)
    rounds: dict[Way, list[Measured]] = field(default_factory=lambda: {way: [] for way in WAYS})
    limits: list[float] = field(default_factory=list)
    limit_by: str = ""
    halves: list[Load] = field(default_factory=list)
    tried: dict[Way, str] = field(default_factory=dict)

    def rate(self, way: Way) -> float:
        return statistics.median(measured.load.rate for measured in self.rounds[way])

    def limit(self) -> float:
        return statistics.median(self.limits)

    def half(self) -> Load:
        """The middle one of the runs at half of the maximum, by its p99."""
        return sorted(self.halves, key=lambda load: load.percentile_ms(0.99))[len(self.halves) // 2]


def brief(load: Load) -> str:
    return f"{load.rate:,.0f}/s, p50 {load.percentile_ms(0.5):.1f} ms, p99 {load.percentile_ms(0.99):.1f} ms"


def figures(database: str, runs: Runs) -> list[Figure]:
    rate, limit_rate = runs.rate(THE_PRODUCT), runs.limit()
    found = []
    for way, times in ((DRF, TIMES_DRF), (MODELFORM, TIMES_MODELFORM)):
        base = runs.rate(way)
        found.append(
            Figure(
                f"{database}: pushes, against the {way.title}", rate, "/s", f"{number(base)} /s", rate / base,
                f"≥ {times} ×", rate >= times * base,
            )
        )  # fmt: skip
    share, half = rate / limit_rate, runs.half()
    p99 = half.percentile_ms(0.99)
    return [
        *found,
        Figure(
            f"{database}: pushes, against the limit", rate, "/s", f"{number(limit_rate)} /s, {runs.limit_by}", share,
            f"≥ {SHARE_OF_LIMIT} × (aim {AIM_OF_LIMIT})", share >= SHARE_OF_LIMIT,
        ),
        Figure(
            f"{database}: p99 at half of the maximum", p99, "ms", f"at {number(half.rate)} /s", None,
            f"≤ {P99_MS} ms", p99 <= P99_MS,
        ),
    ]  # fmt: skip


def table_of(runs: Runs) -> str:
    head = [
        "way",
        "processes × threads",
        "pushes/s",
        "rounds",
        "p50 ms",
        "p99 ms",
        "CPU µs a push: client, web, database",
        "others' CPU",
    ]
    rows = []
    for way, rounds in runs.rounds.items():
        middle = sorted(rounds, key=lambda measured: measured.load.rate)[len(rounds) // 2]
        each = [
            f"{spent / len(middle.load.latencies) * 1e6:,.0f}"
            for spent in (middle.load.cpu_s, middle.server_s, middle.database_s)
        ]
        rows.append(
            [
                way.title,
                str(runs.shapes[way]),
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
    tried = "\n".join(f"- {way.title}: {tried}" for way, tried in runs.tried.items())
    return f"{table(head, rows)}\nShapes tried, in short runs:\n\n{tried}\n"

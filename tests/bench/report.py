"""What a benchmark says, and how `docs/benchmarks.md` is put together from it.

Each module owns one section of the page, between two markers: whoever runs one module again keeps the others' figures.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
_HEAD = """# Benchmarks

Made by `make bench`; do not edit. Every figure stands beside a baseline that was measured in the same run, because
seconds change from machine to machine and ratios hardly do. A section names the machine that measured it.
"""
_SECTION = re.compile(r"<!-- section: (?P<key>[\w-]+) -->\n.*?<!-- end: (?P=key) -->\n", re.DOTALL)


@dataclass(frozen=True)
class Options:
    """How thorough: `quick` shows that the benchmark works, `full` adds the long runs."""

    quick: bool = False
    full: bool = False


@dataclass(frozen=True)
class Figure:
    """One measured value. `ratio` compares it with `baseline`, `target` says in words what `met` judged."""

    name: str
    value: float
    unit: str = ""
    baseline: str = ""
    ratio: float | None = None
    target: str = ""
    met: bool | None = None

    def line(self) -> str:
        return f"{self.name}: {number(self.value)} {self.unit}{self._verdict()}"

    def cells(self) -> list[str]:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f} ×"
        met = {None: "", True: "met", False: "**missed**"}[self.met]
        return [
            self.name,
            f"{number(self.value)} {self.unit}".strip(),
            self.baseline,
            ratio,
            self.target,
            met,
        ]

    def _verdict(self) -> str:
        ratio = "" if self.ratio is None else f", {self.ratio:.2f} × {self.baseline}"
        return ratio + ("" if self.met is None else f" ({self.target}: {'met' if self.met else 'MISSED'})")


@dataclass(frozen=True)
class Section:
    """One module's part of the page: the figures that are judged, then whatever text explains them."""

    title: str
    intro: str
    rows: list[Figure] = field(default_factory=list)
    text: str = ""

    @property
    def missed(self) -> list[Figure]:
        return [row for row in self.rows if row.met is False]


def number(value: float) -> str:
    """Three digits that mean something; what is counted is shown whole."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def write(key: str, section: Section, *, machine: str, page: Path = PAGE) -> None:
    """Put the section of module `key` into the page, in the place of its former one or after the others."""
    known = (
        {match["key"]: match[0] for match in _SECTION.finditer(page.read_text(encoding="utf-8"))}
        if page.exists()
        else {}
    )
    known[key] = _block(key, section, machine)
    page.parent.mkdir(exist_ok=True)
    page.write_text("\n".join([_HEAD, *known.values()]), encoding="utf-8")


def _block(key: str, section: Section, machine: str) -> str:
    rows = [row.cells() for row in section.rows]
    figures = table(["figure", "value", "baseline", "ratio", "target", ""], rows) if rows else ""
    parts = [f"## {section.title}", section.intro, f"*{machine}*", figures, section.text]
    body = "\n\n".join(part.strip() for part in parts if part.strip())
    return f"<!-- section: {key} -->\n{body}\n<!-- end: {key} -->\n"

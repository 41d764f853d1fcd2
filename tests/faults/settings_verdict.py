"""Was it right? What a cast left behind, beside what the provider holds and what it answered when."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from settings_sync import setting_address
from settings_sync.delivery import wire_format

SETTINGS = 20  # ten agents, three days that are holidays or not, the week
CLOCKS_DIFFER_S = 0.002  # SQLite rounds its moments to milliseconds


@dataclass
class Verdict:
    """`wrong` settings at the provider, `unsettled` ones here, `early` In force before its Success."""

    settings: int = 0
    wrong: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    early: list[str] = field(default_factory=list)
    overlaps: list[Any] = field(default_factory=list)
    seen: int = 0
    requests: int = 0
    kills: int = 0
    settled_s: float = 0.0

    def __add__(self, other: "Verdict") -> "Verdict":
        total = {name: value + getattr(other, name) for name, value in vars(self).items()}
        return Verdict(**total | {"settled_s": max(self.settled_s, other.settled_s)})

    def is_clean(self) -> bool:
        return not (self.wrong or self.unsettled or self.early or self.overlaps)

    def __str__(self) -> str:
        return (
            f"{len(self.wrong)} of {self.settings:,} settings wrong, {len(self.unsettled)} unsettled,"
            f" {len(self.overlaps)} overlaps, {len(self.early)} of {self.seen:,} In force before Success;"
            f" {self.requests:,} requests, {self.kills} kills, settled within {self.settled_s:g} s"
        )


def judge(told: dict[str, Any], states: list[dict[str, Any]]) -> Verdict:
    """Compare what the portal left behind with what the last provider holds, and with all that all of them answered."""
    return Verdict(
        settings=SETTINGS,
        wrong=list(_wrong(told, states[-1])),
        unsettled=[f"{a} {s}" for a, s in told["states"].items() if s not in {"IN_FORCE", "WITHDRAWN"}],
        early=list(_early(told["seen"], [entry for state in states for entry in state["log"]])),
        overlaps=[overlap for state in states for overlap in state["overlaps"]],
        seen=len(told["seen"]),
        requests=sum(state["requests"] for state in states),
        kills=told["kills"],
        settled_s=told["settled_s"],
    )


def _wrong(told: dict[str, Any], state: dict[str, Any]) -> Iterator[str]:
    wanted = {
        setting_address.agent_address(number).partition(":")[2]: value
        for number, value in told["agents"].items()
    }
    for number in sorted(wanted | state["agents"]):
        # A number that no agent has must not ring; whether it was ever told so is all the same.
        value, held = wanted.get(number, "OFF"), state["agents"].get(number)
        if held != value and not (held is None and number not in wanted):
            yield f"agent {number}: {held} for {value}"
    for date in sorted({*told["holidays"], *state["holidays"]}):
        is_wanted, is_held = date in told["holidays"], date in state["holidays"]
        withdrawn = told["states"].get(f"{setting_address.HOLIDAY}:{date}") == "WITHDRAWN"
        if is_wanted != is_held and not (is_held and withdrawn):
            yield f"holiday {date}: {is_held} for {is_wanted}, {'' if withdrawn else 'not '}withdrawn"
    for day, hours in told["hours"].items():
        if list(state["hours"].get(day) or []) != hours:
            yield f"{day}: {state['hours'].get(day)} for {hours}"


def _early(seen: list[list[Any]], log: list[dict[str, Any]]) -> Iterator[str]:
    """Each moment of In force needs a Success, to this value, asked for after the last change, said before it shows."""
    said: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for entry in log:
        if entry["reply"] == "Success" and entry["status"] == 200:
            said.setdefault((entry["address"], entry["value"]), []).append(
                (entry["received_at"], entry["ended_at"])
            )
    for address, value, changed_at, seen_at in seen:
        answers = said.get((address, _on_the_wire(address, value)), [])
        if not any(
            received >= changed_at - CLOCKS_DIFFER_S and ended <= seen_at + CLOCKS_DIFFER_S
            for received, ended in answers
        ):
            yield f"{address} {value}"


def _on_the_wire(address: str, value: str) -> str:
    if setting_address.kind_of(address) != setting_address.HOURS:
        return value
    opens, _, closes = value.partition("-")
    return f"{wire_format.clock(opens)}-{wire_format.clock(closes)}"

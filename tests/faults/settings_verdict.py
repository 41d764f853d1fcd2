"""Compares the outcome of a run with the provider's state and with the time of each of its answers."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from settings_sync import setting_address
from settings_sync.delivery import wire_format

SETTINGS = 20  # ten agents, three dates, seven weekdays
CLOCK_TOLERANCE_S = 0.002  # SQLite rounds timestamps to milliseconds


@dataclass
class Verdict:
    """`wrong`: at the provider; `unsettled`: in the portal; `early`: shown In force before the Success."""

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


def judge(outcome: dict[str, Any], states: list[dict[str, Any]]) -> Verdict:
    """Compare the portal's outcome with the state of the last provider and with the answers of all providers."""
    return Verdict(
        settings=SETTINGS,
        wrong=list(_find_wrong(outcome, states[-1])),
        unsettled=[f"{a} {s}" for a, s in outcome["states"].items() if s not in {"IN_FORCE", "WITHDRAWN"}],
        early=list(_find_early(outcome["seen"], [entry for state in states for entry in state["log"]])),
        overlaps=[overlap for state in states for overlap in state["overlaps"]],
        seen=len(outcome["seen"]),
        requests=sum(state["requests"] for state in states),
        kills=outcome["kills"],
        settled_s=outcome["settled_s"],
    )


def _find_wrong(outcome: dict[str, Any], state: dict[str, Any]) -> Iterator[str]:
    wanted = {
        setting_address.agent_address(number).partition(":")[2]: value
        for number, value in outcome["agents"].items()
    }
    for number in sorted(wanted | state["agents"]):
        # A number without an agent must be OFF or unknown at the provider.
        value, held = wanted.get(number, "OFF"), state["agents"].get(number)
        if held != value and not (held is None and number not in wanted):
            yield f"agent {number}: {held} for {value}"
    for date in sorted({*outcome["holidays"], *state["holidays"]}):
        is_wanted, is_held = date in outcome["holidays"], date in state["holidays"]
        withdrawn = outcome["states"].get(f"{setting_address.HOLIDAY}:{date}") == "WITHDRAWN"
        if is_wanted != is_held and not (is_held and withdrawn):
            yield f"holiday {date}: {is_held} for {is_wanted}, {'' if withdrawn else 'not '}withdrawn"
    for day, hours in outcome["hours"].items():
        if list(state["hours"].get(day) or []) != hours:
            yield f"{day}: {state['hours'].get(day)} for {hours}"


def _find_early(seen: list[list[Any]], log: list[dict[str, Any]]) -> Iterator[str]:
    """In force requires a Success for this value, received after the last change and answered before it was shown."""
    successes: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for entry in log:
        if entry["reply"] == "Success" and entry["status"] == 200:
            successes.setdefault((entry["address"], entry["value"]), []).append(
                (entry["received_at"], entry["ended_at"])
            )
    for address, value, changed_at, seen_at in seen:
        answers = successes.get((address, _format_wire_value(address, value)), [])
        if not any(
            received >= changed_at - CLOCK_TOLERANCE_S and ended <= seen_at + CLOCK_TOLERANCE_S
            for received, ended in answers
        ):
            yield f"{address} {value}"


def _format_wire_value(address: str, value: str) -> str:
    if setting_address.kind_of(address) != setting_address.HOURS:
        return value
    opens, _, closes = value.partition("-")
    return f"{wire_format.format_time(opens)}-{wire_format.format_time(closes)}"

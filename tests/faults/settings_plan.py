"""The plan of one settings run, passed as JSON to settings_processes. Must not import Django."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RunPlan:
    """`kinds` names the workers, one process each; `kill_s` is the range of seconds between kills."""

    seed: int
    saves: int
    seconds: float
    savers: int = 4
    kinds: list[str] = field(default_factory=lambda: ["sync"] * 3)
    kill_s: tuple[float, float] | None = (0.4, 0.9)
    settle_within_s: float = 40.0
    new_account: str = ""  # the base URL of an account that the workers change to half-way

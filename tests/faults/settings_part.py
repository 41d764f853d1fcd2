"""What one cast plays: read by the cast, written by the stand. No Django here."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Part:
    """`kinds` are the workers, one process for each name; `kill_s` the time between kills."""

    seed: int
    saves: int
    seconds: float
    savers: int = 4
    kinds: list[str] = field(default_factory=lambda: ["sync"] * 3)
    kill_s: tuple[float, float] | None = (0.4, 0.9)
    settle_within_s: float = 40.0
    new_account: str = ""  # the base URL of an account that the workers change to half-way

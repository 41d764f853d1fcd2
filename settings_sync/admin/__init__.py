from settings_sync.admin import (
    agents,
    attempts,
    audit,
    closed_days,
    heard,
    holidays,
    hours,
    other_hours,
    provider,
)

__all__ = [
    "agents",
    "attempts",
    "audit",
    "closed_days",
    "heard",
    "holidays",
    "hours",
    "other_hours",
    "provider",
]

from ivrportal.audit import admin
from settings_sync.admin import agents, attempts, closed_days, heard, holidays, hours, other_hours, provider

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
    "admin",
]

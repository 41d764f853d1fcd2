from ivrportal.audit import admin
from settings_sync.admin import closed_days, heard, hours, other_hours
from settings_sync.agents import admin as agents_admin
from settings_sync.delivery import admin as delivery_admin
from settings_sync.delivery import attempts_admin
from settings_sync.holidays import admin as holidays_admin

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
    "attempts_admin",
    "delivery_admin",
    "agents_admin",
    "holidays_admin",
]

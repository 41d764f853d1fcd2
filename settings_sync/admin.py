from ivrportal.audit import admin
from settings_sync.agents import admin as agents_admin
from settings_sync.delivery import admin as delivery_admin
from settings_sync.delivery import attempts_admin
from settings_sync.holidays import admin as holidays_admin
from settings_sync.hours import admin as hours_admin
from settings_sync.hours import caller_view, closed_weekdays, date_overrides

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
    "caller_view",
    "closed_weekdays",
    "date_overrides",
    "hours_admin",
]

from ivrportal.audit.models import AuditEntry
from settings_sync.models.agent import Agent, Shift
from settings_sync.models.calendar_feed import CalendarFeed
from settings_sync.models.change_reason import ChangeReason
from settings_sync.models.holiday import Holiday
from settings_sync.models.office_hours import OfficeHours, OtherHours
from settings_sync.models.provider_setting import Attempt, Circuit, ProviderSetting

__all__ = [
    "Agent",
    "Attempt",
    "AuditEntry",
    "CalendarFeed",
    "ChangeReason",
    "Circuit",
    "Holiday",
    "OfficeHours",
    "OtherHours",
    "ProviderSetting",
    "Shift",
]

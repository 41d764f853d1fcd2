"""Index of the admin screens of this app. Django imports it; each package registers its own screens."""

from ivrportal.audit import admin as audit_admin  # noqa: F401
from settings_sync.agents import admin as agents_admin  # noqa: F401
from settings_sync.delivery import admin as delivery_admin  # noqa: F401
from settings_sync.delivery import attempts_admin  # noqa: F401
from settings_sync.holidays import admin as holidays_admin  # noqa: F401
from settings_sync.hours import admin as hours_admin  # noqa: F401
from settings_sync.hours import caller_view, closed_weekdays, date_overrides  # noqa: F401

"""Index of the admin screens of this app. Django imports it; each package registers its own screens."""

from calllogs.alarms import views as alarms_views  # noqa: F401
from calllogs.callbacks import views as callbacks_views  # noqa: F401
from calllogs.calls import admin as calls_admin  # noqa: F401
from calllogs.dashboard import wallboard_view  # noqa: F401
from calllogs.exports import admin as exports_admin  # noqa: F401
from calllogs.impact import views as impact_views  # noqa: F401
from calllogs.intake import connect_views, inbox_admin, push_key_admin  # noqa: F401
from calllogs.recordings import admin as recordings_admin  # noqa: F401
from calllogs.scheduled_reports import admin as scheduled_reports_admin  # noqa: F401

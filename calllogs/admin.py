from calllogs.alarms import views
from calllogs.callbacks import views as callbacks_views
from calllogs.calls import admin
from calllogs.dashboard import wallboard_view
from calllogs.exports import admin as exports_admin
from calllogs.impact import views as impact_views
from calllogs.intake import connect_views, inbox_admin, push_key_admin
from calllogs.recordings import admin as recordings_admin
from calllogs.scheduled_reports import admin as scheduled_reports_admin

__all__ = [
    "alarms",
    "calls",
    "connect",
    "desk",
    "effect",
    "exports",
    "inbox",
    "keys",
    "listen",
    "reports",
    "wall",
    "connect_views",
    "inbox_admin",
    "push_key_admin",
    "views",
    "callbacks_views",
    "admin",
    "wallboard_view",
    "exports_admin",
    "impact_views",
    "recordings_admin",
    "scheduled_reports_admin",
]

"""Pushes and calls: keys, retention, exports, the callback queue, alarms. `_S` is seconds, `_DAYS` days."""

from ivrportal.settings.environment import env

PUSH_KEYS = env.list("PUSH_KEYS", default=[])
PUSH_ALLOWED_NETWORKS = env.list("PUSH_ALLOWED_NETWORKS", default=[])
PUSH_WAIT_S = env.float("PUSH_WAIT_S", default=2.0)
PUSH_ERROR_STATUS = env.str("PUSH_ERROR_STATUS", default="real")
# For forms. Django's limits on fields and body size do not affect pushes, because their view reads raw bytes.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

CALL_RETENTION_DAYS = env.int("CALL_RETENTION_DAYS", default=400)
PUSH_RETENTION_DAYS = env.int("PUSH_RETENTION_DAYS", default=90)
# Records of activity: playbacks, exports, changes and attempts. The law requires at least a year.
# DEED_RETENTION_DAYS is the variable's name in earlier releases.
ACTIVITY_RETENTION_DAYS = env.int(
    "ACTIVITY_RETENTION_DAYS" if "ACTIVITY_RETENTION_DAYS" in env else "DEED_RETENTION_DAYS", default=1100
)

EXPORT_STREAM_ROWS = env.int("EXPORT_STREAM_ROWS", default=50_000)
EXPORT_KEPT_DAYS = env.int("EXPORT_KEPT_DAYS", default=7)
EXPORT_LEASE_S = env.float("EXPORT_LEASE_S", default=30.0)

# A missed caller who has not tried again for so many days is listed as old.
MISSED_DAYS = env.int("MISSED_DAYS", default=7)
# The alarm of silence opens no earlier than after so many minutes without a call.
SILENCE_MINUTES = env.int("SILENCE_MINUTES", default=15)
ALARM_LOOK_S = env.float("ALARM_LOOK_S", default=60.0)

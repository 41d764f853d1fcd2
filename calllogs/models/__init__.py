from calllogs.models.alarm import Alarm, AlarmHeartbeat, AlarmRecipient
from calllogs.models.call import CallLog
from calllogs.models.department_limit import DepartmentLimit
from calllogs.models.erasure import Erasure, ErasureProgress
from calllogs.models.export import Export
from calllogs.models.missed_caller import (
    CallbackClaim,
    CallbackEntry,
    MissedCaller,
    MissedHistory,
    MissedProgress,
    MissedRecheck,
)
from calllogs.models.note import CallNote, CallTag
from calllogs.models.outgoing_mail import OutgoingMail
from calllogs.models.push import Push, RefusedPushCount
from calllogs.models.push_key import PushKey
from calllogs.models.recording import ArchiveCursor, Listening, Recording
from calllogs.models.rollup import Rollup, RollupProgress, RollupRecheck
from calllogs.models.saved_view import SavedView
from calllogs.models.scheduled_report import Report, ReportRun

__all__ = [
    "Alarm",
    "AlarmHeartbeat",
    "AlarmRecipient",
    "ArchiveCursor",
    "CallLog",
    "CallNote",
    "CallTag",
    "CallbackClaim",
    "CallbackEntry",
    "DepartmentLimit",
    "Erasure",
    "ErasureProgress",
    "Export",
    "Listening",
    "MissedCaller",
    "MissedHistory",
    "MissedProgress",
    "MissedRecheck",
    "OutgoingMail",
    "Push",
    "PushKey",
    "Recording",
    "RefusedPushCount",
    "Report",
    "ReportRun",
    "Rollup",
    "RollupProgress",
    "RollupRecheck",
    "SavedView",
]

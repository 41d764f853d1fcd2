from calllogs.models.alarm import Alarm, AlarmReader, Watch
from calllogs.models.call import CallLog
from calllogs.models.department_limit import DepartmentLimit
from calllogs.models.erasure import Erasure, ErasureProgress
from calllogs.models.export import Export
from calllogs.models.missed_caller import (
    DeskClaim,
    DeskEntry,
    MissedCaller,
    MissedHistory,
    MissedProgress,
    MissedRecheck,
)
from calllogs.models.note import CallNote, CallTag
from calllogs.models.outgoing_mail import Letter
from calllogs.models.push import Push, Refusals
from calllogs.models.push_key import PushKey
from calllogs.models.recording import Listening, Recording, Walk
from calllogs.models.rollup import Rollup, RollupProgress, RollupRecheck
from calllogs.models.saved_view import SavedView
from calllogs.models.scheduled_report import Report, ReportRun

__all__ = [
    "Alarm",
    "AlarmReader",
    "CallLog",
    "CallNote",
    "CallTag",
    "DepartmentLimit",
    "DeskClaim",
    "DeskEntry",
    "Erasure",
    "ErasureProgress",
    "Export",
    "Letter",
    "Listening",
    "MissedCaller",
    "MissedHistory",
    "MissedProgress",
    "MissedRecheck",
    "Push",
    "PushKey",
    "Recording",
    "Refusals",
    "Report",
    "ReportRun",
    "Rollup",
    "RollupProgress",
    "RollupRecheck",
    "SavedView",
    "Walk",
    "Watch",
]

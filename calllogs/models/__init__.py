from calllogs.models.alarm import Alarm, AlarmReader, Watch
from calllogs.models.call import CallLog
from calllogs.models.desk import (
    DeskClaim,
    DeskEntry,
    MissedCaller,
    MissedHistory,
    MissedProgress,
    MissedRecheck,
)
from calllogs.models.erasure import Erasure, ErasureProgress
from calllogs.models.export import Export
from calllogs.models.key import PushKey
from calllogs.models.letter import Letter
from calllogs.models.limit import DepartmentLimit
from calllogs.models.note import CallNote, CallTag
from calllogs.models.push import Push, Refusals
from calllogs.models.recording import Listening, Recording, Walk
from calllogs.models.report import Report, ReportRun
from calllogs.models.rollup import Rollup, RollupProgress, RollupRecheck
from calllogs.models.view import SavedView

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

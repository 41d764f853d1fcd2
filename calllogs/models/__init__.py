from calllogs.models.call import CallLog
from calllogs.models.desk import DeskClaim, DeskEntry, MissedCaller, MissedProgress, MissedRecheck
from calllogs.models.key import PushKey
from calllogs.models.note import CallNote, CallTag
from calllogs.models.push import Push, Refusals
from calllogs.models.recording import Listening, Recording, Walk
from calllogs.models.rollup import Rollup, RollupProgress, RollupRecheck
from calllogs.models.view import SavedView

__all__ = [
    "CallLog",
    "CallNote",
    "CallTag",
    "DeskClaim",
    "DeskEntry",
    "Listening",
    "MissedCaller",
    "MissedProgress",
    "MissedRecheck",
    "Push",
    "PushKey",
    "Recording",
    "Refusals",
    "Rollup",
    "RollupProgress",
    "RollupRecheck",
    "SavedView",
    "Walk",
]

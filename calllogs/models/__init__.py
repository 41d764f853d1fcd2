from calllogs.models.call import CallLog
from calllogs.models.desk import DeskClaim, DeskEntry, MissedCaller, MissedProgress, MissedRecheck
from calllogs.models.key import PushKey
from calllogs.models.push import Push, Refusals

__all__ = [
    "CallLog",
    "DeskClaim",
    "DeskEntry",
    "MissedCaller",
    "MissedProgress",
    "MissedRecheck",
    "Push",
    "PushKey",
    "Refusals",
]

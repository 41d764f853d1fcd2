from calllogs.models.call import CallLog
from calllogs.models.export import Export
from calllogs.models.key import PushKey
from calllogs.models.push import Push, Refusals

__all__ = ["CallLog", "Export", "Push", "PushKey", "Refusals"]

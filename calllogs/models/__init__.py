from calllogs.models.call import CallLog
from calllogs.models.key import PushKey
from calllogs.models.push import Push, Refusals

__all__ = ["CallLog", "Push", "PushKey", "Refusals"]

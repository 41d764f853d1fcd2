from calllogs.models.call import CallLog
from calllogs.models.key import PushKey
from calllogs.models.push import Push, Refusals
from calllogs.models.view import SavedView

__all__ = ["CallLog", "Push", "PushKey", "Refusals", "SavedView"]

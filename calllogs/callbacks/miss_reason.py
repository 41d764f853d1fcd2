"""Why a call did not get through. What callers heard at that time takes precedence over the status of the call."""

from django.utils import timezone

from calllogs.callbacks.derive import OpenMissedCalls
from calllogs.models import CallLog
from calllogs.models.missed_caller import MissReason
from settings_sync.history import past_state
from settings_sync.history.past_state import PastPlan
from settings_sync.schedule import CallerHears

BY_STATUS = {CallLog.Status.MISSED: MissReason.NO_ANSWER, CallLog.Status.DROPPED: MissReason.DROPPED}
BY_CALLER_HEARS = {CallerHears.HOLIDAY: MissReason.HOLIDAY, CallerHears.CLOSED: MissReason.CLOSED}


def find_miss_reason(missed: OpenMissedCalls, then: PastPlan) -> MissReason:
    """The reason for the last of these missed calls; `then` is the plan at that time.

    Open by our records but closed at the provider means old hours. Otherwise our records decide, because nobody was
    there then, even if the provider still put calls through. The provider's value decides where we have no record.
    """
    time = timezone.localtime(missed.last_at).time()
    wanted, had = past_state.callers_heard(then.desired, time), past_state.callers_heard(then.confirmed, time)
    if wanted == CallerHears.OPEN and had in BY_CALLER_HEARS:
        return MissReason.OLD_HOURS
    callers_hear = wanted or had
    if callers_hear in BY_CALLER_HEARS:
        return BY_CALLER_HEARS[callers_hear]
    return BY_STATUS.get(CallLog.Status(missed.status), MissReason.OTHER)

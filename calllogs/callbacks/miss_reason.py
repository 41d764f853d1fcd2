"""Why a call did not get through: what callers heard then comes before what became of the call."""

from django.utils import timezone

from calllogs.callbacks.derive import OpenMissedCalls
from calllogs.models import CallLog
from calllogs.models.missed_caller import MissReason
from settings_sync.history import past_state
from settings_sync.history.past_state import PastPlan
from settings_sync.schedule import CallerHears

BY_STATUS = {CallLog.Status.MISSED: MissReason.NO_ANSWER, CallLog.Status.DROPPED: MissReason.DROPPED}
BY_HEARD = {CallerHears.HOLIDAY: MissReason.HOLIDAY, CallerHears.CLOSED: MissReason.CLOSED}


def miss_reason(spell: OpenMissedCalls, then: PastPlan) -> MissReason:
    """Of the last call of a spell.

    Open by our records, but not by what the provider had: the old hours. Otherwise closed, or a holiday, by our
    records (then nobody was there, whatever the provider still let through), or by the provider's where we had none.
    """
    time = timezone.localtime(spell.last_at).time()
    wanted, had = past_state.callers_heard(then.wanted, time), past_state.callers_heard(then.had, time)
    if wanted == CallerHears.OPEN and had in BY_HEARD:
        return MissReason.OLD_HOURS
    heard = wanted or had
    if heard in BY_HEARD:
        return BY_HEARD[heard]
    return BY_STATUS.get(CallLog.Status(spell.status), MissReason.OTHER)

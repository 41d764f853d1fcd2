"""Why a call did not get through: what callers heard then comes before what became of the call."""

from django.utils import timezone

from calllogs.callbacks.derive import Spell
from calllogs.models import CallLog
from calllogs.models.missed_caller import Why
from settings_sync.history import past_state
from settings_sync.history.past_state import Then
from settings_sync.schedule import Heard

BY_STATUS = {CallLog.Status.MISSED: Why.NO_ANSWER, CallLog.Status.DROPPED: Why.DROPPED}
BY_HEARD = {Heard.HOLIDAY: Why.HOLIDAY, Heard.CLOSED: Why.CLOSED}


def why(spell: Spell, then: Then) -> Why:
    """Of the last call of a spell.

    Open by our records, but not by what the provider had: the old hours. Otherwise closed, or a holiday, by our
    records (then nobody was there, whatever the provider still let through), or by the provider's where we had none.
    """
    time = timezone.localtime(spell.last_at).time()
    wanted, had = past_state.heard(then.wanted, time), past_state.heard(then.had, time)
    if wanted == Heard.OPEN and had in BY_HEARD:
        return Why.OLD_HOURS
    heard = wanted or had
    if heard in BY_HEARD:
        return BY_HEARD[heard]
    return BY_STATUS.get(CallLog.Status(spell.status), Why.OTHER)

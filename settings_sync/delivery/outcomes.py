"""What became of a request, and what follows from it: one table.

The provider can act after we gave up, and may answer 200 to anything; so only one answer means yes, and every
answer that leaves a doubt is asked about again once the settle window has passed.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    NOT_SENT = "not_sent"  # no connection: the provider cannot have acted
    UNKNOWN = "unknown"  # it may have acted, or may still act
    THROTTLED = "throttled"  # 429
    ACCOUNT = "account"  # key, customer or address of the account refused
    CONFIG = "config"  # TLS failure or redirect: our settings or the network's are wrong
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    UNRECOGNISED = "unrecognised"  # a 2xx whose body is neither yes nor a known no


class NextTry(StrEnum):
    NONE = "none"  # only a new save or a person sends again
    BACKOFF = "backoff"
    SLOW = "slow"  # at the longest back-off
    GATE = "gate"  # as soon as the account's gate opens


@dataclass(frozen=True, slots=True)
class Action:
    state: str
    next_try: NextTry
    settle: bool = False  # assert once more after the settle window
    pauses: bool = False  # shut the account's gate until a person or a new key opens it
    breaks: bool = False  # counts for the circuit breaker


ACTIONS: dict[Outcome, Action] = {
    Outcome.NOT_SENT: Action("RETRYING", NextTry.BACKOFF, breaks=True),
    Outcome.UNKNOWN: Action("UNSURE", NextTry.BACKOFF, settle=True, breaks=True),
    Outcome.THROTTLED: Action("RETRYING", NextTry.BACKOFF),
    Outcome.ACCOUNT: Action("PAUSED", NextTry.GATE, pauses=True),
    Outcome.CONFIG: Action("PAUSED", NextTry.GATE, pauses=True),
    Outcome.CONFIRMED: Action("IN_FORCE", NextTry.NONE),
    Outcome.REFUSED: Action("REFUSED", NextTry.NONE),
    Outcome.UNRECOGNISED: Action("NEEDS_PERSON", NextTry.SLOW, settle=True),
}

SUCCESS = "success"
INVALID_TIME = "invalid time"
# The document names no reply for a wrong key; these are the words that such services use.
_ACCOUNT_WORDS = re.compile(
    r"(invalid|wrong|incorrect|unknown|expired)\W+(api\W?key|key|cust\w*(\W?id)?|credentials?)\b"
    r"|unauthori[sz]ed|authentication\W+fail|access\W+denied|not\W+authori[sz]ed"
)


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """What came back: the HTTP status, at most 4 KiB of the body as text, and `Retry-After` in seconds."""

    status: int
    body: str
    retry_after_s: float | None = None


def classify(answer: ProviderResponse) -> Outcome:
    """The outcome of a request that was answered."""
    if 200 <= answer.status < 300:
        return _classify_body(answer.body)
    if 300 <= answer.status < 400:
        return Outcome.CONFIG
    if answer.status in {401, 403, 404}:
        return Outcome.ACCOUNT
    if answer.status == 429:
        return Outcome.THROTTLED
    if answer.status == 408 or not 400 <= answer.status < 500:
        return Outcome.UNKNOWN
    return Outcome.REFUSED


def _classify_body(body: str) -> Outcome:
    words = body.strip().casefold()
    if words == SUCCESS:
        return Outcome.CONFIRMED
    if words == INVALID_TIME:
        return Outcome.REFUSED
    # A page of markup comes from something between us and the provider, whatever words stand in it.
    if "<" not in words and _ACCOUNT_WORDS.search(words):
        return Outcome.ACCOUNT
    return Outcome.UNRECOGNISED

"""Every response has one outcome, and every outcome one action.

The expected outcomes are written here independently of the tables in `outcomes`.
"""

import datetime as dt

import pytest

from ivrportal.common.database_clock import database_now
from settings_sync.delivery import circuit, outcomes, worker
from settings_sync.delivery.outcomes import ACTIONS, NextTry, Outcome, ProviderResponse, classify
from settings_sync.models import Attempt, Circuit, ProviderSetting
from settings_sync.models.provider_setting import State

YES = [
    "Success",
    "success",
    "SUCCESS",
    "sUcCeSs",
    " Success ",
    "Success\r\n",
    "\t\nSuccess\n",
    "\u00a0Success",
]
NO = ["Invalid Time", "invalid time", " INVALID TIME\r\n"]
ACCOUNT = [
    "Invalid API key", "invalid apikey", "INVALID API-KEY.", "Wrong key", "Incorrect custid", "Unknown customer id",
    "Expired API key", "Invalid credentials", "Unauthorized", "Unauthorised request", "Authentication failed",
    "authentication failure", "Access denied", "Not authorized", "You are not authorised.",
]  # fmt: skip
NEITHER = {
    "unsuccessful": "Unsuccessful",
    "exclaimed": "Success!",
    "full stop": "Success.",
    "quoted": '"Success"',
    "twice": "Success Success",
    "two lines": "Success\nSuccess",
    "in a sentence": "Success: agent updated",
    "failure": "Failure",
    "not success": "No Success",
    "misspelt": "Succes",
    "split": "Suc cess",
    "JSON": '{"status": "Success"}',
    "XML": "<string>Success</string>",
    "HTML": "<html><body>Success</body></html>",
    "captive portal": "<!doctype html><title>Success</title><h1>Welcome to the hotel's network</h1>",
    "a page that denies": "<html><body>Access denied by your network's filter</body></html>",
    "a page about a key": "<p>Invalid API key</p>",
    "empty": "",
    "blank": " \r\n\t ",
    "huge": "Success" + " " * 4089 + "…",
    "BOM": "\ufeffSuccess",
    "zero-width": "Suc\u200bcess",
    "NUL": "Success\x00",
    "wrong charset": "Succ\ufffds\ufffd",
    "UTF-16": "S\x00u\x00c\x00c\x00e\x00s\x00s\x00",
    "other time": "Invalid Time Zone",
    "time": "Invalid",
    "key of a car": "Success, your monkey is invalid",
}
BODIES: dict[str, tuple[str, Outcome]] = {
    **{f"yes {body!r}": (body, Outcome.CONFIRMED) for body in YES},
    **{f"no {body!r}": (body, Outcome.REFUSED) for body in NO},
    **{f"account {body!r}": (body, Outcome.ACCOUNT) for body in ACCOUNT},
    **{f"neither, {name}": (body, Outcome.UNRECOGNISED) for name, body in NEITHER.items()},
}
GOOD_STATUSES = (200, 201, 202, 203, 204, 206, 226, 299)
# Outcomes that do not depend on the body.
OTHER_STATUSES: dict[int, Outcome] = {
    **dict.fromkeys((100, 101, 102, 103, 199), Outcome.UNKNOWN),
    **dict.fromkeys((300, 301, 302, 303, 304, 307, 308, 399), Outcome.CONFIG),
    **dict.fromkeys((400, 402, 405, 406, 409, 410, 413, 414, 418, 422, 428, 431, 451, 499), Outcome.REFUSED),
    **dict.fromkeys((401, 403, 404), Outcome.ACCOUNT),
    408: Outcome.UNKNOWN,
    429: Outcome.THROTTLED,
    **dict.fromkeys((500, 501, 502, 503, 504, 507, 511, 520, 599, 600, 999), Outcome.UNKNOWN),
}


@pytest.mark.parametrize("status", GOOD_STATUSES)
def test_the_outcome_of_a_2xx_depends_on_its_whole_body(status: int) -> None:
    classified = {name: classify(ProviderResponse(status, body)) for name, (body, _) in BODIES.items()}
    assert classified == {name: outcome for name, (_, outcome) in BODIES.items()}


@pytest.mark.parametrize("status", OTHER_STATUSES)
def test_no_body_makes_another_status_a_success(status: int) -> None:
    assert {classify(ProviderResponse(status, body)) for body, _ in BODIES.values()} == {
        OTHER_STATUSES[status]
    }


def test_only_a_2xx_confirms() -> None:
    confirmed = [
        status
        for status in range(100, 1000)
        if classify(ProviderResponse(status, "Success")) == Outcome.CONFIRMED
    ]
    assert confirmed == list(range(200, 300))


def test_every_outcome_has_an_action_and_only_one_is_in_force() -> None:
    assert set(ACTIONS) == set(Outcome)
    assert [outcome for outcome, action in ACTIONS.items() if action.state == "IN_FORCE"] == [
        Outcome.CONFIRMED
    ]
    assert {State(action.state) for action in ACTIONS.values()} <= set(State)


def test_every_ambiguous_outcome_is_sent_again_after_the_settle_window() -> None:
    """Except for these outcomes the provider may have acted: it was not reached, or its answer is unambiguous."""
    unambiguous = {
        Outcome.NOT_SENT, Outcome.THROTTLED, Outcome.ACCOUNT, Outcome.CONFIG, Outcome.REFUSED, Outcome.CONFIRMED
    }  # fmt: skip
    assert {outcome for outcome, action in ACTIONS.items() if action.is_sent_again} == set(
        Outcome
    ) - unambiguous


@pytest.fixture
def claimed(simulator, transactional_db, no_broker) -> worker.Claim:
    """A claimed setting whose request has no result yet."""
    now = database_now()
    ProviderSetting.objects.create(
        address="agent:9812345678", kind="agent", lane="agent:9812345678", desired="OFF", changed_at=now,
        next_attempt_at=now,
    )  # fmt: skip
    claim = worker.claim()
    assert isinstance(claim, worker.Claim)
    return claim


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_has_its_action_on_the_row_and_the_gate(outcome, claimed, settings) -> None:
    settings.IVR_BACKOFF_CAP_S = 60.0
    action = ACTIONS[outcome]
    assert worker.record_result(claimed, worker.RequestResult(outcome, 5, 200, "words"))
    row, gate, now = ProviderSetting.objects.get(), Circuit.get_solo(), database_now()
    assert row.state == action.state
    assert (row.lease_token, row.lease_until) == (None, None)
    assert row.confirmed == ("OFF" if outcome == Outcome.CONFIRMED else "")
    assert (row.first_failed_at is None, row.attempts) == (
        (True, 0) if outcome == Outcome.CONFIRMED else (False, 1)
    )
    assert bool(row.reassert_after) == action.is_sent_again
    if action.is_sent_again:
        assert abs(_seconds(row.reassert_after, now) - settings.IVR_SETTLE_S) < 1
    if action.next_try == NextTry.NONE:
        assert row.next_attempt_at is None
    else:
        longest = {
            NextTry.GATE: 0.0,
            NextTry.SLOW: settings.IVR_BACKOFF_CAP_S,
            NextTry.BACKOFF: 2 * settings.IVR_BACKOFF_BASE_S,
        }[action.next_try]
        assert _seconds(row.next_attempt_at, now) <= longest
        assert action.next_try != NextTry.SLOW or _seconds(row.next_attempt_at, now) > longest - 1
    assert gate.paused_reason == ("words" if action.pauses_account else "")
    assert gate.failures == (1 if action.counts_as_failure else 0)
    assert Attempt.objects.get().outcome == outcome


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if ACTIONS[outcome].pauses_account])
def test_an_outcome_that_pauses_the_account_closes_the_gate(outcome, claimed) -> None:
    worker.record_result(claimed, worker.RequestResult(outcome, 5))
    assert worker.claim() == circuit.GateClosed(None, "account")


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if ACTIONS[outcome].counts_as_failure])
def test_repeated_failures_open_the_breaker(outcome, claimed, settings) -> None:
    settings.IVR_BREAKER_FAILURES = 1
    worker.record_result(claimed, worker.RequestResult(outcome, 5))
    ProviderSetting.objects.update(next_attempt_at=database_now())
    assert worker.claim().code == "breaker"


def test_retry_after_delays_the_next_request(claimed) -> None:
    worker.record_result(claimed, worker.RequestResult(Outcome.THROTTLED, 5, 429, "", retry_after_s=30.0))
    row = ProviderSetting.objects.get()
    assert 29 < _seconds(row.next_attempt_at, database_now()) <= 30
    ProviderSetting.objects.update(next_attempt_at=database_now())
    assert worker.claim().code == "rate"


def test_account_refusals_are_not_matched_inside_other_words() -> None:
    assert not outcomes._ACCOUNT_REFUSAL.search("the customer's keyboard is invalid")


def _seconds(moment: dt.datetime | None, now: dt.datetime) -> float:
    assert moment is not None
    return (moment - now).total_seconds()

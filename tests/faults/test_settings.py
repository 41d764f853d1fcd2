"""Short fault runs of settings delivery, and tests that their checks detect errors."""

import base64
import json
import time
from pathlib import Path

import pytest
from django.db import transaction

from settings_sync import setting_address
from settings_sync.delivery import service, worker
from settings_sync.models import Agent, ProviderSetting
from settings_sync.models.provider_setting import State
from tests.faults import canaries, settings_canaries
from tests.faults.settings import build_plan, run_seeds
from tests.faults.settings_run import run_plan
from tests.faults.settings_verdict import Verdict, judge


@pytest.mark.whole
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("kind", "savers", "kinds"), [("postgres", 3, ["sync", "sweeps"]), ("sqlite", 2, ["sync"])]
)
def test_no_setting_is_wrong_when_workers_are_killed(kind: str, savers: int, kinds: list[str]) -> None:
    def one(databases, seed: int) -> Verdict:
        short = build_plan(seed, saves=120, seconds=4.0, savers=savers, kinds=kinds)
        return run_plan(short, databases.fresh(f"seed_{seed}"))

    verdict = run_seeds(kind, range(2), one)
    assert verdict.is_clean(), verdict
    assert verdict.kills > 5
    assert verdict.seen > 20


@pytest.mark.whole
def test_no_canary_is_found() -> None:
    assert "0 canaries found" in settings_canaries.search_for_canaries(rounds=1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_broker")
@pytest.mark.parametrize(("settle_s", "ends_as"), [(0.8, "OFF"), (0.001, "AVAIL")])
def test_only_the_settle_rule_corrects_a_late_old_request(simulator, settings, settle_s, ends_as) -> None:
    settings.IVR_SETTLE_S = settle_s
    simulator.set_faults("script:late:0.4")
    for availability in ("AVAIL", "OFF"):
        with transaction.atomic():
            Agent.objects.update_or_create(
                number="+919812345678", defaults={"name": "Asha", "availability": availability}
            )
            service.reconcile_and_enqueue([setting_address.agent_address("+919812345678")])
        claimed = worker.claim()
        assert isinstance(claimed, worker.Claim)
        worker.record_result(claimed, worker.send_request(claimed))
    until = time.monotonic() + 10
    while (
        ProviderSetting.objects.pending().exists() or simulator.state()["pending"]
    ) and time.monotonic() < until:
        worker.deliver_due(budget_s=0.1)
        time.sleep(0.02)
    assert ProviderSetting.objects.get().state == State.IN_FORCE
    assert simulator.state()["agents"] == {"9812345678": ends_as}


OUTCOME = {
    "agents": {"+919812340000": "OFF"}, "holidays": ["2026-12-24"], "hours": {"Monday": ["09:00 AM", "06:00 PM"]},
    "states": {"agent:9812340000": "IN_FORCE", "holiday:2026-12-25": "WITHDRAWN"},
    "seen": [["agent:9812340000", "OFF", 10.0, 12.0], ["hours:Monday", "09:00-18:00", 10.0, 12.0]],
    "kills": 0, "settled_s": 1.0,
}  # fmt: skip
LOG = [
    {"address": "agent:9812340000", "value": "OFF", "reply": "Success", "status": 200},
    {"address": "hours:Monday", "value": "09:00 AM-06:00 PM", "reply": "Success", "status": 200},
]
STATE = {
    "agents": {"9812340000": "OFF", "9812340009": "OFF"}, "holidays": ["2026-12-24", "2026-12-25"],
    "hours": {"Monday": ["09:00 AM", "06:00 PM"]}, "overlaps": [], "requests": 2,
    "log": [{**entry, "received_at": 10.5, "ended_at": 11.0} for entry in LOG],
}  # fmt: skip


def test_the_verdict_on_a_correct_outcome_is_clean() -> None:
    assert judge(OUTCOME, [STATE]).is_clean()


@pytest.mark.parametrize(
    "change",
    [
        {"agents": {"9812340000": "AVAIL"}},
        {"agents": {}},
        {"agents": {"9812340000": "OFF", "9812340009": "AVAIL"}},
        {"holidays": ["2026-12-25"]},
        {"holidays": ["2026-12-24", "2026-12-31"]},
        {"hours": {"Monday": ["09:00 AM", "05:00 PM"]}},
        {"hours": {}},
        {"overlaps": [{"lane": "hours"}]},
        {"log": []},
        {"log": [{**entry, "received_at": 9.0, "ended_at": 9.5} for entry in LOG]},
        {"log": [{**entry, "received_at": 10.5, "ended_at": 12.5} for entry in LOG]},
        {"log": [{**entry, "reply": "Unsuccessful"} for entry in STATE["log"]]},
    ],
)
def test_the_verdict_on_a_wrong_outcome_is_not_clean(change: dict) -> None:
    assert not judge(OUTCOME, [STATE | change]).is_clean()


@pytest.mark.parametrize("canary", [*canaries.SECRETS, *canaries.NUMBERS])
def test_a_canary_is_found_in_every_spelling_and_wrapping(canary: str, tmp_path: Path) -> None:
    for form in canaries.build_spellings(canary):
        (tmp_path / "log").write_bytes(b"before " + form + b" after")
        assert canaries.find_canaries(canaries.read_files(tmp_path)) == [f"{canary} in log"]
    message = json.dumps({"body": base64.b64encode(f'{{"n": "{canary}"}}'.encode()).decode()}).encode()
    assert canaries.find_canaries(canaries.unpack_message("message", message))


def test_data_files_and_masked_numbers_are_not_reported(tmp_path: Path) -> None:
    (tmp_path / "portal.sqlite3").write_text(canaries.NUMBERS[0])
    (tmp_path / "log").write_text("[secret] ••••00")
    assert canaries.find_canaries(canaries.read_files(tmp_path)) == []

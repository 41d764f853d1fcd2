"""Faults of the simulator: what the client receives, and whether the change is made."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from settings_sync.simulator import InvalidFaultPlan, Simulator
from settings_sync.simulator.faults import Effect, FaultPlan
from tests.settings_sync.simulator.provider_client import (
    AGENT,
    CUSTOMER,
    KEY,
    ask,
    get,
    last,
    switch_off,
    until,
    wire,
)


@pytest.fixture
def provider() -> Iterator[Simulator]:
    with Simulator(api_key=KEY, cust_id=CUSTOMER, latency_s=0) as simulator:
        yield simulator


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        ("ok", 200, "Success"),
        ("invalid_time", 200, "Invalid Time"),
        ("unsuccessful", 200, "Unsuccessful"),
        ("empty", 200, ""),
        ("no_content", 204, ""),
        ("http500", 500, "Failure"),
        ("http500_after", 500, "Failure"),
        ("http401", 401, "Failure"),
        ("http404", 404, "Failure"),
        ("redirect", 302, ""),
    ],
)
def test_a_fault_that_answers(provider: Simulator, fault: str, status: int, body: str) -> None:
    provider.set_faults(fault)
    assert switch_off(provider) == (status, body)
    is_applied = fault in ("ok", "http500_after")
    assert provider.state()["agents"] == ({AGENT: "OFF"} if is_applied else {})
    assert (last(provider)["fault"], last(provider)["status"], last(provider)["applied"]) == (
        fault,
        status,
        is_applied,
    )


def test_a_busy_provider_sends_retry_after(provider: Simulator) -> None:
    provider.set_faults("http429:7")
    status, _, headers = get(provider, wire("ManageAgent", agentnum=AGENT, status="OFF"))
    assert (status, headers["Retry-After"]) == (429, "7")


def test_a_followed_redirect_answers_success_and_is_counted(provider: Simulator) -> None:
    provider.set_faults("redirect")
    headers = get(provider, wire("ManageAgent", agentnum=AGENT, status="OFF"))[2]
    assert KEY not in headers["Location"]
    assert get(provider, headers["Location"])[:2] == (200, "Success")
    assert provider.state()["redirects_followed"] == 1
    assert provider.state()["agents"] == {}


def test_a_captive_portal_contains_success_and_changes_nothing(provider: Simulator) -> None:
    provider.set_faults("html")
    status, body = switch_off(provider)
    assert (status, "Success" in body) == (200, True)
    assert provider.state()["agents"] == {}


def test_a_wrong_charset_is_neither_known_nor_utf8(provider: Simulator) -> None:
    provider.set_faults("wrong_charset")
    _, body, headers = get(provider, wire("ManageAgent", agentnum=AGENT, status="OFF"))
    assert headers.get_content_charset() == "klingon"
    assert "\ufffd" in body


@pytest.mark.parametrize(("fault", "is_applied"), [("drop_before", False), ("drop_after", True)])
def test_a_dropped_connection_sends_no_byte(provider: Simulator, fault: str, is_applied: bool) -> None:
    provider.set_faults(fault)
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        switch_off(provider)
    assert provider.state()["agents"] == ({AGENT: "OFF"} if is_applied else {})
    assert last(provider)["status"] is None


def test_a_late_request_acts_after_a_newer_one(provider: Simulator) -> None:
    provider.set_faults("script:late:0.3,ok")
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        switch_off(provider)
    assert provider.state()["pending"] == 1
    assert ask(provider, "ManageAgent", agentnum=AGENT, status="AVAIL") == (200, "Success")
    until(lambda: provider.state()["pending"] == 0)
    state = provider.state()
    assert state["agents"] == {AGENT: "OFF"}
    assert [entry["applied_n"] for entry in state["log"]] == [2, 1]
    assert state["log"][0]["applied_at"] - state["log"][0]["received_at"] >= 0.3


def test_a_slow_request_acts_even_if_its_client_has_hung_up(provider: Simulator) -> None:
    provider.set_faults("script:slow:0.4,slow:0.1")
    with pytest.raises(TimeoutError):
        switch_off(provider, timeout=0.1)
    until(lambda: provider.state()["agents"] == {AGENT: "OFF"})
    assert ask(provider, "ManageAgent", agentnum=AGENT, status="AVAIL") == (200, "Success")
    assert provider.state()["agents"] == {AGENT: "AVAIL"}


def test_a_reset_discards_pending_changes(provider: Simulator) -> None:
    provider.set_faults("late:0.1")
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        switch_off(provider)
    provider.reset()
    time.sleep(0.3)
    assert provider.state()["agents"] == {}
    assert provider.state()["log"] == []


@pytest.mark.parametrize("fault", ["drip", "drip_head"])
def test_a_drip_outlasts_a_timeout_per_read(provider: Simulator, fault: str) -> None:
    provider.set_faults(f"{fault}:1.5")
    with socket.create_connection(("127.0.0.1", provider.port), timeout=0.9) as connection:
        connection.sendall(
            f"GET {wire('ManageAgent', agentnum=AGENT, status='OFF')} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        )
        started, chunks = time.monotonic(), 0
        while connection.recv(4096):
            chunks += 1
        assert chunks >= 3
        assert time.monotonic() - started >= 1


def test_a_huge_body_begins_with_success(provider: Simulator) -> None:
    provider.set_faults("huge")
    connection = http.client.HTTPConnection("127.0.0.1", provider.port, timeout=5)
    connection.request("GET", wire("ManageAgent", agentnum=AGENT, status="OFF"))
    reply = connection.getresponse()
    assert reply.read(4096).strip() == b"Success"
    assert reply.length is not None
    assert reply.length > 60 * 1024 * 1024
    reply.close()
    connection.close()
    assert provider.state()["agents"] == {}
    until(lambda: last(provider)["ended_at"] is not None)


def test_a_stalled_simulator_can_be_stopped() -> None:
    started = time.monotonic()
    with Simulator(faults="stall", latency_s=0) as simulator:
        with pytest.raises(TimeoutError):
            switch_off(simulator, timeout=0.2)
        threading.Thread(target=_ignoring_errors, args=(simulator,), daemon=True).start()
        until(lambda: simulator.state()["requests"] == 2)
    assert time.monotonic() - started < 10


def _ignoring_errors(simulator: Simulator) -> None:
    with contextlib.suppress(OSError):
        switch_off(simulator)


def test_flapping_is_up_then_down_then_up() -> None:
    moments = iter((100, 100, 104.9, 105, 109.9, 110))
    plan = FaultPlan("flap=5/5", clock=lambda: next(moments))
    assert [plan.pick().kind for _ in range(5)] == ["ok", "ok", "flap", "flap", "ok"]


def test_the_same_seed_draws_the_same_faults() -> None:
    spec = "ok=55,http500=10,drop_before=10,drop_after=10,late=15:1-3"
    first, second, other = (FaultPlan(spec, seed=seed) for seed in (7, 7, 8))
    drawn = [first.pick() for _ in range(2000)]
    assert drawn == [second.pick() for _ in range(2000)]
    assert drawn != [other.pick() for _ in range(2000)]
    assert 0.5 < sum(fault.kind == "ok" for fault in drawn) / 2000 < 0.6
    assert all(
        1 <= fault.seconds <= 3 and fault.effect is Effect.LATER for fault in drawn if fault.kind == "late"
    )


def test_a_script_is_played_once_and_then_everything_succeeds() -> None:
    plan = FaultPlan("script:http500*2, drop_after,late:9")
    picked = [plan.pick() for _ in range(6)]
    assert [fault.kind for fault in picked] == ["http500", "http500", "drop_after", "late", "ok", "ok"]
    assert picked[3].seconds == 9


@pytest.mark.parametrize(
    "spec",
    [
        "sunshine",
        "ok=",
        "ok=-1",
        "ok=0",
        "ok*3",
        "script:ok=3",
        "late:x",
        "http200",
        "flap=0",
        "script:flap=1/1",
        "ok=1e9",
    ],
)
def test_an_invalid_plan_is_rejected(spec: str) -> None:
    with pytest.raises(InvalidFaultPlan):
        FaultPlan(spec)

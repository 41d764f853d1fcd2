"""The simulator follows the provider's document: actions, keys, lanes, state and page."""

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from settings_sync.simulator import Simulator
from tests.settings_sync.simulator.provider_client import (
    AGENT,
    CUSTOMER,
    KEY,
    ask,
    get,
    last,
    post,
    switch_off,
    wire,
)


@pytest.fixture
def provider() -> Iterator[Simulator]:
    with Simulator(api_key=KEY, cust_id=CUSTOMER, latency_s=0) as simulator:
        yield simulator


def test_every_documented_action_succeeds_and_is_in_the_state(provider: Simulator) -> None:
    assert switch_off(provider) == (200, "Success")
    assert ask(provider, "holiday", hdate="2026-11-08") == (200, "Success")
    assert ask(provider, "OfficeTime", day="Monday", st_time="09:30 AM", en_time="06:30 PM") == (
        200,
        "Success",
    )
    state = json.loads(get(provider, "/state")[1])
    assert state["agents"] == {AGENT: "OFF"}
    assert state["holidays"] == ["2026-11-08"]
    assert state["hours"] == {"Monday": ["09:30 AM", "06:30 PM"]}
    assert [entry["address"] for entry in state["log"]] == [
        f"agent:{AGENT}",
        "holiday:2026-11-08",
        "hours:Monday",
    ]
    assert [entry["applied_n"] for entry in state["log"]] == [1, 2, 3]
    assert state["requests"] == 3
    assert state["overlaps"] == []


@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        ("9:30 AM", "06:30 PM"),
        ("09:30 am", "06:30 PM"),
        ("09:30AM", "06:30 PM"),
        ("09:30", "18:30"),
        ("13:00 PM", "02:00 PM"),
        ("00:30 AM", "06:30 PM"),
        ("09:60 AM", "06:30 PM"),
        ("06:30 PM", "09:30 AM"),
        ("09:30 AM", "09:30 AM"),
        ("٠٩:٣٠ AM", "06:30 PM"),
        ("09:30 AM\n", "06:30 PM"),
        ("", ""),
    ],
)
def test_an_undocumented_time_format_is_invalid(provider: Simulator, opens: str, closes: str) -> None:
    assert ask(provider, "OfficeTime", day="Monday", st_time=opens, en_time=closes) == (200, "Invalid Time")
    assert provider.state()["hours"] == {}


@pytest.mark.parametrize(
    ("opens", "closes"), [("12:00 AM", "12:00 PM"), ("12:59 AM", "01:00 AM"), ("11:59 AM", "12:00 PM")]
)
def test_twelve_am_is_midnight_and_twelve_pm_is_noon(provider: Simulator, opens: str, closes: str) -> None:
    assert ask(provider, "OfficeTime", day="Sunday", st_time=opens, en_time=closes) == (200, "Success")


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("ManageAgent", {"agentnum": AGENT, "status": "off"}),
        ("ManageAgent", {"agentnum": "nobody", "status": "OFF"}),
        ("ManageAgent", {"agentnum": "٩٨٠٠١٠٠٠٠١", "status": "OFF"}),
        ("holiday", {"hdate": "08-11-2026"}),
        ("holiday", {"hdate": "2026-02-31"}),
        ("holiday", {"hdate": "20261108"}),
        ("OfficeTime", {"day": "monday", "st_time": "09:30 AM", "en_time": "06:30 PM"}),
        ("DeleteHoliday", {"hdate": "2026-11-08"}),
        ("", {}),
    ],
)
def test_an_undocumented_request_changes_nothing(
    provider: Simulator, action: str, fields: dict[str, str]
) -> None:
    assert ask(provider, action, **fields) == (200, "Invalid Data")
    state = provider.state()
    assert (state["agents"], state["holidays"], state["hours"]) == ({}, [], {})
    assert last(provider)["applied"] is False


def test_a_repeated_parameter_is_refused(provider: Simulator) -> None:
    path = wire("ManageAgent", agentnum=AGENT, status="OFF") + "&status=AVAIL"
    assert get(provider, path)[:2] == (200, "Invalid Data")


def test_a_wrong_or_missing_key_or_customer_changes_nothing(provider: Simulator) -> None:
    assert ask(provider, "ManageAgent", key="other", agentnum=AGENT, status="OFF") == (403, "Failure")
    assert ask(provider, "ManageAgent", customer="other", agentnum=AGENT, status="OFF") == (403, "Failure")
    assert get(provider, "/settings/handler.ashx?action=ManageAgent")[:2] == (403, "Failure")
    assert provider.state()["agents"] == {}


def test_without_a_configured_key_any_key_is_accepted() -> None:
    with Simulator(latency_s=0) as simulator:
        assert switch_off(simulator) == (200, "Success")


def test_neither_key_nor_customer_id_is_in_the_state_or_on_the_page(provider: Simulator) -> None:
    switch_off(provider)
    ask(provider, "ManageAgent", agentnum=KEY, status=CUSTOMER)
    ask(provider, KEY)
    ask(provider, "ManageAgent", key="wrong-canary", agentnum="wrong-canary", status="wrong-canary")
    output = get(provider, "/state")[1] + get(provider, "/")[1]
    for secret in (KEY, CUSTOMER, "wrong-canary"):
        assert secret not in output


def test_daily_overwrites_the_days_or_is_their_default() -> None:
    monday, daily = ["10:00 AM", "02:00 PM"], ["09:00 AM", "05:00 PM"]
    for overwrites, expected in ((True, daily), (False, monday)):
        with Simulator(daily_overwrites=overwrites, latency_s=0) as simulator:
            ask(simulator, "OfficeTime", day="Monday", st_time=monday[0], en_time=monday[1])
            ask(simulator, "OfficeTime", day="Daily", st_time=daily[0], en_time=daily[1])
            hours = simulator.state()["hours"]
            assert hours["Monday"] == expected
            assert hours["Sunday"] == daily
            assert len(hours) == 7


def test_faults_are_set_over_http_by_form_and_by_json(provider: Simulator) -> None:
    assert post(provider, "/faults", urlencode({"spec": "http500"}))[0] == 303
    assert switch_off(provider)[0] == 500
    status, body = post(
        provider,
        "/faults",
        json.dumps({"spec": "ok=1,http503=1", "seed": 5}),
        **{"Content-Type": "application/json"},
    )
    assert (status, json.loads(body)["faults"], json.loads(body)["seed"]) == (200, "ok=1,http503=1", 5)
    assert post(provider, "/faults", "spec=sunshine")[0] == 400
    assert post(provider, "/faults", "spec=ok&seed=x")[0] == 400
    assert post(provider, "/faults", "[]", **{"Content-Type": "application/json"})[0] == 400
    assert provider.state()["faults"] == "ok=1,http503=1"
    post(provider, "/daily", "reading=separate")
    assert provider.state()["daily_overwrites"] is False
    post(provider, "/reset", "")
    assert provider.state()["requests"] == 0


def test_another_origin_cannot_set_faults(provider: Simulator) -> None:
    assert post(provider, "/faults", "spec=http500", Origin="http://elsewhere.example")[0] == 403
    assert post(provider, "/faults", "spec=http500", Origin=provider.url)[0] == 303


def test_the_page_shows_settings_and_escapes_input(provider: Simulator) -> None:
    switch_off(provider)
    ask(provider, "<script>alert(1)</script>")
    status, page, headers = get(provider, "/")
    assert status == 200
    assert AGENT in page
    assert "<script>alert" not in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)


def test_the_log_can_be_limited_to_newer_requests(provider: Simulator) -> None:
    for _ in range(5):
        switch_off(provider)
    assert [entry["n"] for entry in json.loads(get(provider, "/state?since=3")[1])["log"]] == [4, 5]
    assert [entry["n"] for entry in provider.state(since=5)["log"]] == []


def test_one_connection_serves_many_requests(provider: Simulator) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", provider.port, timeout=5)
    connection.connect()
    used = connection.sock
    started = time.monotonic()
    for path in (wire("ManageAgent", agentnum=AGENT, status="OFF"), "/state", "/nowhere", "/") * 25:
        connection.request("GET", path)
        connection.getresponse().read()
    assert connection.sock is used
    assert time.monotonic() - started < 3.5, "a delayed ACK separates head and body"
    connection.close()


def test_a_request_line_of_16_kib_is_accepted(provider: Simulator) -> None:
    path = wire("ManageAgent", agentnum=AGENT, status="OFF", filler="x" * 16_000)
    assert get(provider, path)[:2] == (200, "Success")


def test_a_malformed_request_is_answered_without_echoing_it(provider: Simulator) -> None:
    with socket.create_connection(("127.0.0.1", provider.port), timeout=5) as connection:
        connection.sendall(f"GET /x?apikey={KEY} and more HTTP/1.1\r\n\r\n".encode())
        reply = connection.recv(4096).decode()
    assert reply.startswith("HTTP/1.1 400 ")
    assert KEY not in reply


def test_two_requests_of_one_lane_at_once_are_an_overlap_and_of_two_lanes_are_none() -> None:
    with Simulator(latency_s=0.3) as simulator:
        days = [
            threading.Thread(
                target=ask,
                args=(simulator, "OfficeTime"),
                kwargs={"day": day, "st_time": "09:00 AM", "en_time": "05:00 PM"},
            )
            for day in ("Monday", "Daily")
        ]
        agents = [
            threading.Thread(
                target=ask, args=(simulator, "ManageAgent"), kwargs={"agentnum": number, "status": "OFF"}
            )
            for number in (AGENT, "9800100002")
        ]
        for thread in (*days, *agents):
            thread.start()
        for thread in (*days, *agents):
            thread.join()
        assert [overlap["lane"] for overlap in simulator.state()["overlaps"]] == ["hours"]


def test_giving_up_and_trying_again_is_no_overlap(provider: Simulator) -> None:
    provider.set_faults("script:stall*20")
    for _ in range(20):
        with pytest.raises(TimeoutError):
            switch_off(provider, timeout=0.03)
    assert switch_off(provider) == (200, "Success")
    assert provider.state()["overlaps"] == []


def test_requests_one_after_the_other_on_new_connections_are_no_overlap(provider: Simulator) -> None:
    for _ in range(200):
        switch_off(provider)
    assert provider.state()["overlaps"] == []


def test_a_restarted_simulator_keeps_its_state(provider: Simulator) -> None:
    switch_off(provider)
    provider.stop()
    with pytest.raises(ConnectionRefusedError):
        switch_off(provider)
    provider.start()
    assert provider.state()["agents"] == {AGENT: "OFF"}
    assert switch_off(provider) == (200, "Success")

"""HTTP helpers that talk to a simulator over real sockets, without the portal's client."""

import http.client
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from settings_sync.simulator import Simulator

KEY, CUSTOMER = "key-canary-91f3", "customer-canary-77"
AGENT = "9800100001"


def get(simulator: Simulator, path: str, *, timeout: float = 5) -> tuple[int, str, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=timeout)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.read().decode("utf-8", "replace"), reply.headers
    finally:
        connection.close()


def post(simulator: Simulator, path: str, body: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=5)
    try:
        connection.request(
            "POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"} | headers
        )
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


def wire(action: str, *, key: str = KEY, customer: str = CUSTOMER, **fields: str) -> str:
    return "/settings/handler.ashx?" + urlencode(
        {"apikey": key, "custid": customer, "action": action, **fields}
    )


def ask(simulator: Simulator, action: str, *, timeout: float = 5, **fields: str) -> tuple[int, str]:
    return get(simulator, wire(action, **fields), timeout=timeout)[:2]


def switch_off(simulator: Simulator, *, timeout: float = 5) -> tuple[int, str]:
    return ask(simulator, "ManageAgent", timeout=timeout, agentnum=AGENT, status="OFF")


def last(simulator: Simulator) -> dict[str, Any]:
    entry: dict[str, Any] = simulator.state()["log"][-1]
    return entry


def until(condition: Callable[[], bool], *, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.01)

"""Searches a whole portal for canaries after pushes, saves, refusals and stalled requests."""

import http.client
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from settings_sync.simulator import Simulator
from tests.faults import canaries
from tests.plugins.demo import ROOT, start_demo

# Every kind of answer, so that every branch that logs or stores a reply is executed.
FAULTS = (
    "script:ok*3,http500,drop_before,drop_after,html,unsuccessful,empty,redirect,wrong_charset,huge,http429:0,"
    "invalid_time,late:0.2,drip_head:2,stall:2"
)
SAVE_SCRIPT = """
from django.db import transaction
from settings_sync import setting_address
from settings_sync.delivery import service
from settings_sync.models import Agent
for number in {numbers}:
    with transaction.atomic():
        agent, _ = Agent.objects.get_or_create(number='+91' + number, defaults={{'name': 'Canary'}})
        agent.availability = 'OFF' if agent.availability == 'AVAIL' else 'AVAIL'
        agent.save()
        service.reconcile_and_enqueue([setting_address.agent_address(agent.number)])
service.start_sending()
"""


def search_for_canaries(*, rounds: int) -> str:
    """Returns a line of figures. Raises AssertionError if a canary was found."""
    with ExitStack() as stack:
        var = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivrportal-canaries-")))
        provider = stack.enter_context(
            Simulator(api_key=canaries.KEY, cust_id=canaries.CUSTOMER, faults=FAULTS)
        )
        env = {
            "IVR_API_URL": provider.url,
            "IVR_API_KEY": canaries.KEY,
            "IVR_CUST_ID": canaries.CUSTOMER,
            "PUSH_KEYS": canaries.PUSH_KEY,
            "LOG_LEVEL": "DEBUG",
            "IVR_DEADLINE_S": "0.8",
            "IVR_CONNECT_S": "0.4",
            "IVR_BACKOFF_CAP_S": "0.3",
            "IVR_BREAKER_OPEN_S": "0.2",
        }
        demo = start_demo(var, **env)
        stack.callback(demo.stop)
        broker = (var / "broker" / "url").read_text().strip()
        monitor = stack.enter_context(canaries.RedisMonitor(broker))
        contents: list[canaries.NamedContent] = []
        for _ in range(rounds):
            _push(demo.url)
            _save_settings(var, env | {"REDIS_URL": broker})
            time.sleep(1)
            contents += canaries.read_redis_keys(broker)
        requests = provider.state()["requests"]
        commands = list(monitor.contents())
        lines = [("the portal's output", "\n".join(demo.lines).encode())]
        files = list(canaries.read_files(var))
        rows = list(_read_rows(var / "portal.sqlite3"))
        assert requests > 5, "too few requests reached the provider: this proves nothing"
        assert any("Celery" in source for source, _ in commands), (
            "no Celery message was recorded: this proves nothing"
        )
        contents += [*commands, *lines, *files]
        leaks = canaries.find_canaries(contents) + canaries.find_canaries(rows, canaries.SECRETS)
        assert not leaks, "\n".join(sorted(set(leaks))[:20])
        return (
            f"0 canaries found: {len(files)} files, {len(demo.lines)} lines of output, {len(commands)} commands and"
            f" messages of Redis, {len(rows)} attempts and settings, {requests} requests"
        )


def _push(url: str) -> None:
    """Valid, refused and malformed pushes, to the push endpoint and to other paths."""
    fields = {
        "callnumber": canaries.NUMBERS[2],
        "date": "2026-11-08",
        "time": "10:00:00",
        "calllogid": "canary-1",
    }
    keys = [canaries.PUSH_KEY, canaries.PUSH_KEY + "x", ""]
    queries = [urlencode({"key": key, **fields}) for key in keys]
    queries += [urlencode({"key": canaries.PUSH_KEY, "callnumber": canaries.NUMBERS[2], "date": "never"})]
    queries += [
        urlencode({"callnumber": canaries.NUMBERS[2], "date": "x" * 20_000, "key": canaries.PUSH_KEY})
    ]
    for path in ("/api/PostCallLogs", "/api/PostCallLogs/", "/api/PostCallLogz", "/admin/"):
        for query in queries:
            connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
            with closing(connection):
                connection.request("GET", f"{path}?{query}")
                connection.getresponse().read()


def _save_settings(var: Path, env: dict[str, str]) -> None:
    command = [sys.executable, "manage.py", "shell", "-c", SAVE_SCRIPT.format(numbers=canaries.NUMBERS[:2])]
    given = {**os.environ, **env, "PORTAL_MODE": "demo", "VAR_DIR": str(var)}
    given.pop("DATABASE_URL", None)
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    # The output of a command is shown on a terminal, so the same rule applies.
    leaks = canaries.find_canaries([("the command's output", (done.stdout + done.stderr).encode())])
    assert not leaks, leaks


def _read_rows(database: Path) -> list[canaries.NamedContent]:
    with closing(sqlite3.connect(database)) as connection:
        return [
            (table, json.dumps(row, default=str).encode())
            for table in ("settings_sync_attempt", "settings_sync_providersetting", "settings_sync_circuit")
            for row in connection.execute(f"SELECT * FROM {table}")
        ]

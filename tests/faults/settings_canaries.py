"""The whole portal with canaries in its cage: pushed to, saved on, refused, stalled, and then searched."""

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

# Answers of every kind, so that every branch that logs or keeps a reply has had something to keep.
FAULTS = (
    "script:ok*3,http500,drop_before,drop_after,html,unsuccessful,empty,redirect,wrong_charset,huge,http429:0,"
    "invalid_time,late:0.2,drip_head:2,stall:2"
)
SAVE = """
from django.db import transaction
from settings_sync import desired, intent
from settings_sync.models import Agent
for number in {numbers}:
    with transaction.atomic():
        agent, _ = Agent.objects.get_or_create(number='+91' + number, defaults={{'name': 'Canary'}})
        agent.availability = 'OFF' if agent.availability == 'AVAIL' else 'AVAIL'
        agent.save()
        intent.record([desired.agent_address(agent.number)])
intent.start_sending()
"""


def search(*, rounds: int) -> str:
    """Figures of what was searched; AssertionError if a canary sings anywhere."""
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
        listener = stack.enter_context(canaries.Listener(broker))
        places: list[canaries.Place] = []
        for _ in range(rounds):
            _push(demo.url)
            _save(var, env | {"REDIS_URL": broker})
            time.sleep(1)
            places += canaries.keys_of_redis(broker)
        requests = provider.state()["requests"]
        heard = list(listener.places())
        lines = [("what the portal said", "\n".join(demo.lines).encode())]
        kept = list(canaries.files(var))
        rows = list(_rows(var / "portal.sqlite3"))
        assert requests > 5, "the provider was hardly asked: this proves nothing"
        assert any("Celery" in place for place, _ in heard), "no message was heard: this proves nothing"
        places += [*heard, *lines, *kept]
        sung = canaries.found(places) + canaries.found(rows, canaries.SECRETS)
        assert not sung, "\n".join(sorted(set(sung))[:20])
        return (
            f"0 canaries found: {len(kept)} files, {len(demo.lines)} lines said, {len(heard)} commands and messages of"
            f" Redis, {len(rows)} attempts and settings, {requests} requests"
        )


def _push(url: str) -> None:
    """Good, refused, and nonsense; over several of the doors that a push can knock at."""
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


def _save(var: Path, env: dict[str, str]) -> None:
    command = [sys.executable, "manage.py", "shell", "-c", SAVE.format(numbers=canaries.NUMBERS[:2])]
    given = {**os.environ, **env, "PORTAL_MODE": "demo", "VAR_DIR": str(var)}
    given.pop("DATABASE_URL", None)
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    # What a command says is what a person reads on a terminal: held to the same rule.
    sung = canaries.found([("the command's output", (done.stdout + done.stderr).encode())])
    assert not sung, sung


def _rows(database: Path) -> list[canaries.Place]:
    with closing(sqlite3.connect(database)) as connection:
        return [
            (table, json.dumps(row, default=str).encode())
            for table in ("settings_sync_attempt", "settings_sync_providersetting", "settings_sync_circuit")
            for row in connection.execute(f"SELECT * FROM {table}")
        ]

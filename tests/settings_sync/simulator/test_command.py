"""`provider_simulator` as a separate process, without the portal's configuration."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from settings_sync.simulator import Simulator
from tests.settings_sync.simulator.provider_client import CUSTOMER, KEY, wire

ROOT = Path(__file__).resolve().parents[3]
COMMAND = """
import sys
from django.conf import settings
settings.configure()
from settings_sync.management.commands.provider_simulator import Command
Command().run_from_argv(["manage.py", "provider_simulator", *sys.argv[1:]])
"""


def command(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_its_url_and_stops_on_a_signal(number: signal.Signals) -> None:
    with command("--port", "0", "--faults", "stall", IVR_API_KEY=KEY, IVR_CUST_ID=CUSTOMER) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.fullmatch(r"Provider simulator: http://127\.0\.0\.1:(\d+)/\n", line)
        assert match
        with socket.create_connection(("127.0.0.1", int(match[1])), timeout=5) as stalled:
            stalled.sendall(f"GET {wire('ManageAgent')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            time.sleep(0.1)
            process.send_signal(number)
            rest, errors = process.communicate(timeout=5)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_the_command_reports_a_used_port_in_one_line() -> None:
    with Simulator() as provider, command(SIMULATOR_PORT=str(provider.port)) as process:
        out, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert out == ""
    assert len(errors.splitlines()) == 1
    assert str(provider.port) in errors


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["--faults", "sunshine"], {}), ([], {"SIMULATOR_PORT": "many"}), (["--port", "99999"], {})],
)
def test_the_command_reports_an_invalid_argument_in_one_line(
    arguments: list[str], environment: dict[str, str]
) -> None:
    with command(*arguments, **environment) as process:
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert len(errors.splitlines()) == 1

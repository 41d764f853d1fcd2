"""The supervisor, with small real processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from ivrportal.devserver import supervisor
from ivrportal.devserver.supervisor import Part, StopRequested, Supervisor

ROOT = Path(__file__).resolve().parents[3]
SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"


def part(name: str, program: str, **kwargs: object) -> Part:
    return Part(name, [sys.executable, "-c", program], lambda _: True, **kwargs)  # type: ignore[arg-type]


def ask_to_stop(*after_s: float) -> None:
    for delay in after_s:
        threading.Timer(delay, os.kill, (os.getpid(), signal.SIGTERM)).start()


def children() -> list[psutil.Process]:
    """The running parts and their children. Zombies have no command line, and the tests' servers a different one."""
    return [each for each in psutil.Process().children(recursive=True) if SLEEPER in " ".join(each.cmdline())]


def wait_for(text: str, capsys: pytest.CaptureFixture[str], *, within_s: float = 10) -> str:
    said, deadline = "", time.monotonic() + within_s
    while text not in said:
        assert time.monotonic() < deadline, said
        said += capsys.readouterr().out
        time.sleep(0.02)
    return said


@pytest.fixture
def kept(tmp_path: Path) -> Supervisor:
    return Supervisor(env=dict(os.environ), cwd=tmp_path)


def test_every_line_of_a_part_carries_its_name(kept: Supervisor, capsys: pytest.CaptureFixture[str]) -> None:
    with kept:
        kept.start(
            part(
                "web", "import sys; print('one'); print('two', file=sys.stderr); import time; time.sleep(60)"
            )
        )
        said = wait_for("two", capsys)
        ask_to_stop(0)
        kept.watch()
    assert "web      | two" in said


def test_a_part_that_dies_is_started_again_and_we_say_so(
    kept: Supervisor, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    program = f"open('starts', 'a').write('x'); {SLEEPER}"
    with kept:
        kept.start(part("worker", program))
        wait_for("up", capsys)
        before = children()
        before[0].kill()
        ask_to_stop(2.5)
        kept.watch()
        assert (tmp_path / "starts").read_text() == "xx"
    assert "portal   | worker ended (SIGKILL); starting it again in 0.5 s" in capsys.readouterr().out
    assert not children()


def test_starts_of_a_part_that_cannot_live_get_rarer(
    kept: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    with kept:
        kept.start(part("beat", "raise SystemExit(3)"))
        ask_to_stop(3)
        kept.watch()
    said = [line for line in capsys.readouterr().out.splitlines() if "ended" in line]
    assert said[0].endswith("beat ended (exit status 3); starting it again in 0.5 s")
    assert said[1].endswith("in 1 s")
    assert 2 <= len(said) <= 3


def test_children_of_a_killed_part_are_killed_too(
    kept: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    program = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]); {SLEEPER}"
    with kept:
        kept.start(part("worker", program))
        wait_for("up\nworker   | up", capsys)
        leader, orphan = sorted(children(), key=psutil.Process.create_time)
        leader.kill()
        ask_to_stop(0.4)  # before the part restarts
        kept.watch()
        assert not psutil.pid_exists(orphan.pid) or orphan.status() == psutil.STATUS_ZOMBIE


def test_a_part_that_will_not_go_is_killed(
    kept: Supervisor, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "CLIENTS_GRACE_S", 0.3)
    with kept:
        kept.start(part("web", STUBBORN))
        wait_for("up", capsys)
        ask_to_stop(0)
        kept.watch()
        began = time.monotonic()
    assert time.monotonic() - began < supervisor.CLIENTS_GRACE_S + 5
    assert not children()


def test_a_second_request_does_not_wait(kept: Supervisor, capsys: pytest.CaptureFixture[str]) -> None:
    with kept:
        kept.start(part("web", STUBBORN))
        wait_for("up", capsys)
        ask_to_stop(0, 0.7)
        kept.watch()
        began = time.monotonic()
    assert time.monotonic() - began < supervisor.CLIENTS_GRACE_S
    assert not children()


def test_one_wish_that_comes_twice_still_lets_parts_end_politely(
    kept: Supervisor, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    polite = "open('said-goodbye', 'w'); raise SystemExit"
    answer = f"lambda *_: (time.sleep(.5), exec({polite!r}))"
    program = f"import signal, time; signal.signal(signal.SIGTERM, {answer}); {SLEEPER}"
    with kept:
        kept.start(part("worker", program))
        wait_for("up", capsys)
        ask_to_stop(0, 0.05)
        kept.watch()
    assert (tmp_path / "said-goodbye").exists()


def test_servers_are_stopped_after_those_that_use_them(
    kept: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    program = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit('bye')); " + SLEEPER
    )
    with kept:
        kept.start(part("broker", program, serves_others=True))
        kept.start(part("worker", program))
        wait_for("up", capsys)
        time.sleep(0.3)
        ask_to_stop(0)
        kept.watch()
    said = wait_for("broker   | bye", capsys)
    assert said.index("worker   | bye") < said.index("broker   | bye")


def test_a_request_during_the_start_stops_it_at_once(kept: Supervisor) -> None:
    with kept:
        kept.start(Part("web", [sys.executable, "-c", SLEEPER], lambda _: False))
        ask_to_stop(0.3)
        with pytest.raises(StopRequested):
            kept.wait_until_ready()
    assert not children()


def test_signals_are_as_before_afterwards(kept: Supervisor) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with kept:
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ties a child to its parent")
def test_kill_9_of_the_parent_ends_its_parts(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys; from ivrportal.devserver.supervisor import Part, Supervisor\n"
        "with Supervisor(env=dict(os.environ), cwd=pathlib.Path('.')) as kept:\n"
        f"    kept.start(Part('web', [sys.executable, '-c', {SLEEPER!r}], lambda _: True)); kept.watch()"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as stream:
        assert "up" in stream.readline()
    (child,) = psutil.Process(parent.pid).children()
    parent.kill()
    parent.wait()
    psutil.wait_procs([child], timeout=5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE

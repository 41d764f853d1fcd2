"""Several programs under one parent: started, prefixed, started again when they die, and stopped together.

Knows nothing of the portal: `ivrportal.devserver.demo` says which parts there are.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO

from ivrportal.devserver.processes import end, kill_group, start_tied

POLL_S = 0.1
POLITE_S = (
    6.0  # for the parts that use others; then those that serve them get SERVERS_S: 10 s in all is promised
)
SERVERS_S = 2.0
BACKOFF_BASE_S, BACKOFF_CAP_S = 0.5, 30.0
STEADY_S = 30.0  # having run for so long, a part's earlier deaths are forgotten
STILL_WAITING_S = 30.0
SAME_WISH_S = 0.5
LONGEST_LINE = 64 * 1024

_OURSELVES = "portal"
_COLOURS = (36, 32, 33, 35, 34, 96)


class Stopped(Exception):
    """Somebody asked us to stop while we were still starting."""


@dataclass(frozen=True)
class Part:
    """One program. `is_ready` gets the moment of its start, in seconds of time.time(), and takes a second at most."""

    name: str
    command: Sequence[str]
    is_ready: Callable[[float], bool]
    serves_others: bool = False  # stopped last, so that the others can end their work


@dataclass
class _Running:
    part: Part
    process: subprocess.Popen[bytes]
    started_at: float
    deaths: int = 0
    again_at: float | None = None  # moment (monotonic) of the next start; None while it runs
    is_ready: bool = False


class Supervisor:
    """Use as a context, from the main thread: on leaving it, every part is gone and the signals are as before."""

    def __init__(self, *, env: Mapping[str, str], cwd: Path) -> None:
        self._env, self._cwd = env, cwd
        self._running: list[_Running] = []
        self._stop_requests = 0
        self._first_request_at = 0.0
        self._is_interruptible = False
        self._printing = threading.Lock()
        self._handlers_before: dict[int, object] = {}

    def __enter__(self) -> "Supervisor":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # `nohup make run` means to outlive its terminal
            self._handlers_before[number] = signal.signal(number, self._asked_to_stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_all()
        for number, handler in self._handlers_before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def start(self, part: Part) -> None:
        colour = _COLOURS[len(self._running) % len(_COLOURS)]
        process = self._spawn(part, colour=colour)
        self._running.append(_Running(part, process, time.time()))

    def wait_until_ready(self) -> None:
        """Returns when every part has answered. Says from time to time for whom it waits; raises Stopped."""
        patience_ends = time.monotonic() + STILL_WAITING_S
        with self.interruptible():
            while waiting := self._not_ready():
                if time.monotonic() > patience_ends:
                    self.say(f"still waiting for {', '.join(waiting)}")
                    patience_ends = time.monotonic() + STILL_WAITING_S
                self._tend()
                time.sleep(POLL_S)

    def watch(self) -> None:
        """Keep the parts alive until somebody asks us to stop."""
        while not self._stop_requests:
            self._tend()
            time.sleep(POLL_S)

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Inside, a request to stop raises Stopped at once. Start no part inside: it could be lost half-started."""
        self._is_interruptible = True
        try:
            if self._stop_requests:
                raise Stopped
            yield
        finally:
            self._is_interruptible = False

    def say(self, text: str, *, name: str = _OURSELVES, colour: int = 1) -> None:
        prefix = f"{name:<8} |"
        if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
            prefix = f"\033[{colour}m{prefix}\033[0m"
        # Whoever read our output may be gone; that must not stop the parts.
        with self._printing, contextlib.suppress(OSError, ValueError):
            print(prefix, text, flush=True)  # noqa: T201

    def _not_ready(self) -> list[str]:
        for running in self._running:
            if not running.is_ready and running.again_at is None:
                running.is_ready = running.part.is_ready(running.started_at)
        return [running.part.name for running in self._running if not running.is_ready]

    def _tend(self) -> None:
        for index, running in enumerate(self._running):
            if running.again_at is None and running.process.poll() is not None:
                self._bury(running)
            if running.again_at is not None and time.monotonic() >= running.again_at:
                running.process = self._spawn(running.part, colour=_COLOURS[index % len(_COLOURS)])
                running.started_at, running.again_at = time.time(), None

    def _bury(self, running: _Running) -> None:
        kill_group(running.process)  # what a killed parent leaves behind would keep the port or the queue
        steady = time.time() - running.started_at > STEADY_S
        running.deaths = 1 if steady else running.deaths + 1
        delay = min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2 ** (running.deaths - 1))
        running.again_at, running.is_ready = time.monotonic() + delay, False
        ending = _ending(running.process.returncode)
        self.say(f"{running.part.name} ended ({ending}); starting it again in {delay:g} s")

    def _spawn(self, part: Part, *, colour: int) -> subprocess.Popen[bytes]:
        process = start_tied(part.command, env=self._env, cwd=self._cwd, output=subprocess.PIPE)
        assert process.stdout is not None
        threading.Thread(target=self._relay, args=(part.name, process.stdout, colour), daemon=True).start()
        return process

    def _relay(self, name: str, stream: IO[bytes], colour: int) -> None:
        """Pass a part's lines on, until the last process that can write to the pipe is gone."""
        with stream:
            while line := stream.readline(LONGEST_LINE):
                self.say(line.decode(errors="replace").rstrip(), name=name, colour=colour)

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        # One wish can come twice, from the terminal and from make; the second that counts is a person's.
        if not self._stop_requests or time.monotonic() - self._first_request_at > SAME_WISH_S:
            self._stop_requests += 1
        if self._stop_requests == 1:
            self._first_request_at = time.monotonic()
        if self._is_interruptible:
            self._is_interruptible = False
            raise Stopped

    def _stop_all(self) -> None:
        """Ask all at once, users before servers; a second request, or the end of patience, kills."""
        for servers, patience in ((False, POLITE_S), (True, SERVERS_S)):
            group = [each.process for each in self._running if each.part.serves_others is servers]
            for process in group:
                if process.poll() is None:
                    process.terminate()
            ends_at = time.monotonic() + patience
            while any(process.poll() is None for process in group):
                if time.monotonic() > ends_at or self._stop_requests > 1:
                    break
                time.sleep(POLL_S / 2)
            for process in group:
                kill_group(process)
                end(process, within_s=0)


def _ending(returncode: int) -> str:
    if returncode >= 0:
        return f"exit status {returncode}"
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"

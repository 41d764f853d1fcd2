"""A supervisor of several programs: it starts them, prefixes their output, restarts them, and stops them together.

It knows nothing of the portal; `ivrportal.devserver.demo` defines the parts.
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

from ivrportal.devserver.processes import kill_group, start_tied, stop_process

POLL_S = 0.1
# The portal stops within 10 s: first the parts that use others, then the parts that serve them.
CLIENTS_GRACE_S = 6.0
SERVERS_GRACE_S = 2.0
BACKOFF_BASE_S, BACKOFF_CAP_S = 0.5, 30.0
STEADY_S = 30.0  # after so long without an exit, a part's restart delay starts from the base again
WAITING_NOTICE_S = 30.0
DUPLICATE_SIGNAL_S = 0.5
MAX_LINE_BYTES = 64 * 1024

_OWN_NAME = "portal"
_COLOURS = (36, 32, 33, 35, 34, 96)


class StopRequested(Exception):
    """A stop signal arrived inside `Supervisor.interruptible`."""


@dataclass(frozen=True)
class Part:
    """One program. `is_ready` gets its start time (`time.time()`) and takes a second at most."""

    name: str
    command: Sequence[str]
    is_ready: Callable[[float], bool]
    serves_others: bool = False  # stopped last, so that the others can finish their work


@dataclass
class _Running:
    part: Part
    process: subprocess.Popen[bytes]
    started_at: float
    exits: int = 0  # in a row, without a steady run between them
    restart_at: float | None = None  # `time.monotonic()` of the next start; None while it runs
    is_ready: bool = False


class Supervisor:
    """A context manager for the main thread. On exit every part has stopped and the signal handlers are restored."""

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
                continue  # `nohup make run` keeps running without its terminal
            self._handlers_before[number] = signal.signal(number, self._on_stop_signal)
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
        """Return when every part is ready. Prints from time to time which are not. Raises StopRequested."""
        notice_at = time.monotonic() + WAITING_NOTICE_S
        with self.interruptible():
            while waiting := self._not_ready():
                if time.monotonic() > notice_at:
                    self.say(f"still waiting for {', '.join(waiting)}")
                    notice_at = time.monotonic() + WAITING_NOTICE_S
                self._poll_children()
                time.sleep(POLL_S)

    def watch(self) -> None:
        """Restart parts that end, until a stop signal arrives."""
        while not self._stop_requests:
            self._poll_children()
            time.sleep(POLL_S)

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Inside, a stop signal raises StopRequested at once. Start no part inside: its process could be lost."""
        self._is_interruptible = True
        try:
            if self._stop_requests:
                raise StopRequested
            yield
        finally:
            self._is_interruptible = False

    def say(self, text: str, *, name: str = _OWN_NAME, colour: int = 1) -> None:
        prefix = f"{name:<8} |"
        if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
            prefix = f"\033[{colour}m{prefix}\033[0m"
        # The reader of our output may have closed it; that must not stop the parts.
        with self._printing, contextlib.suppress(OSError, ValueError):
            print(prefix, text, flush=True)  # noqa: T201

    def _not_ready(self) -> list[str]:
        for running in self._running:
            if not running.is_ready and running.restart_at is None:
                running.is_ready = running.part.is_ready(running.started_at)
        return [running.part.name for running in self._running if not running.is_ready]

    def _poll_children(self) -> None:
        for index, running in enumerate(self._running):
            if running.restart_at is None and running.process.poll() is not None:
                self._schedule_restart(running)
            if running.restart_at is not None and time.monotonic() >= running.restart_at:
                running.process = self._spawn(running.part, colour=_COLOURS[index % len(_COLOURS)])
                running.started_at, running.restart_at = time.time(), None

    def _schedule_restart(self, running: _Running) -> None:
        kill_group(running.process)  # children of a killed parent would keep its port or its queue
        was_steady = time.time() - running.started_at > STEADY_S
        running.exits = 1 if was_steady else running.exits + 1
        delay = min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2 ** (running.exits - 1))
        running.restart_at, running.is_ready = time.monotonic() + delay, False
        status = _describe_exit(running.process.returncode)
        self.say(f"{running.part.name} ended ({status}); starting it again in {delay:g} s")

    def _spawn(self, part: Part, *, colour: int) -> subprocess.Popen[bytes]:
        process = start_tied(part.command, env=self._env, cwd=self._cwd, output=subprocess.PIPE)
        assert process.stdout is not None
        threading.Thread(target=self._relay, args=(part.name, process.stdout, colour), daemon=True).start()
        return process

    def _relay(self, name: str, stream: IO[bytes], colour: int) -> None:
        """Print a part's output, until the last process that can write to the pipe has ended."""
        with stream:
            while line := stream.readline(MAX_LINE_BYTES):
                self.say(line.decode(errors="replace").rstrip(), name=name, colour=colour)

    def _on_stop_signal(self, number: int, frame: FrameType | None) -> None:
        # One Ctrl-C can arrive twice, from the terminal and from make; only a later one counts as a second request.
        if not self._stop_requests or time.monotonic() - self._first_request_at > DUPLICATE_SIGNAL_S:
            self._stop_requests += 1
        if self._stop_requests == 1:
            self._first_request_at = time.monotonic()
        if self._is_interruptible:
            self._is_interruptible = False
            raise StopRequested

    def _stop_all(self) -> None:
        """Terminate all clients at once, then all servers. After the grace period or a second request, kill."""
        for is_server, grace_s in ((False, CLIENTS_GRACE_S), (True, SERVERS_GRACE_S)):
            group = [each.process for each in self._running if each.part.serves_others is is_server]
            for process in group:
                if process.poll() is None:
                    process.terminate()
            ends_at = time.monotonic() + grace_s
            while any(process.poll() is None for process in group):
                if time.monotonic() > ends_at or self._stop_requests > 1:
                    break
                time.sleep(POLL_S / 2)
            for process in group:
                kill_group(process)
                stop_process(process, within_s=0)


def _describe_exit(returncode: int) -> str:
    if returncode >= 0:
        return f"exit status {returncode}"
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"

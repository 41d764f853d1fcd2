"""Child processes that end with us: each has its own session and gets a signal when the starting thread ends."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_TIED = Path(__file__).with_name("exec_tied.py")


def start_tied(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: int | IO[bytes] | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    user_id: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command`. It gets `death_signal` when the calling thread ends, so call this from the main thread.

    `output` receives its standard output and standard error; its standard input is empty. The process leads its own
    session and group, so that a Ctrl-C at the terminal reaches only us.
    """
    user = "-" if user_id is None else str(user_id)
    tie = [sys.executable, "-I", "-S", str(_TIED), str(os.getpid()), str(int(death_signal)), user]
    return subprocess.Popen(  # noqa: S603  (the commands are our own)
        [*tie, *command],
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        start_new_session=True,
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the process's group: its leader or orphaned children."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # the group is empty; macOS raises the latter for zombies
        return


def stop_process(
    process: subprocess.Popen[bytes], *, within_s: float, first_signal: signal.Signals = signal.SIGTERM
) -> None:
    """Send `first_signal`, wait for `within_s`, then kill the group. Returns when the process has ended."""
    if process.poll() is None:
        process.send_signal(first_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(within_s)
    kill_group(process)
    process.wait()

"""The machine's prerequisites for the tests. `tools/tests.sh` checks them before the first test.

`python -m tests.plugins.machine` prints shell assignments for the tests (`CHROMIUM`, `PLAYWRIGHT_NODEJS_PATH`), or
fails with one line per missing thing and the package that provides it.
"""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ivrportal.devserver.embedded_broker import HOST
from tests.plugins import chromium, postgres

FREE_MB = 1000
# Debian packages of libraries that machines have been found to lack.
PACKAGES = {
    "libatomic.so.1": "libatomic1",
    "libstdc++.so.6": "libstdc++6",
    "libgcc_s.so.1": "libgcc-s1",
    "libnss3.so": "libnss3",
    "libnssutil3.so": "libnss3",
    "libnspr4.so": "libnspr4",
    "libexpat.so.1": "libexpat1",
    "libX11.so.6": "libx11-6",
    "libgbm.so.1": "libgbm1",
    "libasound.so.2": "libasound2",
    "libz.so.1": "zlib1g",
    "libxml2.so.2": "libxml2",
}
_LIBRARY = re.compile(r"loading shared libraries: (\S+?):")


def problems(programs: dict[str, Sequence[str]], *, temporary: Path) -> Iterator[str]:
    """One line for each missing thing. `programs` maps a program's purpose to its command."""
    for purpose, command in programs.items():
        if problem := problem_of(command):
            yield f"{purpose} does not run here: {problem}"
    try:
        free_mb = shutil.disk_usage(temporary).free // 1_000_000
    except OSError as error:
        yield f"{temporary} cannot be used ({error.strerror}). Name another directory with TMPDIR=/path/to/it."
    else:
        if free_mb < FREE_MB:
            yield f"{temporary} has {free_mb} MB free; the tests need {FREE_MB}. Name another with TMPDIR=/path/to/it."
    if not has_address(HOST):
        yield f"This machine has no address {HOST}: the tests need IPv4 on the loopback interface."


def problem_of(command: Sequence[str]) -> str | None:
    """Why `command` does not run, in one line; None if it runs. A missing library is named with its package."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except OSError as error:
        return f"{command[0]} cannot be started ({error.strerror})."
    except subprocess.TimeoutExpired:
        return f"{command[0]} does not answer."
    if done.returncode == 0:
        return None
    if missing := _LIBRARY.search(done.stderr):
        library = missing[1]
        package = PACKAGES.get(library)
        advice = f"apt install {package}" if package else "search your system's packages for that file"
        return f"the library {library} is missing. Install it (Debian, Ubuntu: {advice})."
    reason = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
    return f"{reason[:200]}."


def has_address(host: str) -> bool:
    """True if a server can listen on `host`. False on a machine or container with IPv6 only."""
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


def main() -> None:
    try:
        browser = chromium.browser()
    except chromium.NoBrowser as problem:
        sys.exit(str(problem))
    node = chromium.node()
    programs = {
        "Node.js, which drives the browser of the tests,": [str(node), "--version"],
        "The browser of the tests": [str(browser), "--version"],
        "The PostgreSQL of the tests": [str(postgres.programs_of_wheel() / "postgres"), "--version"],
    }
    if found := list(problems(programs, temporary=Path(tempfile.gettempdir()))):
        sys.exit("\n".join(found))
    for name, value in {"CHROMIUM": browser, "PLAYWRIGHT_NODEJS_PATH": node}.items():
        print(f"export {name}={shlex.quote(os.fspath(value))}")


if __name__ == "__main__":
    main()

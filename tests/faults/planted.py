"""Runs of tests with a deliberate bug in the product: what the lists of bugs share."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from tests.bench.databases import ROOT

Bugs = Mapping[str, tuple[Callable[[], None], str]]  # by name: what plants it, and the test that finds it
Done = subprocess.CompletedProcess[str]
AT_ONCE = 2


def runs_of(plugin: str, bugs: Bugs) -> dict[str, Future[Done]]:
    """A run of its test for each bug; two at a time. That they pass without a bug is seen where they stand."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {bug: pool.submit(_run, plugin, test, bug) for bug, (_, test) in bugs.items()}


def _run(plugin: str, test: str, bug: str) -> Done:
    command = [sys.executable, "-m", "pytest", "-p", plugin, "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "--db", "sqlite", test],
        cwd=ROOT,
        env={**os.environ, "FAULT_BUG": bug},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def assert_found(done: Done, test: str) -> None:
    """The test failed, and nothing else went wrong: any other exit would be a run that did not happen."""
    assert done.returncode == 1, done.stdout[-3000:]
    name = re.escape(test.partition("::")[2])
    assert re.search(rf"^FAILED \S*{name}", done.stdout, re.MULTILINE), done.stdout[-3000:]
    assert not re.search(r"^ERROR tests", done.stdout, re.MULTILINE), done.stdout[-3000:]

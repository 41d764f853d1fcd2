"""Runs of tests with a deliberate bug in the product: what the lists of bugs share."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.bench.databases import ROOT

Bugs = Mapping[str, tuple[Callable[[], None], str]]  # by name: what plants it, and the test that finds it
Done = subprocess.CompletedProcess[str]
AT_ONCE = 2
NO_BUG = ""


def runs_of(plugin: str, bugs: Bugs) -> dict[str, Done]:
    """A run of its test for each bug, and one of all the tests without any (NO_BUG); two at a time, to save time."""
    tests = {NO_BUG: [test for _, test in bugs.values()]} | {bug: [test] for bug, (_, test) in bugs.items()}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(tests, pool.map(lambda bug: _run(plugin, tests[bug], bug), tests), strict=True))


def _run(plugin: str, tests: list[str], bug: str) -> Done:
    command = [sys.executable, "-m", "pytest", "-p", plugin, "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "--db", "sqlite", *tests],
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

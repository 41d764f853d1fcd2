"""Runs tests with a deliberate bug planted in the product. Shared by both lists of bugs."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.bench.databases import ROOT

Bugs = Mapping[
    str, tuple[Callable[[], None], str]
]  # by name: the function that plants it, and the test that must detect it
TestRun = subprocess.CompletedProcess[str]
AT_ONCE = 2
NO_BUG = ""


def run_with_bugs(plugin: str, bugs: Bugs) -> dict[str, TestRun]:
    """Run the test of each bug, and all of these tests without a bug (NO_BUG). Two runs at a time."""
    tests = {NO_BUG: [test for _, test in bugs.values()]} | {bug: [test] for bug, (_, test) in bugs.items()}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(tests, pool.map(lambda bug: _run(plugin, tests[bug], bug), tests), strict=True))


def _run(plugin: str, tests: list[str], bug: str) -> TestRun:
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


def assert_bug_found(done: TestRun, test: str) -> None:
    """Assert that the test failed and nothing else did; other exit codes mean that the test did not run."""
    assert done.returncode == 1, done.stdout[-3000:]
    name = re.escape(test.partition("::")[2])
    assert re.search(rf"^FAILED \S*{name}", done.stdout, re.MULTILINE), done.stdout[-3000:]
    assert not re.search(r"^ERROR tests", done.stdout, re.MULTILINE), done.stdout[-3000:]

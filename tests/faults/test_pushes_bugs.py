"""A test that cannot fail proves nothing: each deliberate bug makes its test fail."""

import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.bench.databases import ROOT
from tests.faults.bugs import BUGS

pytestmark = [pytest.mark.whole, pytest.mark.timeout(400)]  # others use the machine too
AT_ONCE = 3
Done = subprocess.CompletedProcess[str]


def _run(tests: list[str], bug: str) -> Done:
    command = [sys.executable, "-m", "pytest", "-p", "tests.faults.bugs", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "--db", "sqlite", *tests],
        cwd=ROOT,
        env={**os.environ, "FAULT_BUG": bug},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.fixture(scope="module")
def runs() -> dict[str, Future[Done]]:
    """A run of its test for each bug, and one of all five tests without any; they start together to save time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        started = {"": pool.submit(_run, [test for _, test in BUGS.values()], "")}
        return started | {bug: pool.submit(_run, [test], bug) for bug, (_, test) in BUGS.items()}


def test_without_a_bug_the_five_tests_pass(runs: dict[str, Future[Done]]) -> None:
    done = runs[""].result()
    assert done.returncode == 0, done.stdout[-3000:]
    assert "5 passed" in done.stdout


@pytest.mark.parametrize("bug", BUGS)
def test_a_deliberate_bug_is_found(runs: dict[str, Future[Done]], bug: str) -> None:
    done = runs[bug].result()
    # 1: a test failed; anything else would be a run that did not happen.
    assert done.returncode == 1, done.stdout[-3000:]
    assert "1 failed" in done.stdout, done.stdout[-3000:]
    assert "error" not in done.stdout.splitlines()[-1], done.stdout[-3000:]

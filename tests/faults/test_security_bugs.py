"""A test that cannot fail proves nothing: each deliberate security bug makes its test fail."""

import os
import re
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.bench.databases import ROOT
from tests.faults.security_bugs import BUGS

pytestmark = [pytest.mark.whole, pytest.mark.timeout(600)]  # others use the machine too
AT_ONCE = 2
Done = subprocess.CompletedProcess[str]


def _run(tests: list[str], bug: str) -> Done:
    command = [sys.executable, "-m", "pytest", "-p", "tests.faults.security_bugs", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "--db", "sqlite", *tests],
        cwd=ROOT,
        env={**os.environ, "FAULT_BUG": bug},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


@pytest.fixture(scope="module")
def runs() -> dict[str, Future[Done]]:
    """A run of its test for each bug, and one of all ten tests without any; they start together to save time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        started = {"": pool.submit(_run, [test for _, test in BUGS.values()], "")}
        return started | {bug: pool.submit(_run, [test], bug) for bug, (_, test) in BUGS.items()}


def test_there_are_ten_and_without_a_bug_their_tests_pass(runs: dict[str, Future[Done]]) -> None:
    done = runs[""].result()
    assert len(BUGS) == 10
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("bug", BUGS)
def test_a_deliberate_security_bug_is_found(runs: dict[str, Future[Done]], bug: str) -> None:
    done = runs[bug].result()
    # 1: a test failed; anything else would be a run that did not happen.
    assert done.returncode == 1, done.stdout[-3000:]
    assert re.search(r"^FAILED \S*" + BUGS[bug][1].partition("::")[2], done.stdout, re.MULTILINE), (
        done.stdout[-3000:]
    )
    assert not re.search(r"^ERROR tests", done.stdout, re.MULTILINE), done.stdout[-3000:]

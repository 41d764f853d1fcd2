"""Each deliberate bug in push intake makes its test fail, which proves that the test can fail."""

import pytest

from tests.faults.bugs import BUGS
from tests.faults.planted import NO_BUG, TestRun, assert_bug_found, run_with_bugs

pytestmark = [pytest.mark.whole, pytest.mark.timeout(600)]  # the machine may be busy


@pytest.fixture(scope="module")
def runs() -> dict[str, TestRun]:
    return run_with_bugs("tests.faults.bugs", BUGS)


def test_without_a_bug_the_five_tests_pass(runs: dict[str, TestRun]) -> None:
    assert runs[NO_BUG].returncode == 0, runs[NO_BUG].stdout[-3000:]
    assert "5 passed" in runs[NO_BUG].stdout


@pytest.mark.parametrize("bug", BUGS)
def test_a_deliberate_bug_is_detected(runs: dict[str, TestRun], bug: str) -> None:
    assert_bug_found(runs[bug], BUGS[bug][1])

"""Each deliberate security bug makes its test fail, which proves that the test can fail."""

import pytest

from tests.faults.planted import NO_BUG, TestRun, assert_bug_found, run_with_bugs
from tests.faults.security_bugs import BUGS

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]  # the machine may be busy


@pytest.fixture(scope="module")
def runs() -> dict[str, TestRun]:
    return run_with_bugs("tests.faults.security_bugs", BUGS)


def test_there_are_at_least_ten_bugs_and_without_a_bug_their_tests_pass(runs: dict[str, TestRun]) -> None:
    assert len(BUGS) >= 10
    assert runs[NO_BUG].returncode == 0, runs[NO_BUG].stdout[-3000:]


@pytest.mark.parametrize("bug", BUGS)
def test_a_deliberate_security_bug_is_detected(runs: dict[str, TestRun], bug: str) -> None:
    assert_bug_found(runs[bug], BUGS[bug][1])

"""A test that cannot fail proves nothing: each deliberate security bug makes its test fail."""

import pytest

from tests.faults.planted import NO_BUG, Done, assert_found, runs_of
from tests.faults.security_bugs import BUGS

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]  # others use the machine too


@pytest.fixture(scope="module")
def runs() -> dict[str, Done]:
    return runs_of("tests.faults.security_bugs", BUGS)


def test_there_are_ten_and_more_and_without_a_bug_their_tests_pass(runs: dict[str, Done]) -> None:
    assert len(BUGS) >= 10
    assert runs[NO_BUG].returncode == 0, runs[NO_BUG].stdout[-3000:]


@pytest.mark.parametrize("bug", BUGS)
def test_a_deliberate_security_bug_is_found(runs: dict[str, Done], bug: str) -> None:
    assert_found(runs[bug], BUGS[bug][1])

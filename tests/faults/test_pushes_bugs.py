"""A test that cannot fail proves nothing: each deliberate bug of the way in makes its test fail."""

import pytest

from tests.faults.bugs import BUGS
from tests.faults.planted import NO_BUG, Done, assert_found, runs_of

pytestmark = [pytest.mark.whole, pytest.mark.timeout(600)]  # others use the machine too


@pytest.fixture(scope="module")
def runs() -> dict[str, Done]:
    return runs_of("tests.faults.bugs", BUGS)


def test_without_a_bug_the_five_tests_pass(runs: dict[str, Done]) -> None:
    assert runs[NO_BUG].returncode == 0, runs[NO_BUG].stdout[-3000:]
    assert "5 passed" in runs[NO_BUG].stdout


@pytest.mark.parametrize("bug", BUGS)
def test_a_deliberate_bug_is_found(runs: dict[str, Done], bug: str) -> None:
    assert_found(runs[bug], BUGS[bug][1])

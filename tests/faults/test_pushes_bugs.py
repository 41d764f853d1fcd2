"""A test that cannot fail proves nothing: each deliberate bug of the way in makes its test fail."""

from concurrent.futures import Future

import pytest

from tests.faults.bugs import BUGS
from tests.faults.planted import NO_BUG, Done, assert_found, runs_of

pytestmark = [pytest.mark.whole, pytest.mark.timeout(600)]  # others use the machine too


@pytest.fixture(scope="module")
def runs() -> dict[str, Future[Done]]:
    return runs_of("tests.faults.bugs", BUGS)


def test_without_a_bug_the_five_tests_pass(runs: dict[str, Future[Done]]) -> None:
    done = runs[NO_BUG].result()
    assert done.returncode == 0, done.stdout[-3000:]
    assert "5 passed" in done.stdout


@pytest.mark.parametrize("bug", BUGS)
def test_a_deliberate_bug_is_found(runs: dict[str, Future[Done]], bug: str) -> None:
    assert_found(runs[bug].result(), BUGS[bug][1])

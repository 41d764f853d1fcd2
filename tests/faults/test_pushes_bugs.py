"""A test that cannot fail proves nothing: each deliberate bug of the way in makes its test fail."""

from concurrent.futures import Future

import pytest

from tests.faults.bugs import BUGS
from tests.faults.planted import Done, assert_found, runs_of

pytestmark = [pytest.mark.whole, pytest.mark.timeout(600)]  # others use the machine too


@pytest.fixture(scope="module")
def runs() -> dict[str, Future[Done]]:
    return runs_of("tests.faults.bugs", BUGS)


@pytest.mark.parametrize("bug", BUGS)
def test_a_deliberate_bug_is_found(runs: dict[str, Future[Done]], bug: str) -> None:
    assert_found(runs[bug].result(), BUGS[bug][1])

"""A test that cannot fail proves nothing: each deliberate security bug makes its test fail."""

from concurrent.futures import Future

import pytest

from tests.faults.planted import Done, assert_found, runs_of
from tests.faults.security_bugs import BUGS

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]  # others use the machine too


@pytest.fixture(scope="module")
def runs() -> dict[str, Future[Done]]:
    return runs_of("tests.faults.security_bugs", BUGS)


@pytest.mark.parametrize("bug", BUGS)
def test_a_deliberate_security_bug_is_found(runs: dict[str, Future[Done]], bug: str) -> None:
    assert_found(runs[bug].result(), BUGS[bug][1])

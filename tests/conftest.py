"""What all tests share: a clean database, a push key, a manager, the provider's simulator."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db.backends.postgresql.operations import DatabaseOperations
from django.test import Client

PUSHES = Path(__file__).parent / "pushes"
PUSH_KEY = "test-push-key"
PASSWORD = "correct horse battery"


def pytest_configure() -> None:
    # A password's digest is made slow on purpose: half a second for each user that a test makes.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    DatabaseOperations.sql_flush = _emptied  # type: ignore[method-assign]


# The same after every migration; made anew they cost each test a hundred statements.
_STAY = {"django_content_type", "auth_permission"}


def _emptied(
    operations: DatabaseOperations, style: Any, tables: list[str], *, reset_sequences: bool = False, **_: Any
) -> list[str]:
    """Between two tests that commit: DELETE, because TRUNCATE makes and syncs the files of every table anew, which took
    half of such a test. Triggers and constraints rest meanwhile: the audit trail's too."""
    assert not reset_sequences
    rows = "; ".join(f"DELETE FROM {operations.quote_name(table)}" for table in tables if table not in _STAY)
    return ["SET session_replication_role = replica", rows, "SET session_replication_role = DEFAULT"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a database, by its own mark or through a fixture: that is what runs on SQLite as well."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("django_db") or fixtures & {"db", "transactional_db"}:
            item.add_marker("database")


@pytest.fixture(autouse=True)
def _forget_between_tests() -> None:
    """Caches that outlive a request in one process must not outlive a test."""
    from django.utils import translation

    from calllogs.calls import filter_choices
    from calllogs.intake import push_auth
    from ivrportal.common import celery_publish
    from settings_sync.delivery import worker

    push_auth.forget_keys()
    filter_choices.forget()
    translation.deactivate()  # a page leaves its language behind in the thread
    celery_publish._resting_until = 0.0
    worker._adopted.clear()


@pytest.fixture(scope="session", autouse=True)
def _writer_ends_before_its_database(django_db_setup: None) -> Iterator[None]:
    yield
    from calllogs.intake import group_commit

    group_commit.stop()


@pytest.fixture
def push_key(transactional_db: Any) -> str:
    from calllogs.models import PushKey

    return PushKey.make("test", key=PUSH_KEY)


@pytest.fixture
def push(push_key: str) -> Callable[..., Any]:
    """Push raw query bytes, as the provider does."""
    client = Client(headers={"host": "127.0.0.1"})

    def send(raw: bytes | str, *, key: str | None = push_key, **extra: Any) -> Any:
        raw = raw.encode() if isinstance(raw, str) else raw
        query = (b"key=" + key.encode() + b"&" if key is not None else b"") + raw
        return client.generic("GET", "/api/PostCallLogs", QUERY_STRING=query.decode("latin-1"), **extra)

    return send


@pytest.fixture
def simulator(settings: Any) -> Iterator[Any]:
    """A provider of our own, on loopback, that the portal talks to in this test."""
    from settings_sync.simulator import Simulator

    with Simulator(api_key="canary-key", cust_id="canary-customer") as provider:
        settings.IVR_API_URL, settings.IVR_IS_PLAIN_HTTP = provider.url, True
        settings.IVR_API_KEY, settings.IVR_CUST_ID = "canary-key", "canary-customer"
        settings.IVR_RATE_PER_S, settings.IVR_CONCURRENCY = 1000.0, 8
        settings.IVR_DEADLINE_S, settings.IVR_CONNECT_S, settings.IVR_LEASE_S = 1.0, 0.5, 2.0
        settings.IVR_SETTLE_S, settings.IVR_BACKOFF_BASE_S = 3.0, 0.05
        yield provider


@pytest.fixture
def no_broker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that deliver themselves: messages go nowhere, as if Redis were away for long."""
    from ivrportal.common import celery_publish

    monkeypatch.setattr(celery_publish, "_resting_until", float("inf"))


def make_user(name: str, role: str | None) -> User:
    from ivrportal.accounts import roles

    roles.sync_groups()
    user = User.objects.create_user(name, password=PASSWORD, is_staff=True, is_superuser=role is None)
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def client_for(db: Any) -> Callable[[str | None], Client]:
    """A signed-in test client for a role; None is a superuser."""

    def signed_in(role: str | None) -> Client:
        client = Client(headers={"host": "127.0.0.1"})
        client.force_login(make_user((role or "admin").replace(" ", "-").lower(), role))
        return client

    return signed_in

"""Shared fixtures: a clean database, a push key, signed-in clients, the provider simulator."""

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
    # The real hasher is slow on purpose: half a second per user.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    DatabaseOperations.sql_flush = _delete_all_rows  # type: ignore[method-assign]


# Filled by migrations and never changed; to recreate them would cost each test a hundred statements.
_KEPT_TABLES = {"django_content_type", "auth_permission"}


def _delete_all_rows(
    operations: DatabaseOperations, style: Any, tables: list[str], *, reset_sequences: bool = False, **_: Any
) -> list[str]:
    """Flush with DELETE: TRUNCATE recreates and syncs the files of every table, which took half the time of a test.

    Triggers and constraints are disabled meanwhile, including those that protect the audit log."""
    assert not reset_sequences
    rows = "; ".join(
        f"DELETE FROM {operations.quote_name(table)}" for table in tables if table not in _KEPT_TABLES
    )
    return ["SET session_replication_role = replica", rows, "SET session_replication_role = DEFAULT"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that use the database, by their own mark or a fixture. These also run on SQLite."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("django_db") or fixtures & {"db", "transactional_db"}:
            item.add_marker("database")


def forget_push_keys() -> None:
    """Reset the cached key digests, as in a new process on a new machine."""
    from calllogs.intake import push_auth

    cache = push_auth._KeyCache
    cache.digests, cache.written, cache.loaded_at = None, None, 0.0
    push_auth._digest_file().unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def _clear_caches() -> None:
    """Caches that outlive a request in one process must not outlive a test."""
    from django.utils import translation

    from calllogs.calls import filter_choices
    from ivrportal.common import celery_publish
    from settings_sync.delivery import worker

    forget_push_keys()
    filter_choices.clear_cache()
    translation.deactivate()  # a request leaves its language active in the thread
    celery_publish._paused_until = 0.0
    worker._adopted.clear()


@pytest.fixture(scope="session", autouse=True)
def _stop_writer_before_database_teardown(django_db_setup: None) -> Iterator[None]:
    yield
    from calllogs.intake import group_commit

    group_commit.stop()


@pytest.fixture
def push_key(transactional_db: Any) -> str:
    from calllogs.models import PushKey

    return PushKey.make("test", key=PUSH_KEY)


@pytest.fixture
def push(push_key: str) -> Callable[..., Any]:
    """Push a raw query, as the provider does."""
    client = Client(headers={"host": "127.0.0.1"})

    def send(raw: bytes | str, *, key: str | None = push_key, **extra: Any) -> Any:
        raw = raw.encode() if isinstance(raw, str) else raw
        query = (b"key=" + key.encode() + b"&" if key is not None else b"") + raw
        return client.generic("GET", "/api/PostCallLogs", QUERY_STRING=query.decode("latin-1"), **extra)

    return send


@pytest.fixture
def simulator(settings: Any) -> Iterator[Any]:
    """The provider simulator on loopback, configured as the provider of this test."""
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
    """For tests that run deliveries themselves: no task is published, as while Redis is down."""
    from ivrportal.common import celery_publish

    monkeypatch.setattr(celery_publish, "_paused_until", float("inf"))


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

    def sign_in(role: str | None) -> Client:
        client = Client(headers={"host": "127.0.0.1"})
        client.force_login(make_user((role or "admin").replace(" ", "-").lower(), role))
        return client

    return sign_in

"""The database: PostgreSQL, or SQLite for the demo and small offices."""

import sys
import warnings
from typing import Any

from ivrportal.settings.environment import VAR_DIR, env, secret_or_file

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the warning about an unknown scheme would print the password
    DATABASES: dict[str, Any] = {
        "default": env.db_url_config(
            secret_or_file("DATABASE_URL") or f"sqlite:///{VAR_DIR / 'portal.sqlite3'}"
        )
    }
if DATABASES["default"].get("ENGINE") not in {"django.db.backends.postgresql", "django.db.backends.sqlite3"}:
    sys.exit(
        "DATABASE_URL must begin with postgres:// or sqlite:///, e.g. postgres://USER:PASSWORD@HOST:PORT/NAME."
    )
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE: otherwise transactions that read before they write fail with a lock error.
    # synchronous=FULL: an acknowledged push or save must be on disk.
    # wal_autocheckpoint is eight times the default: an index page that many pushes change is then written to the
    # database file once for all of them.
    # secure_delete overwrites deleted rows, because callers may have asked to be erased.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000;"
        " PRAGMA wal_autocheckpoint=8000; PRAGMA secure_delete=ON;",
    }
    # Tests use a file as well: threads that share an in-memory database do not wait for each other's locks.
    DATABASES["default"]["TEST"] = {"NAME": VAR_DIR / "test.sqlite3"}
else:
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 3)
DATABASES["default"]["CONN_MAX_AGE"] = 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

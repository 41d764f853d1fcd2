"""The kinds of delivery workers, and their clocks."""

import datetime as dt
import time
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from settings_sync import tasks

HOUR_S = 3600.0
CLOCKS = {"ahead": HOUR_S, "behind": -HOUR_S}


def run_worker(kind: str, url: str) -> None:
    """Deliver until killed. `kind` is `sync`, `sweeps`, or one of these with a clock: `sync ahead`."""
    settings.IVR_API_URL = url
    name, _, clock = kind.partition(" ")
    if clock:
        shift_clock(CLOCKS[clock])
    if name == "sync":
        call_command("sync_run", loop=True, stderr=NullOutput())
    else:
        sweep_continuously()


def sweep_continuously() -> None:
    """Run the periodic tasks without a pause, more often than any number of beats would."""
    while True:
        with suppress(DatabaseError):
            tasks.sweep()
            tasks.reconcile()
            tasks.deliver(setting_id=1)
            tasks.deliver(setting_id=1)
        close_old_connections()
        time.sleep(0.02)


def shift_clock(seconds: float) -> None:
    """Shift the wall clock that Python code in this process reads."""
    real_time, real = time.time, dt.datetime
    shift = dt.timedelta(seconds=seconds)

    class Wrong(type(real)):  # type: ignore[misc]
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, real)

    class WrongDatetime(real, metaclass=Wrong):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return real.now(tz) + shift

        @classmethod
        def utcnow(cls) -> dt.datetime:
            return real.now(dt.UTC).replace(tzinfo=None) + shift

    time.time = lambda: real_time() + seconds
    dt.datetime = WrongDatetime  # type: ignore[misc]
    timezone.now = lambda: real.now(dt.UTC) + shift


class NullOutput:
    """Discards the errors that a worker without a database prints every second; expected here."""

    def write(self, *_: Any) -> None:
        return

    def flush(self) -> None:
        return

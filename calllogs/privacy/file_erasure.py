"""What lies on the disk: pushes in the spool, files of exports, recordings, what was fetched lately, a demo's mails."""

import base64
import datetime as dt
import json
import os
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from calllogs.exports import files
from calllogs.intake import replay
from calllogs.intake.spool.files import BAD
from calllogs.models import Export, Recording
from calllogs.privacy.number_patterns import is_in
from calllogs.recordings import archive, cache

BUDGET_S = 10.0


class NotYet(Exception):
    """The storage of recordings does not delete now; the next sweep tries again."""


def bring_in_the_spool() -> Counter[str]:
    """What waits on the disk becomes calls first, which are then found. Raises DatabaseError."""
    replay.drain()
    return Counter()


def forget_damaged(pattern: str) -> Counter[str]:
    """The stretches that were set aside as damaged, and hold the number."""
    gone = 0
    for path in replay.spool().directory.glob(f"*{BAD}"):
        lines = path.read_text().splitlines()
        kept = [line for line in lines if not is_in(_stretch(line), pattern)]
        if len(kept) < len(lines):
            gone += len(lines) - len(kept)
            _write_again(path, kept)
    return Counter(files=gone)


def forget_exports(asked_at: dt.datetime) -> Counter[str]:
    """Every kept file that was begun before: nobody knows by its filter alone whether it holds the number.

    Those under way end, and can be asked for again.
    """
    before = Export.objects.filter(asked_at__lte=asked_at)
    ended = {"state": Export.State.CANCELLED, "ended_at": timezone.now()}
    before.jobs().under_way().update(**ended)
    kept = list(before.exclude(file=""))
    for export in kept:
        files.delete(export.file)
    Export.objects.filter(pk__in=[export.pk for export in kept]).update(file="")
    known = set(Export.objects.exclude(file="").values_list("file", flat=True))
    for path in files.directory().iterdir():  # also what is half written, or was left by a process that died
        if path.name not in known and path.stat().st_mtime <= asked_at.timestamp():
            files.delete(path.name)
    return Counter(exports=len(kept))


def forget_recordings() -> Counter[str]:
    """Copies that are of no call any more, and everything that was fetched within the last hour. Raises NotYet."""
    cache.forget()
    archive.delete_old(until=time.monotonic() + BUDGET_S)
    if Recording.objects.filter(call__isnull=True).exists():
        raise NotYet
    return Counter()


def forget_mails(pattern: str) -> Counter[str]:
    """Mails that a demo lays into a folder instead of sending them."""
    gone = 0
    folder = Path(settings.EMAIL_FILE_PATH)
    for path in folder.iterdir() if folder.is_dir() else ():
        if is_in(path.read_text(errors="replace"), pattern):
            path.unlink(missing_ok=True)
            gone += 1
    return Counter(files=gone)


def _stretch(line: str) -> str:
    with suppress(ValueError, KeyError, TypeError):
        return base64.b64decode(json.loads(line)["base64"]).decode("latin-1")
    return line


def _write_again(path: Path, lines: list[str]) -> None:
    if not lines:
        path.unlink(missing_ok=True)
        return
    beside = path.with_suffix(".unfinished")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)

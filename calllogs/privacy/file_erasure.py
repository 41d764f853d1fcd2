"""Erases a number from files: the spool, export files, recordings, the recording cache, and mail files of a demo."""

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
from calllogs.privacy.number_patterns import has_match
from calllogs.recordings import archive, cache

BUDGET_S = 10.0


class DeletionPending(Exception):
    """The storage of recordings could not delete a file. The next sweep tries again."""


def drain_spool() -> Counter[str]:
    """Stores the pushes in the spool, so that later steps find their calls. Raises DatabaseError."""
    replay.drain()
    return Counter()


def erase_from_damaged_spool(pattern: str) -> Counter[str]:
    """Removes the lines with the number from the files of damaged spool data."""
    removed = 0
    for path in replay.get_spool().directory.glob(f"*{BAD}"):
        lines = path.read_text().splitlines()
        kept = [line for line in lines if not has_match(_decode_line(line), pattern)]
        if len(kept) < len(lines):
            removed += len(lines) - len(kept)
            _rewrite_file(path, kept)
    return Counter(files=removed)


def delete_export_files(asked_at: dt.datetime) -> Counter[str]:
    """Deletes every export file requested up to this moment: its filter does not show whether it has the number.

    Cancels the exports under way; they can be requested again.
    """
    before = Export.objects.filter(asked_at__lte=asked_at)
    ended = {"state": Export.State.CANCELLED, "ended_at": timezone.now()}
    before.jobs().under_way().update(**ended)
    kept = list(before.exclude(file=""))
    for export in kept:
        files.delete(export.file)
    Export.objects.filter(pk__in=[export.pk for export in kept]).update(file="")
    known = set(Export.objects.exclude(file="").values_list("file", flat=True))
    for path in files.directory().iterdir():  # also partial files and those of killed processes
        if path.name not in known and path.stat().st_mtime <= asked_at.timestamp():
            files.delete(path.name)
    return Counter(exports=len(kept))


def delete_recordings() -> Counter[str]:
    """Deletes copies without a call, and the whole cache. Raises DeletionPending."""
    cache.clear()
    archive.delete_old(until=time.monotonic() + BUDGET_S)
    if Recording.objects.filter(call__isnull=True).exists():
        raise DeletionPending
    return Counter()


def delete_mail_files(pattern: str) -> Counter[str]:
    """Deletes mails with the number from the folder where a demo writes mails instead of sending them."""
    removed = 0
    folder = Path(settings.EMAIL_FILE_PATH)
    for path in folder.iterdir() if folder.is_dir() else ():
        if has_match(path.read_text(errors="replace"), pattern):
            path.unlink(missing_ok=True)
            removed += 1
    return Counter(files=removed)


def _decode_line(line: str) -> str:
    with suppress(ValueError, KeyError, TypeError):
        return base64.b64decode(json.loads(line)["base64"]).decode("latin-1")
    return line


def _rewrite_file(path: Path, lines: list[str]) -> None:
    if not lines:
        path.unlink(missing_ok=True)
        return
    partial = path.with_suffix(".unfinished")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)

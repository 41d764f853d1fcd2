"""Writes the audit log, which is append-only: a keyed digest chains each entry to the previous one.

Entries are numbered from 1 without a gap. Of two writers with the same number, the second retries with the next one;
this takes no explicit lock. On PostgreSQL, an entry of an open transaction blocks the next entry until it ends. So in a
transaction that takes other locks (`Circuit.lock`, rows), write the entry last.
"""

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from ivrportal.audit.models import AuditEntry
from ivrportal.common.network import client_address
from ivrportal.common.phone import mask_numbers

Action = AuditEntry.Action
SYSTEM = "portal"  # the person of automatic actions
COMMAND_LINE = "command line"  # the person of management commands
HIDDEN = "•••"  # replaces values that are not stored, such as passwords
MAX_TRIES = 100
_COLUMNS = (
    "number", "at", "action", "person_id", "person", "address", "what", "subject", "count", "changes", "callers",
    "digest",
)  # fmt: skip
_TABLE = AuditEntry._meta.db_table
# Inserts only if the previous entry exists unchanged. So `_last_written`, which may be outdated, is checked here.
_INSERT = (
    f"INSERT INTO {_TABLE} ({', '.join(_COLUMNS)}) SELECT {', '.join(['%s'] * len(_COLUMNS))}"
    f" WHERE %s = 1 OR EXISTS (SELECT 1 FROM {_TABLE} WHERE number = %s AND digest = %s)"
    " ON CONFLICT (number) DO NOTHING"
)
_last_written = (0, "")  # number and digest of the last entry that this process wrote


def record(
    action: Action,
    *,
    request: HttpRequest | None = None,
    person: Any = None,
    what: str = "",
    subject: str = "",
    callers: Iterable[str] = (),
    count: int | None = None,
    changes: Mapping[str, Sequence[Any]] | None = None,
    has_office_numbers: bool = False,
) -> int:
    """Add an entry and return its number. Raises DatabaseError: what cannot be recorded must not be shown.

    The person is `person` (a user or a name), otherwise the request's user. `what` is the scope as text, `changes` is
    `{field: [old, new]}`. Numbers in both are masked; those in `changes` stay whole if `has_office_numbers`. `callers`
    are telephone numbers as in calls; only keyed digests of them are stored. Runs one statement, or three if another
    process wrote the previous entry. It is committed with the surrounding transaction, or at once if there is none.
    """
    global _last_written
    actor = person if person is not None else getattr(request, "user", None)
    entry = AuditEntry(
        at=timezone.now(),
        action=action,
        person_id=getattr(actor, "pk", None),
        person=_name_of(actor)[:150],
        address=client_address(request.META) if request is not None else "",
        what=mask_numbers(_storable_text(what))[:500],
        subject=subject[:120],
        count=count,
        changes=_storable_changes(changes or {}, has_office_numbers=has_office_numbers),
        callers=sorted({caller_digest(number) for number in callers if number}),
    )
    last_number, last_digest = _last_written if _last_written[0] else _last_entry()
    for _ in range(MAX_TRIES):
        entry.number, entry.digest = last_number + 1, ""
        entry.digest = _chain_digest(entry, last_digest, _keys("chain")[0])
        if _insert(entry, last_number, last_digest):
            _last_written = (entry.number, entry.digest)
            return entry.number
        last_number, last_digest = _last_entry()
    raise RuntimeError("the audit log took no entry")


def subject_of(record: Model) -> str:
    """`app.model:key`, the value of `AuditEntry.subject`."""
    return f"{record._meta.label_lower}:{record.pk}"


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """The first entry at which the chain does not hold, and the reason as text."""

    number: int
    reason: str


def verify(*, expected: Mapping[int, str] | None = None) -> tuple[int, str, ChainBreak | None]:
    """Verify the whole chain. Returns the last valid number, its digest, and the break or None.

    `expected` are digests by number from an earlier run. Only they can reveal that the end of the log was cut off.
    """
    remaining = dict(expected or {})
    last_number, last_digest = 0, ""
    for entry in _entries_in_order():
        if entry.number != last_number + 1:
            return last_number, last_digest, ChainBreak(last_number + 1, "missing")
        digests = (_chain_digest(entry, last_digest, key) for key in _keys("chain"))
        if not any(hmac.compare_digest(entry.digest, digest) for digest in digests):
            reason = "changed, or the secret key is another one"
            return last_number, last_digest, ChainBreak(entry.number, reason)
        if remaining.pop(entry.number, entry.digest) != entry.digest:
            reason = "not the entry that was noted elsewhere"
            return last_number, last_digest, ChainBreak(entry.number, reason)
        last_number, last_digest = entry.number, entry.digest
    if remaining:
        reason = "missing, though it was noted elsewhere"
        return last_number, last_digest, ChainBreak(min(remaining), reason)
    return last_number, last_digest, None


# --- callers ---------------------------------------------------------------------------------------------


def caller_digest(number: str) -> str:
    """The number's digest, keyed with SECRET_KEY: the key prevents finding the number by trying all numbers."""
    return _digest(number, _keys("caller")[0])


def caller_digests(number: str) -> list[str]:
    """The number's digests by SECRET_KEY and SECRET_KEY_FALLBACKS, newest first."""
    return [_digest(number, key) for key in _keys("caller")]


def _digest(number: str, key: bytes) -> str:
    return hmac.new(key, number.encode(), hashlib.sha256).hexdigest()[:16]


# --- the chain -------------------------------------------------------------------------------------------


def _keys(purpose: str) -> list[bytes]:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [hashlib.sha256(f"audit {purpose} {secret}".encode()).digest() for secret in secrets]


def _chain_digest(entry: AuditEntry, previous_digest: str, key: bytes) -> str:
    values = [
        previous_digest, entry.number, entry.at.astimezone(dt.UTC).isoformat(), str(entry.action), entry.person_id,
        entry.person, entry.address, entry.what, entry.subject, entry.count, entry.changes, entry.callers,
    ]  # fmt: skip
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _last_entry() -> tuple[int, str]:
    return AuditEntry.objects.order_by("-number").values_list("number", "digest").first() or (0, "")


def _insert(entry: AuditEntry, last_number: int, last_digest: str) -> bool:
    values = [getattr(entry, name) for name in _COLUMNS]
    values[1] = connection.ops.adapt_datetimefield_value(entry.at)
    values = [json.dumps(value) if isinstance(value, dict | list) else value for value in values]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [*values, entry.number, last_number, last_digest])
        return cursor.rowcount == 1


def _entries_in_order() -> Iterator[AuditEntry]:
    return AuditEntry.objects.order_by("number").iterator(chunk_size=2000)


def _name_of(actor: Any) -> str:
    if isinstance(actor, str):
        return actor
    if actor is None or isinstance(actor, AnonymousUser):
        return "" if actor is not None else SYSTEM
    return actor.get_username()


def _storable_changes(
    changes: Mapping[str, Sequence[Any]], *, has_office_numbers: bool
) -> dict[str, list[Any]]:
    def convert(value: Any) -> Any:
        converted = _to_json_value(value)
        return converted if has_office_numbers or not isinstance(converted, str) else mask_numbers(converted)

    return {convert(name): [convert(old), convert(new)] for name, (old, new) in changes.items()}


def _to_json_value(value: Any) -> Any:
    """A value for JSON. Datetimes are local, because users read the changes."""
    if isinstance(value, dt.datetime) and value.tzinfo:
        return timezone.localtime(value).isoformat(sep=" ", timespec="seconds")
    return value if value is None or isinstance(value, bool | int) else _storable_text(str(value))[:1000]


def _storable_text(text: str) -> str:
    """The text without NUL and lone surrogates, which PostgreSQL cannot store."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()

"""The audit trail is written here: append-only, each entry chained to the one before by a keyed digest.

Entries count from 1 without a gap, and who comes second to a number takes the next one: no lock of ours is held, but at
PostgreSQL an entry of an open transaction makes the next entry wait for its end. So in a transaction that takes other
locks (`Circuit.take_turn`, rows), the entry comes last.
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
SYSTEM = "portal"  # the person of what no person asked for
COMMAND_LINE = "command line"  # the person of what no login asked for
HIDDEN = "•••"  # in the place of what is not kept, such as a password
TRIES = 100
_COLUMNS = (
    "number", "at", "action", "person_id", "person", "address", "what", "subject", "count", "changes", "callers",
    "digest",
)  # fmt: skip
_TABLE = AuditEntry._meta.db_table
# Only behind the entry that it is chained to: so what this process remembers of the end of the trail may be wrong.
_INSERT = (
    f"INSERT INTO {_TABLE} ({', '.join(_COLUMNS)}) SELECT {', '.join(['%s'] * len(_COLUMNS))}"
    f" WHERE %s = 1 OR EXISTS (SELECT 1 FROM {_TABLE} WHERE number = %s AND digest = %s)"
    " ON CONFLICT (number) DO NOTHING"
)
_remembered = (0, "")  # number and digest of the last entry that this process wrote


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
    are_our_numbers: bool = False,
) -> int:
    """Add an entry; its number. Raises DatabaseError: what cannot be recorded must not be shown.

    The person is `person` (a user, or a name) or the request's. `what` says the scope in words, `changes` are
    `{field: [old, new]}`; whole numbers in both are hidden, unless those in `changes` are known as the office's own.
    `callers` are telephone numbers as calls have them; what is kept of them are keyed digests. One statement, three if
    another process wrote the entry before; committed with the transaction around it, or at once without one.
    """
    global _remembered
    who = person if person is not None else getattr(request, "user", None)
    entry = AuditEntry(
        at=timezone.now(),
        action=action,
        person_id=getattr(who, "pk", None),
        person=_name_of(who)[:150],
        address=client_address(request.META) if request is not None else "",
        what=mask_numbers(_storable(what))[:500],
        subject=subject[:120],
        count=count,
        changes=_kept(changes or {}, is_whole=are_our_numbers),
        callers=sorted({digest_of(number) for number in callers if number}),
    )
    last, before = _remembered if _remembered[0] else _last()
    for _ in range(TRIES):
        entry.number, entry.digest = last + 1, ""
        entry.digest = _chained(entry, before, _keys("chain")[0])
        if _insert(entry, last, before):
            _remembered = (entry.number, entry.digest)
            return entry.number
        last, before = _last()
    raise RuntimeError("the audit trail took no entry")


def subject_of(record: Model) -> str:
    """`app.model:key`, as entries name what they are about."""
    return f"{record._meta.label_lower}:{record.pk}"


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """The first entry at which the chain does not hold, and in words why."""

    number: int
    why: str


def verify(*, expected: Mapping[int, str] | None = None) -> tuple[int, str, ChainBreak | None]:
    """Walk the whole chain: the last number, its digest, and where it is broken.

    `expected`: digests of entries that somebody noted elsewhere. Only they show that the end of the trail is missing.
    """
    awaited = dict(expected or {})
    last, before = 0, ""
    for entry in _in_order():
        if entry.number != last + 1:
            return last, before, ChainBreak(last + 1, "missing")
        if not any(hmac.compare_digest(entry.digest, _chained(entry, before, key)) for key in _keys("chain")):
            return last, before, ChainBreak(entry.number, "changed, or the secret key is another one")
        if awaited.pop(entry.number, entry.digest) != entry.digest:
            return last, before, ChainBreak(entry.number, "not the entry that was noted elsewhere")
        last, before = entry.number, entry.digest
    if awaited:
        return last, before, ChainBreak(min(awaited), "missing, though it was noted elsewhere")
    return last, before, None


# --- callers ---------------------------------------------------------------------------------------------


def digest_of(number: str) -> str:
    """Of a telephone number, by today's secret key: nobody reads the number from it, or finds it by trying all."""
    return _digest(number, _keys("caller")[0])


def digests_of(number: str) -> list[str]:
    """By today's secret key and by those before it (SECRET_KEY_FALLBACKS)."""
    return [_digest(number, key) for key in _keys("caller")]


def _digest(number: str, key: bytes) -> str:
    return hmac.new(key, number.encode(), hashlib.sha256).hexdigest()[:16]


# --- the chain -------------------------------------------------------------------------------------------


def _keys(purpose: str) -> list[bytes]:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [hashlib.sha256(f"audit {purpose} {secret}".encode()).digest() for secret in secrets]


def _chained(entry: AuditEntry, before: str, key: bytes) -> str:
    facts = [
        before, entry.number, entry.at.astimezone(dt.UTC).isoformat(), str(entry.action), entry.person_id, entry.person,
        entry.address, entry.what, entry.subject, entry.count, entry.changes, entry.callers,
    ]  # fmt: skip
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _last() -> tuple[int, str]:
    return AuditEntry.objects.order_by("-number").values_list("number", "digest").first() or (0, "")


def _insert(entry: AuditEntry, last: int, before: str) -> bool:
    values = [getattr(entry, name) for name in _COLUMNS]
    values[1] = connection.ops.adapt_datetimefield_value(entry.at)
    values = [json.dumps(value) if isinstance(value, dict | list) else value for value in values]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [*values, entry.number, last, before])
        return cursor.rowcount == 1


def _in_order() -> Iterator[AuditEntry]:
    return AuditEntry.objects.order_by("number").iterator(chunk_size=2000)


def _name_of(who: Any) -> str:
    if isinstance(who, str):
        return who
    if who is None or isinstance(who, AnonymousUser):
        return "" if who is not None else SYSTEM
    return who.get_username()


def _kept(changes: Mapping[str, Sequence[Any]], *, is_whole: bool) -> dict[str, list[Any]]:
    def value(given: Any) -> Any:
        plain = _plain(given)
        return plain if is_whole or not isinstance(plain, str) else mask_numbers(plain)

    return {value(name): [value(old), value(new)] for name, (old, new) in changes.items()}


def _plain(value: Any) -> Any:
    """As JSON has it: a change is read by people, years later."""
    if isinstance(value, dt.datetime) and value.tzinfo:
        return timezone.localtime(value).isoformat(sep=" ", timespec="seconds")
    return value if value is None or isinstance(value, bool | int) else _storable(str(value))[:1000]


def _storable(text: str) -> str:
    """Without what PostgreSQL's texts cannot hold."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()

"""Who may push: a live key in the query, from an address that is allowed.

The digests of the live keys are read by the writer, with each batch or nearly so; the requests only compare. So a
silent database never holds a request here, and a key that was revoked works for a quarter of a second at most.
"""

import hmac
import json
import logging
import os
import re
import threading
import time
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote_to_bytes

from django.conf import settings

from calllogs.models import PushKey
from calllogs.models.push_key import digest_of
from calllogs.provider_fields import KEY_PARAMETER, normal_key
from ivrportal.common.network import is_in_networks

logger = logging.getLogger(__name__)

FRESH_S = 0.25
NO_KEY = "none"  # no digest: it is live under no circumstances
OWN = "own"  # no digest either: the portal's own test pushes carry it, and it is live while any key is
_reading = threading.Lock()
# How a piece can begin that is the key in any case, with spaces and underscores: looked at first, for speed.
_FIRST_OF_KEY = frozenset({b"k", b"K", b" ", b"+", b"_"})
_MAYBE_A_KEY = re.compile(rb"&[kK +_]")


class _Known:
    """The digests as they were last read, in this process."""

    digests: frozenset[str] | None = None  # None: never read
    in_file: frozenset[str] | None = None  # as this process last wrote them
    read_at = 0.0


# --- keys ------------------------------------------------------------------------------------------------


def split_off_key(raw: bytes) -> tuple[bytes, str]:
    """The push without its key, which is kept nowhere, and the digest of that key; of the empty text if it has none."""
    if raw[:4] == b"key=" and not _MAYBE_A_KEY.search(
        raw
    ):  # as our own address has it, and nothing like it behind
        given, _, bare = raw[4:].partition(b"&")
        return bare, digest_of(_text_of(given))
    keys: list[bytes] = []
    rest: list[bytes] = []
    for piece in raw.split(b"&"):
        (keys if _is_key(piece) else rest).append(piece)
    if not keys:
        return raw, digest_of("")
    return b"&".join(rest), digest_of(_text_of(keys[0].partition(b"=")[2]))


def _text_of(given: bytes) -> str:
    return unquote_to_bytes(given).decode("utf-8", "surrogateescape")


def is_valid_key(digest: str) -> bool | None:
    """Is it the digest of a live key? None: that is not known. With no key at all, the address alone decides."""
    known = _Known.digests if _Known.digests is not None else _read_file()
    from_environment = _digests_of(tuple(settings.PUSH_KEYS))
    if known is None and not from_environment:
        return None
    live = from_environment | (known or frozenset())
    if digest == NO_KEY:
        return False
    if not live:
        return bool(settings.PUSH_ALLOWED_NETWORKS)
    if digest == OWN:
        return True
    # No early exit: the time it takes says nothing about which key came close.
    found = sum(hmac.compare_digest(digest, each) for each in live) > 0
    return found if found or known is not None else None


def are_fresh() -> bool:
    """Were the live digests read a moment ago?"""
    return time.monotonic() - _Known.read_at < FRESH_S


def read_keys() -> None:
    """Read the live digests from the database. Raises DatabaseError."""
    digests = frozenset(PushKey.objects.live().values_list("digest", flat=True))
    if digests != _Known.in_file:
        try:
            _write_file(digests)
            _Known.in_file = digests
        except OSError as error:
            # A full disk of ours must not cost a push while the database works; it is tried again with the next read.
            if digests != _Known.digests:
                logger.warning(
                    "the digests of the push keys cannot be kept on disk (%s)", type(error).__name__
                )
    _Known.digests, _Known.read_at = digests, time.monotonic()


def forget_keys() -> None:
    """As in a new process; for tests."""
    _Known.digests, _Known.in_file, _Known.read_at = None, None, 0.0
    _file().unlink(missing_ok=True)


# A process that starts while the database is silent must still tell a good key from a bad one: the digests lie in a
# file too. They are digests of long random keys; who reads them can do nothing with them.


def _file() -> Path:
    return Path(settings.VAR_DIR) / "push-key-digests.json"


def _write_file(digests: frozenset[str]) -> None:
    path = _file()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    with _reading:
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(sorted(digests)))
        unfinished.replace(path)


def _read_file() -> frozenset[str] | None:
    try:
        return frozenset(json.loads(_file().read_text()))
    except (OSError, ValueError):
        return None


def _is_key(piece: bytes) -> bool:
    if piece[:1] not in _FIRST_OF_KEY:
        return False
    if piece[:4] == b"key=":
        return True
    name, equals, _ = piece.partition(b"=")
    return bool(equals) and len(name) < 20 and normal_key(name.decode("latin-1")) == KEY_PARAMETER


@lru_cache(maxsize=8)
def _digests_of(keys: tuple[str, ...]) -> frozenset[str]:
    return frozenset(digest_of(key) for key in keys)


# --- addresses -------------------------------------------------------------------------------------------


def is_address_allowed(address: str) -> bool:
    networks = settings.PUSH_ALLOWED_NETWORKS
    return not networks or is_in_networks(address, networks)

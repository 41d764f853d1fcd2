"""Authentication of pushes: a live push key in the query and an allowed address.

The writer loads the digests of the live keys with nearly every batch and compares them. A request compares only when
the database is silent and the push goes to the spool. So a silent database never blocks a request here, and a revoked
key works for at most KEYS_FRESH_S longer.
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
from calllogs.models.push_key import hash_push_key
from calllogs.provider_fields import KEY_PARAMETER, normalise_name
from ivrportal.common.network import is_in_networks

logger = logging.getLogger(__name__)

KEYS_FRESH_S = 0.25  # digests are loaded again with the next batch after this time
NO_KEY = "none"  # not a digest: always refused
PORTAL_TEST_KEY = "own"  # not a digest: used by the portal's own test pushes; valid while any key is live
_file_lock = threading.Lock()
# The name of the key parameter begins with one of these, in any spelling. Checked first, for speed.
_KEY_NAME_FIRST_BYTES = frozenset({b"k", b"K", b" ", b"+", b"_"})
_POSSIBLE_KEY = re.compile(rb"&[kK +_]")


class _KeyCache:
    """The digests that this process loaded last."""

    digests: frozenset[str] | None = None  # None: never loaded
    written: frozenset[str] | None = None  # as last written to the file by this process
    loaded_at = 0.0


# --- keys ------------------------------------------------------------------------------------------------


def split_off_key(raw: bytes) -> tuple[bytes, str]:
    """The push without its key, and the digest of the key (or of the empty string). The key is never stored."""
    # The spelling of the address that we hand out, with no other parameter that could be the key.
    if raw[:4] == b"key=" and not _POSSIBLE_KEY.search(raw):
        key_text, _, bare = raw[4:].partition(b"&")
        return bare, hash_push_key(_decode_key(key_text))
    keys: list[bytes] = []
    rest: list[bytes] = []
    for piece in raw.split(b"&"):
        (keys if _is_key_parameter(piece) else rest).append(piece)
    if not keys:
        return raw, hash_push_key("")
    return b"&".join(rest), hash_push_key(_decode_key(keys[0].partition(b"=")[2]))


def _decode_key(key_text: bytes) -> str:
    return unquote_to_bytes(key_text).decode("utf-8", "surrogateescape")


def is_valid_key(digest: str) -> bool | None:
    """True if the digest is of a live key; None if unknown. If no key exists, the allowed networks decide."""
    loaded = _KeyCache.digests if _KeyCache.digests is not None else _read_file()
    from_environment = _hash_keys(tuple(settings.PUSH_KEYS))
    if loaded is None and not from_environment:
        return None
    live = from_environment | (loaded or frozenset())
    if digest == NO_KEY:
        return False
    if not live:
        return bool(settings.PUSH_ALLOWED_NETWORKS)
    if digest == PORTAL_TEST_KEY:
        return True
    # No early exit, so that the duration does not reveal which key nearly matched.
    found = sum(hmac.compare_digest(digest, each) for each in live) > 0
    return found if found or loaded is not None else None


def are_keys_fresh() -> bool:
    """True if the live digests were loaded within KEYS_FRESH_S."""
    return time.monotonic() - _KeyCache.loaded_at < KEYS_FRESH_S


def load_keys() -> None:
    """Load the live digests from the database. Raises DatabaseError."""
    digests = frozenset(PushKey.objects.live().values_list("digest", flat=True))
    if digests != _KeyCache.written:
        try:
            _write_file(digests)
            _KeyCache.written = digests
        except OSError as error:
            # A full disk must not cost a push while the database works. The next load tries again.
            if digests != _KeyCache.digests:
                logger.warning(
                    "the digests of the push keys cannot be kept on disk (%s)", type(error).__name__
                )
    _KeyCache.digests, _KeyCache.loaded_at = digests, time.monotonic()


# The digests are also kept in a file, so that a process that starts while the database is silent can check keys. The
# file reveals no key, because keys are long and random.


def _digest_file() -> Path:
    return Path(settings.VAR_DIR) / "push-key-digests.json"


def _write_file(digests: frozenset[str]) -> None:
    path = _digest_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    with _file_lock:
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(sorted(digests)))
        unfinished.replace(path)


def _read_file() -> frozenset[str] | None:
    try:
        return frozenset(json.loads(_digest_file().read_text()))
    except (OSError, ValueError):
        return None


def _is_key_parameter(piece: bytes) -> bool:
    if piece[:1] not in _KEY_NAME_FIRST_BYTES:
        return False
    if piece[:4] == b"key=":
        return True
    name, equals, _ = piece.partition(b"=")
    return bool(equals) and len(name) < 20 and normalise_name(name.decode("latin-1")) == KEY_PARAMETER


@lru_cache(maxsize=8)
def _hash_keys(keys: tuple[str, ...]) -> frozenset[str]:
    return frozenset(hash_push_key(key) for key in keys)


# --- addresses -------------------------------------------------------------------------------------------


def is_address_allowed(address: str) -> bool:
    networks = settings.PUSH_ALLOWED_NETWORKS
    return not networks or is_in_networks(address, networks)

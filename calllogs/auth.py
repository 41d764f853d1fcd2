"""Who may push: a live key in the query, from an address that is allowed."""

import hmac
import ipaddress
import time
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from django.conf import settings

from calllogs.models import PushKey
from calllogs.models.key import digest_of
from calllogs.vocabulary import KEY_PARAMETER, normal_key

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
KEYS_FRESH_S = 2.0  # a key that was revoked works for this long at most, in each process

_keys: tuple[float, frozenset[str]] = (0.0, frozenset())


def is_allowed(raw: bytes, address: str) -> bool:
    """Does this push carry a live key, and come from an allowed network? With no key at all, the network decides."""
    networks = _networks(tuple(settings.PUSH_ALLOWED_NETWORKS))
    if networks and not _is_in(address, networks):
        return False
    digests = _live_digests()
    if not digests:
        return bool(networks)
    given = digest_of(_key_in(raw))
    # No early exit: the time it takes says nothing about which key came close.
    return sum(hmac.compare_digest(given, digest) for digest in digests) > 0


def client_address(meta: Mapping[str, str]) -> str:
    """`REMOTE_ADDR`; behind trusted proxies, the first address from the right that is not one of them."""
    address = meta.get("REMOTE_ADDR", "")
    trusted = _networks(tuple(settings.TRUSTED_PROXIES))
    hops = [hop.strip() for hop in meta.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    while trusted and hops and _is_in(address, trusted):
        address = hops.pop()
    return address[:45]


def without_key(raw: bytes) -> bytes:
    """The push without its key, which is kept nowhere."""
    return b"&".join(piece for piece in raw.split(b"&") if not _is_key(piece))


def _is_key(piece: bytes) -> bool:
    name, equals, _ = piece.partition(b"=")
    return bool(equals) and len(name) < 20 and normal_key(name.decode("latin-1")) == KEY_PARAMETER


def _key_in(raw: bytes) -> str:
    for piece in raw.split(b"&"):
        if _is_key(piece):
            return unquote_to_bytes(piece.partition(b"=")[2]).decode("utf-8", "surrogateescape")
    return ""


def _live_digests() -> frozenset[str]:
    global _keys
    read_at, digests = _keys
    if time.monotonic() - read_at > KEYS_FRESH_S or not read_at:
        digests = frozenset(PushKey.objects.live().values_list("digest", flat=True))
        _keys = (time.monotonic(), digests)
    return digests | {digest_of(key) for key in settings.PUSH_KEYS}


@lru_cache(maxsize=64)
def _networks(cidrs: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(cidr.strip(), strict=False) for cidr in cidrs)


def _is_in(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return any(ip in network for network in networks)

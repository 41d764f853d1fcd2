"""Which addresses a recording may be fetched from. Plain Python.

A URL in a push is untrusted: it must not make the portal send requests to itself, to the office network or to cloud
metadata services (SSRF). Python's `is_global` is not enough: it accepts private addresses embedded in IPv6, multicast
and more. So a list blocks IPv4 networks, and of IPv6 only public unicast is accepted.
"""

import ipaddress
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

from calllogs.recordings.errors import Cause, NotAvailable

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

PORTS = {"http": 80, "https": 443}
FIRST_FREE_PORT = 1024  # below it only 80 and 443: the others belong to other services
MAX_URL_LENGTH = 2000

_BLOCKED_4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's platform services, on a public address
        "169.254.0.0/16",  # link-local; cloud metadata
        "192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "233.252.0.0/24",  # documentation
        "198.18.0.0/15",  # benchmarking
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
]  # fmt: skip
# Everything else is special: loopback, link-local, site-local, unique local, multicast, mapped IPv4, NAT64.
_PUBLIC_6 = IPv6Network("2000::/3")
_BLOCKED_6 = [
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, including Teredo, which embeds IPv4
        "2001:db8::/32", "3fff::/20",  # documentation
        "2002::/16",  # 6to4, which embeds IPv4
        "2620:4f:8000::/48",  # protocol assignments
    )
]  # fmt: skip
_ISATAP = {0x00005EFE, 0x02005EFE}  # bits 64 to 95 of an address that embeds IPv4 in its last 32 bits


@dataclass(frozen=True, slots=True)
class RecordingUrl:
    """The URL of a recording. It may contain a token, so the repr omits it."""

    url: str = field(repr=False)
    scheme: str
    host: str = field(repr=False)
    port: int


def parse_url(url: str) -> RecordingUrl:
    """Raises NotAvailable for anything but a plain http or https URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    port = PORTS.get(parts.scheme, 0) if port is None else port
    is_plain = (
        parts.scheme in PORTS
        and host
        and "@" not in parts.netloc
        and len(url) <= MAX_URL_LENGTH
        and not any(character <= " " or character in "\\\x7f" for character in url)
        and (port in PORTS.values() or FIRST_FREE_PORT <= port < 65536)
    )
    if not is_plain:
        raise NotAvailable(Cause.INVALID_URL)
    return RecordingUrl(parts._replace(fragment="").geturl(), parts.scheme, host, port)


def is_public(address: Address) -> bool:
    """Whether this is an address of the public internet that embeds no other address."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _BLOCKED_4)
    if address not in _PUBLIC_6 or any(address in network for network in _BLOCKED_6):
        return False
    return address.is_global and (int(address) >> 32) & 0xFFFFFFFF not in _ISATAP


def resolve_host(target: RecordingUrl, *, allowed: Sequence[Network] = (), timeout_s: float) -> str:
    """One address of the host, to be used for this connection without another lookup. Raises NotAvailable.

    If any address of the name is private, none is used: a legitimate recording server has no such name.
    """
    found = [ipaddress.ip_address(text) for text in _look_up_host(target, timeout_s=timeout_s)]
    for address in found:
        if not is_public(address) and not any(
            address in network for network in allowed if network.version == address.version
        ):
            raise NotAvailable(Cause.PRIVATE_ADDRESS)
    if not found:
        raise NotAvailable(Cause.UNKNOWN_HOST)
    # IPv4 first: not every machine that resolves an IPv6 address has a route to it.
    return str(min(found, key=lambda address: address.version))


def _look_up_host(target: RecordingUrl, *, timeout_s: float) -> list[str]:
    """Looks the host up in a thread of its own, because getaddrinfo has no timeout."""
    answers: list[list[str]] = []

    def look_up() -> None:
        try:
            infos = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            answers.append([])
        else:
            answers.append(list(dict.fromkeys(str(info[4][0]) for info in infos)))

    thread = threading.Thread(target=look_up, name="recording-host-lookup", daemon=True)
    thread.start()
    thread.join(max(0.0, timeout_s))
    if not answers:
        raise NotAvailable(Cause.TOO_SLOW)
    return answers[0]

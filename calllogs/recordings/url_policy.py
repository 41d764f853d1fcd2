"""Which addresses a recording may be fetched from. Plain Python.

What a push names is a stranger's word: it must not make this machine talk to itself, to the office's network or to
the cloud's own services. Python's `is_global` is not enough: it lets pass forms of inner addresses that are wrapped
in IPv6, multicast and more. So IPv4 is blocked by a list, and of IPv6 only what is given out to the public passes.
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
FIRST_FREE_PORT = 1024  # below it only the two of the web: the others are other services' doors
LONGEST = 2000

_BLOCKED_4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  # private
        "100.64.0.0/10",  # between a carrier and its customers
        "127.0.0.0/8",  # this machine
        "168.63.129.16/32",  # a cloud's own services, though the number is a public one
        "169.254.0.0/16",  # this cable; clouds' metadata
        "192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24",  # protocols
        "192.88.99.0/24",  # relays of 6to4
        "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "233.252.0.0/24",  # documentation
        "198.18.0.0/15",  # benchmarks
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
]  # fmt: skip
# Everything else is something special: loopback, link-local, site-local, unique local, multicast, mapped IPv4, NAT64.
_PUBLIC_6 = IPv6Network("2000::/3")
_BLOCKED_6 = [
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocols, among them Teredo, which wraps IPv4
        "2001:db8::/32", "3fff::/20",  # documentation
        "2002::/16",  # 6to4, which wraps IPv4
        "2620:4f:8000::/48",  # protocols
    )
]  # fmt: skip
_ISATAP = {0x00005EFE, 0x02005EFE}  # the third quarter of an address that wraps IPv4 at its end


@dataclass(frozen=True, slots=True)
class RecordingUrl:
    """Where a recording lies. The address may hold a token, so no repr shows it."""

    url: str = field(repr=False)
    scheme: str
    host: str = field(repr=False)
    port: int


def place_of(url: str) -> RecordingUrl:
    """Raises NotAvailable for what is no plain http or https address."""
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
        and len(url) <= LONGEST
        and not any(sign <= " " or sign in "\\\x7f" for sign in url)
        and (port in PORTS.values() or FIRST_FREE_PORT <= port < 65536)
    )
    if not is_plain:
        raise NotAvailable(Cause.NO_ADDRESS)
    return RecordingUrl(parts._replace(fragment="").geturl(), parts.scheme, host, port)


def is_public(address: Address) -> bool:
    """Is this an address of the public internet, in no disguise?"""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _BLOCKED_4)
    if address not in _PUBLIC_6 or any(address in network for network in _BLOCKED_6):
        return False
    return address.is_global and (int(address) >> 32) & 0xFFFFFFFF not in _ISATAP


def resolved(place: RecordingUrl, *, allowed: Sequence[Network] = (), within_s: float) -> str:
    """One address of the host, to be used for this connection and not asked again. Raises NotAvailable.

    If any address of the name is an inner one, none is used: an honest recording server has no such name.
    """
    found = [ipaddress.ip_address(text) for text in _ask(place, within_s=within_s)]
    for address in found:
        if not is_public(address) and not any(
            address in network for network in allowed if network.version == address.version
        ):
            raise NotAvailable(Cause.INNER)
    if not found:
        raise NotAvailable(Cause.UNKNOWN_HOST)
    # IPv4 first: not every machine that knows an IPv6 address has a way there.
    return str(min(found, key=lambda address: address.version))


def _ask(place: RecordingUrl, *, within_s: float) -> list[str]:
    """Ask for the name, in a thread of its own: a silent name server knows no time-out."""
    answers: list[list[str]] = []

    def look_up() -> None:
        try:
            infos = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            answers.append([])
        else:
            answers.append(list(dict.fromkeys(str(info[4][0]) for info in infos)))

    thread = threading.Thread(target=look_up, name="name of a recording's host", daemon=True)
    thread.start()
    thread.join(max(0.0, within_s))
    if not answers:
        raise NotAvailable(Cause.TOO_SLOW)
    return answers[0]

"""A request's client address, and whether an address is in a network."""

import ipaddress
from collections.abc import Mapping, Sequence
from functools import lru_cache

from django.conf import settings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def is_in_networks(address: str, cidrs: Sequence[str]) -> bool:
    """True if the address is in one of these networks. An invalid address is in none."""
    return _is_in(address, _networks(tuple(cidrs)))


def client_address(meta: Mapping[str, str]) -> str:
    """`REMOTE_ADDR`; behind trusted proxies, the first address from the right that is not one of them."""
    address = meta.get("REMOTE_ADDR", "")
    if not settings.TRUSTED_PROXIES:
        return address[:45]
    trusted = _networks(tuple(settings.TRUSTED_PROXIES))
    hops = [hop.strip() for hop in meta.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    while hops and _is_in(address, trusted):
        address = hops.pop()
    return address[:45]


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

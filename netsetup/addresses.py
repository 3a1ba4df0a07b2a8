"""Names and addresses of one cloud's network, derived and never stored.

A cloud's `tag` is 4 hex digits; everything of the cloud on this machine starts with "sc" and the tag.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network
from itertools import chain

from netsetup.errors import NetworkError

_PRIVATE = tuple(
    IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
# 10.200 to 10.255 first, where least is met; the others are for hosts whose VPN takes all of 10.
_POOLS = (*(IPv4Network(f"10.{second}.0.0/16") for second in range(200, 256)), *_PRIVATE[1:])
_USUAL = 22
_WIDEST, _NARROWEST = 16, 29


def link_prefix(tag: str) -> str:
    """Return what every link of the cloud starts with, its bridge and its ports."""
    return f"sc{tag}"


def bridge_name(tag: str) -> str:
    return f"{link_prefix(tag)}br"


def port_prefix(tag: str) -> str:
    return f"{link_prefix(tag)}w"


@lru_cache(8192)  # each pass asks for every worker's, more than once
def port_name(tag: str, key: str) -> str:
    """Return the link name of the port that `key` names: 15 characters, the kernel's limit."""
    return port_prefix(tag) + sha256(key.encode()).hexdigest()[:8]


def cloud_alias(cloud: str) -> str:
    """Return the mark that links and packet-filter rules of the cloud carry."""
    return f"simplecloud:{cloud}"


def cloud_mark(tag: str) -> int:
    """Return the number that marks the cloud's link group and its packets on the way out."""
    return 0x5C000000 | int(tag, 16)


def mac_of(address: IPv4Address) -> str:
    """Return the MAC of the port with this address, so that a successor makes no ARP entry stale."""
    return "02:42:" + ":".join(f"{octet:02x}" for octet in address.packed)


def gateway_of(subnet: IPv4Network) -> IPv4Address:
    return subnet.network_address + 1


def is_for_ports(subnet: IPv4Network, address: IPv4Address) -> bool:
    """Return whether a port may have the address: one of the subnet, and not the gateway's."""
    return gateway_of(subnet) < address < subnet.broadcast_address


def allocate(subnet: IPv4Network, used: Collection[IPv4Address]) -> IPv4Address:
    """Return an address of the subnet that nobody uses: the next above the highest used, wrapping.

    Not the lowest: an address that was just given back rests as long as possible.
    Raises NetworkError when every address is used.
    """
    first, last = int(gateway_of(subnet)) + 1, int(subnet.broadcast_address) - 1
    taken = {int(address) for address in used if address in subnet}
    above = max(taken, default=first - 1) + 1
    for number in chain(range(above, last + 1), range(first, min(above, last + 1))):
        if number not in taken:
            return IPv4Address(number)
    raise every_is_used(subnet)


def every_is_used(subnet: IPv4Network) -> NetworkError:
    """Return the error that there is no address left for another port."""
    count = subnet.num_addresses - 3
    return NetworkError(f"every address of {subnet} is used ({count})", hint="simplecloud apps --sort want")


def free_subnet(taken: Iterable[IPv4Network]) -> IPv4Network:
    """Return the first private /22 that overlaps nothing taken.  Raises NetworkError when there is none."""
    others = tuple(taken)
    for candidate in chain.from_iterable(pool.subnets(new_prefix=_USUAL) for pool in _POOLS):
        if not any(candidate.overlaps(other) for other in others):
            return candidate
    raise NetworkError("this machine uses every private network, so no subnet is free", hint="ip -4 route")


def check_subnet(text: str, taken: Iterable[IPv4Network]) -> IPv4Network:
    """Return the subnet an operator asked for.

    Raises NetworkError, offering one that is free, when it is no private IPv4 network of /16 to /29, or
    overlaps one that is taken.
    """
    others = tuple(taken)
    try:
        subnet = IPv4Network(text)
    except ValueError as error:
        raise _refused(f'"{text}" is not an IPv4 network: {error}', others) from error
    if not any(subnet.subnet_of(private) for private in _PRIVATE):
        raise _refused(f"{subnet} is not a private network", others)
    if not _WIDEST <= subnet.prefixlen <= _NARROWEST:
        raise _refused(f"{subnet} is not between /{_WIDEST} and /{_NARROWEST}", others)
    for other in others:
        if subnet.overlaps(other):
            raise _refused(f"{subnet} overlaps {other}, which this machine uses", others)
    return subnet


def _refused(words: str, taken: Iterable[IPv4Network]) -> NetworkError:
    return NetworkError(words, hint=f"simplecloud up --subnet {free_subnet(taken)}")

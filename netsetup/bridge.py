"""The bridge of a cloud: its link, the gateway's address, the settings that make it quick and quiet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface

from netsetup.addresses import is_for_ports, mac_of
from netsetup.errors import NetworkError
from netsetup.links import (
    Link,
    add_address,
    addresses,
    bring_up,
    delete_address,
    find_link,
    fixed_neighbours,
    forget_neighbour,
    hears_itself,
    make_bridge,
    pin_bridge,
)
from netsetup.netlink import Netlink
from netsetup.sysctl import current, settle


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge as it shall be; the address is the gateway's, with the subnet's prefix length."""

    name: str
    address: IPv4Interface
    alias: str


def ensure_bridge(netlink: Netlink, wanted: Bridge) -> list[str]:
    """The bridge is as wanted; return a sentence for each thing that was not.

    Raises NetworkError, also when the link belongs to another cloud.
    """
    link = find_link(netlink, wanted.name)
    made = []
    if link is None:
        make_bridge(netlink, wanted.name, mac_of(wanted.address.ip))
        made.append(f"bridge {wanted.name} made")
    else:
        check_owner(link, wanted.alias)
    # before it comes up: a link that comes up with IPv6 takes an address at once
    made += [
        f"{setting} set to {value}" for setting, value in _settings(wanted.name) if settle(setting, value)
    ]
    return [*made, *_set(netlink, wanted)]


def bridge_intact(netlink: Netlink, link: Link, wanted: Bridge) -> bool:
    """Return whether ensure_bridge would find nothing to do."""
    settled = all(current(setting) in (value, None) for setting, value in _settings(wanted.name))
    if not settled or not _is_set(link, wanted) or _addresses(netlink, link) != [wanted.address]:
        return False
    return hears_itself(netlink, link) and not _misled(netlink, link, wanted)


def check_owner(link: Link, alias: str) -> None:
    """Raises NetworkError when the link carries another cloud's mark: two names with one tag."""
    if link.alias and link.alias != alias:
        raise NetworkError(
            f"link {link.name} belongs to {link.alias}, not to {alias}: choose another name for the cloud"
        )


def _set(netlink: Netlink, wanted: Bridge) -> list[str]:
    link = find_link(netlink, wanted.name)
    if link is None:
        raise NetworkError(f"bridge {wanted.name} vanished while it was set up")
    made = []
    if not _is_set(link, wanted):
        mac = mac_of(wanted.address.ip)
        bring_up(netlink, link.index, [("IFLA_ADDRESS", mac), ("IFLA_IFALIAS", wanted.alias)])
        made.append(f"bridge {wanted.name} brought up")
        link = replace(link, mac=mac)
    if not hears_itself(netlink, link):
        pin_bridge(netlink, link)
        made.append(f"bridge {wanted.name} given back what is sent to its MAC")
    for neighbour in _misled(netlink, link, wanted):
        forget_neighbour(netlink, link.index, neighbour)
        made.append(f"bridge {wanted.name} relieved of a wrong MAC for {neighbour}")
    for address in _addresses(netlink, link):
        if address != wanted.address:
            delete_address(netlink, link.index, address)
            made.append(f"bridge {wanted.name} relieved of address {address}")
    if wanted.address not in _addresses(netlink, link):
        add_address(netlink, link.index, wanted.address)
        made.append(f"bridge {wanted.name} given address {wanted.address}")
    return made


def _is_set(link: Link, wanted: Bridge) -> bool:
    return link.up and link.alias == wanted.alias and link.mac == mac_of(wanted.address.ip)


def _addresses(netlink: Netlink, link: Link) -> list[IPv4Interface]:
    return [address for index, address in addresses(netlink) if index == link.index]


def _misled(netlink: Netlink, link: Link, wanted: Bridge) -> list[IPv4Address]:
    """Return the workers' addresses for which somebody told this host a MAC that no worker there has."""
    subnet = wanted.address.network
    return [
        address
        for address, mac in fixed_neighbours(netlink, link.index)
        if is_for_ports(subnet, address) and mac != mac_of(address)
    ]


def _settings(name: str) -> tuple[tuple[str, int], ...]:
    """Return the kernel's settings of the bridge.

    A new port answers no ARP request in its first milliseconds; the next one comes after 20 ms instead of
    a second.
    """
    return (f"ipv4/neigh/{name}/retrans_time_ms", 20), (f"ipv6/conf/{name}/disable_ipv6", 1)

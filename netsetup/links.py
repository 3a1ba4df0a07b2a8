"""Links, their addresses, routes and neighbours: one function for each thing the kernel is asked."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from pyroute2.netlink import NLA_F_NESTED, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE
from pyroute2.netlink.rtnl import (
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELNEIGH,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETNEIGH,
    RTM_GETROUTE,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWNEIGH,
    RTM_NEWROUTE,
    RTM_SETLINK,
)
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import IFF_UP, ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import NTF_MASTER, NTF_SELF, NUD_NOARP, NUD_PERMANENT, ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from netsetup.errors import KernelRefused
from netsetup.netlink import HEADER, Netlink, attribute, attributes

Attrs = Iterable[tuple[str, object] | tuple[str, object, int]]  # name, value, flags of the attribute

_LINK = struct.Struct("=BxHiII")  # family, type, index, flags, changed flags
_ADDRESS = struct.Struct("=BBBBi")  # family, prefix length, flags, scope, link index
_ROUTE = struct.Struct("=xB5xB4x")  # prefix length of the destination, type
_NUMBER = struct.Struct("=I")
_LINK_ATTRIBUTES = HEADER.size + _LINK.size
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_LINK, _IFLA_IFALIAS, _IFLA_GROUP = 1, 3, 5, 20, 27
_NEIGHBOUR = struct.Struct("=4xiHxx")  # link index, state
_NDA_DST, _NDA_LLADDR = 1, 2
_IFA_LOCAL = 2
_RTA_DST = 1
_RTN_BLACKHOLE = 6  # types from here on lead nowhere
_IFF_LOWER_UP = 0x10000  # the other end of the cable is up as well
_SKIP_STATISTICS = 8  # RTEXT_FILTER_SKIP_STATS


@dataclass(frozen=True, slots=True)
class Link:
    """A link as the kernel has it.  peer: the index of a veth's other end, else 0."""

    index: int
    name: str
    up: bool
    mac: str
    peer: int
    alias: str


def find_link(netlink: Netlink, name: str) -> Link | None:
    answer = netlink.get(_link(attrs=[("IFLA_IFNAME", name)]), RTM_GETLINK, f"find link {name}")
    return None if answer is None else _decode_link(answer)


def port_states(netlink: Netlink, prefix: str, bridge: Link | None) -> dict[str, bool]:
    """Return the links whose names start so: True when both ends are up and the bridge sends to it."""
    pinned = _pinned_ports(netlink, bridge) if bridge else frozenset()
    states = {}
    for answer in _all_links(netlink):
        name = _text(attribute(answer, _LINK_ATTRIBUTES, _IFLA_IFNAME) or b"")
        if name.startswith(prefix):
            on_bridge = _LINK.unpack_from(answer, HEADER.size)[2] in pinned
            states[name] = on_bridge and _has_flags(answer, IFF_UP | _IFF_LOWER_UP)
    return states


def aliases(netlink: Netlink) -> list[str]:
    """Return the alias of each link that has one."""
    return [alias for alias in map(_alias, _all_links(netlink)) if alias]


def count_marked(netlink: Netlink, group: int, alias: str) -> int:
    """Return how many links are of the group or have the alias."""
    return sum(
        _alias(answer) == alias or _number(attribute(answer, _LINK_ATTRIBUTES, _IFLA_GROUP)) == group
        for answer in _all_links(netlink)
    )


def make_bridge(netlink: Netlink, name: str, mac: str) -> None:
    """The bridge exists, down.  A MAC of its own: else it changes with the ports, and workers cache it."""
    info = {"attrs": [("IFLA_INFO_KIND", "bridge")]}
    message = _link(attrs=[("IFLA_IFNAME", name), ("IFLA_ADDRESS", mac), ("IFLA_LINKINFO", info)])
    netlink.change(message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, f"make bridge {name}")


def make_veth(netlink: Netlink, name: str, group: int, peer_mac: str, namespace: int) -> None:
    """A pair exists: `name` here, eth0 with the MAC in the namespace of that descriptor; both are down."""
    peer = [("IFLA_IFNAME", "eth0"), ("IFLA_ADDRESS", peer_mac), ("IFLA_NET_NS_FD", namespace)]
    kind = [
        ("IFLA_INFO_KIND", "veth"),
        ("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", {"attrs": peer})]}),
    ]
    message = _link(attrs=[("IFLA_IFNAME", name), ("IFLA_GROUP", group), ("IFLA_LINKINFO", {"attrs": kind})])
    netlink.change(message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, f"make port {name}")


def bring_up(netlink: Netlink, index: int, attrs: Attrs = ()) -> None:
    """The link has the attributes and is up."""
    message = _link(index, attrs)
    message["flags"] = message["change"] = IFF_UP
    netlink.change(message, RTM_SETLINK, 0, f"bring link {index} up")


def pin_port(netlink: Netlink, index: int, mac: str) -> None:
    """The bridge sends to the port what is for the MAC, and learns nothing from it.

    A frame to a link-local group address teaches the bridge a source MAC before any packet filter sees
    it, so a bridge that learns would let a port take its neighbour's traffic.
    """
    port = {"attrs": [("IFLA_BRPORT_LEARNING", 0), ("IFLA_BRPORT_UNICAST_FLOOD", 0)]}
    message = _link(index, [("IFLA_PROTINFO", port, NLA_F_NESTED)])
    message["family"] = socket.AF_BRIDGE
    netlink.change(message, RTM_SETLINK, 0, f"stop learning from link {index}")
    entry = _neighbour(socket.AF_BRIDGE, index, [("NDA_LLADDR", mac)], state=NUD_NOARP, flags=NTF_MASTER)
    netlink.change(entry, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, f"pin {mac} to link {index}")


def hears_itself(netlink: Netlink, bridge: Link) -> bool:
    """Return whether this host gets what is sent to the MAC of the bridge."""
    message = _neighbour(socket.AF_BRIDGE, bridge.index, [("NDA_LLADDR", bridge.mac)], flags=NTF_SELF)
    answer = netlink.get(message, RTM_GETNEIGH, f"find where {bridge.name} sends {bridge.mac}")
    return answer is not None and _NEIGHBOUR.unpack_from(answer, HEADER.size) == (bridge.index, NUD_PERMANENT)


def pin_bridge(netlink: Netlink, bridge: Link) -> None:
    """This host gets what is sent to the MAC of the bridge, as it does from when the bridge is made."""
    own = [("NDA_LLADDR", bridge.mac)]
    entry = _neighbour(socket.AF_BRIDGE, bridge.index, own, state=NUD_PERMANENT, flags=NTF_SELF)
    netlink.change(entry, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, f"pin {bridge.mac} to {bridge.name}")


def _pinned_ports(netlink: Netlink, bridge: Link) -> frozenset[int]:
    """Return the indexes of the links to which the bridge sends what `pin_port` pinned to them."""
    message = _link(attrs=[("IFLA_MASTER", bridge.index)])
    message["family"] = socket.AF_BRIDGE
    answers = netlink.dump(message, RTM_GETNEIGH, f"list what {bridge.name} sends where")
    entries = (_NEIGHBOUR.unpack_from(answer, HEADER.size) for answer in answers)
    return frozenset(index for index, state in entries if state == NUD_NOARP)


def delete_link(netlink: Netlink, name: str) -> None:
    """The link is gone, if there was one."""
    _delete_links(netlink, [("IFLA_IFNAME", name)], f"delete link {name}")


def delete_group(netlink: Netlink, group: int) -> None:
    """All links of the group are gone, in the time of a few (0.1 s for 200; 20 ms each one by one)."""
    _delete_links(netlink, [("IFLA_GROUP", group)], f"delete the links of group {group}")


def add_address(netlink: Netlink, index: int, address: IPv4Interface) -> None:
    broadcast = ("IFA_BROADCAST", str(address.network.broadcast_address))
    own = [("IFA_LOCAL", str(address.ip)), ("IFA_ADDRESS", str(address.ip))]
    message = _address(index, address, [*own, broadcast])
    netlink.change(message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, f"add {address} to link {index}")


def delete_address(netlink: Netlink, index: int, address: IPv4Interface) -> None:
    """The link no longer has the address with this prefix.

    Those that were added to the same subnet after it may go with it.
    """
    local = ("IFA_LOCAL", str(address.ip))
    for given in ([local, ("IFA_ADDRESS", str(address.ip))], [local]):  # that of a peer is another
        try:
            netlink.change(
                _address(index, address, given), RTM_DELADDR, 0, f"delete {address} from link {index}"
            )
            return
        except KernelRefused as refusal:
            if refusal.code != errno.EADDRNOTAVAIL:
                raise


def addresses(netlink: Netlink) -> list[tuple[int, IPv4Interface]]:
    """Return each IPv4 address of this namespace, with the index of its link."""
    message = ifaddrmsg()
    message["family"] = socket.AF_INET
    answers = netlink.dump(message, RTM_GETADDR, "list addresses")
    return [_decode_address(answer) for answer in answers]


def routed_networks(netlink: Netlink) -> list[IPv4Network]:
    """Return each IPv4 network that a route of this namespace leads to, the default route left out.

    Also one in two halves, as a VPN has it that leaves the default route alone.
    """
    message = rtmsg()
    message["family"] = socket.AF_INET
    routes = [_decode_route(answer) for answer in netlink.dump(message, RTM_GETROUTE, "list routes")]
    return [network for network, kind in routes if network.prefixlen > 1 and kind < _RTN_BLACKHOLE]


def add_default_route(netlink: Netlink, index: int, gateway: IPv4Address) -> None:
    message = rtmsg()
    message["family"], message["table"], message["type"] = socket.AF_INET, 254, 1  # main, unicast
    message["proto"] = 4  # static
    message["attrs"] = [("RTA_GATEWAY", str(gateway)), ("RTA_OIF", index)]
    netlink.change(message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, f"add a route through {gateway}")


def forget_neighbour(netlink: Netlink, index: int, address: IPv4Address) -> None:
    """The MAC that was known for the address is not known any more."""
    message = _neighbour(socket.AF_INET, index, [("NDA_DST", str(address))])
    try:
        netlink.change(message, RTM_DELNEIGH, 0, f"forget neighbour {address}")
    except KernelRefused as refusal:
        if refusal.code not in (errno.ENOENT, errno.ENODEV):
            raise


def fixed_neighbours(netlink: Netlink, index: int) -> list[tuple[IPv4Address, str]]:
    """Return the addresses whose MACs are told and not asked for, with these MACs ("" for none)."""
    message = _neighbour(socket.AF_INET, 0, [("NDA_IFINDEX", index)])
    fixed = []
    for answer in netlink.dump(message, RTM_GETNEIGH, "list neighbours"):
        link, state = _NEIGHBOUR.unpack_from(answer, HEADER.size)
        if link == index and state & (NUD_PERMANENT | NUD_NOARP):
            fixed.append(_decode_neighbour(answer))
    return fixed


def _link(index: int = 0, attrs: Attrs = ()) -> ifinfmsg:
    message = ifinfmsg()
    message["index"] = index
    message["attrs"] = list(attrs)
    return message


def _address(index: int, address: IPv4Interface, attrs: Attrs) -> ifaddrmsg:
    message = ifaddrmsg()
    message["family"], message["index"] = socket.AF_INET, index
    message["prefixlen"], message["attrs"] = address.network.prefixlen, list(attrs)
    return message


def _neighbour(family: int, index: int, attrs: Attrs, *, state: int = 0, flags: int = 0) -> ndmsg:
    message = ndmsg()
    message["family"], message["ifindex"] = family, index
    message["state"], message["flags"] = state, flags
    message["attrs"] = list(attrs)
    return message


def _delete_links(netlink: Netlink, attrs: Attrs, purpose: str) -> None:
    try:
        netlink.change(_link(attrs=attrs), RTM_DELLINK, 0, purpose)
    except KernelRefused as refusal:
        if refusal.code != errno.ENODEV:
            raise


def _decode_link(answer: bytes) -> Link:
    _, _, index, flags, _ = _LINK.unpack_from(answer, HEADER.size)
    found = dict(attributes(answer, _LINK_ATTRIBUTES))
    return Link(
        index=index,
        name=_text(found[_IFLA_IFNAME]),
        up=bool(flags & IFF_UP),
        mac=found.get(_IFLA_ADDRESS, b"").hex(":"),
        peer=_number(found.get(_IFLA_LINK)),
        alias=_text(found.get(_IFLA_IFALIAS, b"")),
    )


def _all_links(netlink: Netlink) -> list[bytes]:
    message = _link(attrs=[("IFLA_EXT_MASK", _SKIP_STATISTICS)])
    return netlink.dump(message, RTM_GETLINK, "list links")


def _alias(answer: bytes) -> str:
    return _text(attribute(answer, _LINK_ATTRIBUTES, _IFLA_IFALIAS) or b"")


def _has_flags(answer: bytes, wanted: int) -> bool:
    flags: int = _LINK.unpack_from(answer, HEADER.size)[3]
    return flags & wanted == wanted


def _decode_neighbour(answer: bytes) -> tuple[IPv4Address, str]:
    found = dict(attributes(answer, HEADER.size + _NEIGHBOUR.size))
    return IPv4Address(found[_NDA_DST]), found.get(_NDA_LLADDR, b"").hex(":")


def _decode_address(answer: bytes) -> tuple[int, IPv4Interface]:
    _, prefix_length, _, _, index = _ADDRESS.unpack_from(answer, HEADER.size)
    local = dict(attributes(answer, HEADER.size + _ADDRESS.size))[_IFA_LOCAL]
    return index, IPv4Interface((local, prefix_length))


def _decode_route(answer: bytes) -> tuple[IPv4Network, int]:
    prefix_length, kind = _ROUTE.unpack_from(answer, HEADER.size)
    found = dict(attributes(answer, HEADER.size + _ROUTE.size))
    return IPv4Network((found.get(_RTA_DST, b"\0\0\0\0"), prefix_length)), kind


def _number(value: bytes | None) -> int:
    return 0 if value is None else int(_NUMBER.unpack(value)[0])


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode()

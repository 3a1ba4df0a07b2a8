"""Joining one namespace to the bridge."""

from __future__ import annotations

import errno
import time
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from netsetup.addresses import mac_of
from netsetup.errors import KernelRefused, NetworkError
from netsetup.links import (
    Link,
    add_address,
    add_default_route,
    bring_up,
    delete_link,
    find_link,
    make_veth,
    pin_port,
)
from netsetup.namespace import entered
from netsetup.netlink import Netlink
from netsetup.sysctl import settle

_INSIDE = "eth0"
_LOOPBACK_INDEX = 1
_FORWARDING = "3"  # BR_STATE_FORWARDING
_FORWARDS_S, _POLL_S = 1.0, 0.001


@dataclass(frozen=True, slots=True)
class Cable:
    """What joins one namespace to the bridge; group marks the link, gateway is None without a way out."""

    name: str
    address: IPv4Interface
    bridge: str
    alias: str
    group: int
    gateway: IPv4Address | None

    @property
    def mac(self) -> str:
        return mac_of(self.address.ip)


def join(cable: Cable, path: str) -> None:
    """The namespace at the path is joined to the bridge by the cable, and its eth0 has the address.

    Each step leaves alone what is there already; a pair whose ends do not belong together is made anew.
    Raises NetworkError.
    """
    with Netlink() as host, entered(path) as namespace:
        namespace.run(lambda: _pair(host, cable, namespace.descriptor))
        _plug_in(host, cable)
        namespace.run(lambda: _configure(cable))
    _await_forwarding(cable.name)


def _pair(host: Netlink, cable: Cable, descriptor: int) -> None:
    """The pair exists; runs inside, while `host` goes on acting outside, where it was opened."""
    # before eth0 exists: it inherits this, and never has an IPv6 address
    settle("ipv6/conf/default/disable_ipv6", 1)
    with Netlink() as inside:
        if not _is_pair(find_link(host, cable.name), find_link(inside, _INSIDE), cable.mac):
            delete_link(host, cable.name)
            delete_link(inside, _INSIDE)
            make_veth(host, cable.name, cable.group, cable.mac, descriptor)


def _is_pair(outside: Link | None, inside: Link | None, mac: str) -> bool:
    if outside is None or inside is None:
        return False
    return outside.peer == inside.index and inside.peer == outside.index and inside.mac == mac


def _plug_in(host: Netlink, cable: Cable) -> None:
    """The port is up on the bridge before the worker's end is: its first frame must find it forwarding."""
    settle(f"ipv6/conf/{cable.name}/disable_ipv6", 1)
    bridge, port = _found(host, cable.bridge), _found(host, cable.name)
    try:
        bring_up(host, port.index, [("IFLA_MASTER", bridge.index), ("IFLA_IFALIAS", cable.alias)])
    except KernelRefused as refusal:
        if refusal.code == errno.EXFULL:
            raise NetworkError(
                f"bridge {cable.bridge} is full: the kernel lets it have 1023 ports"
            ) from refusal
        raise
    pin_port(host, port.index, cable.mac)


def _configure(cable: Cable) -> None:
    """eth0 comes up last: a port with both ends up is one where every step was done."""
    settle(f"ipv4/neigh/{_INSIDE}/retrans_time_ms", 20)
    with Netlink() as inside:
        bring_up(inside, _LOOPBACK_INDEX)
        index = _found(inside, _INSIDE).index
        add_address(inside, index, cable.address)
        bring_up(inside, index)
        if cable.gateway is not None:
            add_default_route(inside, index, cable.gateway)


def _await_forwarding(name: str) -> None:
    """The bridge passes on what is for the port: it hears a moment later that both its ends are up.

    Who asks for the worker before that is told within 60 ms that there is no way to it.
    """
    state = Path(f"/sys/class/net/{name}/brport/state")
    ends_at = time.monotonic() + _FORWARDS_S
    try:
        while state.read_text().strip() != _FORWARDING and time.monotonic() < ends_at:
            time.sleep(_POLL_S)
    except OSError as error:
        raise NetworkError(f"link {name} is not there") from error


def _found(netlink: Netlink, name: str) -> Link:
    link = find_link(netlink, name)
    if link is None:
        raise NetworkError(f"link {name} is not there")
    return link

"""The network of one cloud: everything its manager asks of the kernel's links and rules.

Nothing is kept between calls but what was read of the rules, and an ear for changes that one thread uses:
each call opens the netlink sockets it needs (10 us), so threads do not meet, save in the rules, which have a
lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from netsetup.addresses import (
    bridge_name,
    cloud_alias,
    cloud_mark,
    gateway_of,
    link_prefix,
    port_prefix,
)
from netsetup.attach import Cable, join
from netsetup.bridge import Bridge, bridge_intact, check_owner, ensure_bridge
from netsetup.forwarding import CHAIN, Forwarding
from netsetup.isolation import ruleset, table_name
from netsetup.links import (
    addresses,
    count_marked,
    delete_group,
    delete_link,
    find_link,
    forget_neighbour,
    port_states,
    routed_networks,
)
from netsetup.namespace import entered
from netsetup.netlink import Netlink
from netsetup.news import News
from netsetup.nft import Nft, generation
from netsetup.port import Port
from netsetup.rules import Rules
from netsetup.sockets import connections_of, connections_to
from netsetup.sysctl import settle


@dataclass(frozen=True, slots=True)
class NetworkPicture:
    """What there is of a cloud's network.

    ports: each of our links by name, True when both its ends are up and the bridge sends to it.
    bound: each port whose rules are whole, as the rules have it.
    """

    bridge_intact: bool
    rules_intact: bool
    ports: Mapping[str, bool]
    bound: Mapping[str, Port]


@dataclass(frozen=True, slots=True)
class Leftovers:
    """How many links and rules carry the cloud's mark; a table of rules counts as one."""

    links: int
    rules: int


class Network:
    """One cloud's bridge, ports and rules.  Its methods may be called from any thread."""

    def __init__(self, cloud: str, tag: str, subnet: IPv4Network, private_tcp_ports: Collection[int]) -> None:
        """Nothing is touched yet.  tag: 4 hex digits.  private_tcp_ports: on loopback, for root alone."""
        self._tag = tag
        self._subnet = subnet
        self._gateway = gateway_of(subnet)
        gateway = IPv4Interface((self._gateway, subnet.prefixlen))
        self._bridge = Bridge(bridge_name(tag), gateway, cloud_alias(cloud))
        self._nft = Nft()
        self._rules = Rules(self._nft, tag, ruleset(tag, subnet, private_tcp_ports))
        self._forwarding = Forwarding(self._bridge.name, self._bridge.alias)
        self._news: News | None = None

    def ensure(self, ports: Iterable[Port] = ()) -> list[str]:
        """Bridge and rules are as they shall be; return a sentence for each thing that was not.

        ports: bound in the same moment when the rules had to be loaded.  Set elements stay; ports that were
        on a lost bridge need attach() again.  Raises NetworkError.
        """
        with Netlink() as netlink:
            made = ensure_bridge(netlink, self._bridge)
        if self._rules.ensure(ports):
            made.append("rules of the cloud loaded")
        return [*made, *self._ensure_forwarding()]

    def look(self) -> NetworkPicture:
        """Return what there is now.  Rules that ensure() has not seen yet do not count as intact."""
        with Netlink() as netlink:
            link = find_link(netlink, self._bridge.name)
            intact = link is not None and bridge_intact(netlink, link, self._bridge)
            ports = port_states(netlink, port_prefix(self._tag), link)
        forwarded = self._forwarding.intact(generation(), self._has_way_out())
        return NetworkPicture(intact, forwarded and self._rules.intact(), ports, self._rules.bound())

    def stirred(self) -> bool:
        """Return whether a link, an address or a rule may have changed since the call before.

        True at the first call.  Of one thread only.
        """
        if self._news is None:
            self._news = News([link_prefix(self._tag), table_name(self._tag), CHAIN])
            return True
        return self._news.any()

    def bind(self, ports: Iterable[Port]) -> None:
        """Each port has its rules, whatever it had before; all at once or none.  Raises NetworkError."""
        wanted = list(ports)
        self._rules.bind(wanted)
        if any(port.egress for port in wanted):
            self._ensure_forwarding()

    def unbind(self, names: Iterable[str]) -> None:
        """No port of these names may send anything.  Raises NetworkError."""
        self._rules.unbind(names)

    def attach(self, port: Port, netns: str) -> None:
        """The namespace has the port's address on its eth0 and is joined to the bridge; this host finds it.

        It may still be looking for a worker that had the address before. That look begins anew: if it failed,
        connections to the new worker would fail with it.

        Attaching what is attached changes nothing.  netns: a path, such as /proc/123/ns/net.
        Raises NamespaceGone when there is no such namespace, NetworkError for all else.
        """
        cable = Cable(
            name=port.name,
            address=IPv4Interface((port.address, self._subnet.prefixlen)),
            bridge=self._bridge.name,
            alias=self._bridge.alias,
            group=cloud_mark(self._tag),
            gateway=self._gateway if port.egress else None,
        )
        join(cable, netns)
        self.forget_neighbour(port.address)

    def detach(self, name: str, address: IPv4Address | None) -> None:
        """The port's link is gone, and connecting to its address fails at once.  Raises NetworkError.

        address: None for a link of which nobody knows which address it had.
        """
        with Netlink() as netlink:
            delete_link(netlink, name)
        if address is not None:
            self.forget_neighbour(address)

    def forget_neighbour(self, address: IPv4Address) -> None:
        """This host asks again who has the address: a dead one is unreachable in 0.1 s, not after seconds."""
        with Netlink() as netlink:
            link = find_link(netlink, self._bridge.name)
            if link is not None:
                forget_neighbour(netlink, link.index, address)

    def in_flight(self, netns: str, tcp_port: int) -> int:
        """Return how many requests are being served on the port inside the namespace.

        Each connection counts that this host holds open, whatever there is on it; of others an idle one does
        not, nor one whose answer comes in pieces, between two of them.  Raises NetworkError.
        """
        with entered(netns) as namespace:
            found = namespace.run(lambda: connections_of(tcp_port))
        return sum(one.owes or one.is_held_by(self._gateway) for one in found)

    def awaited(self) -> Mapping[tuple[IPv4Address, int], int]:
        """Return how many requests from this host wait for an answer, by address and port; 0 is left out.

        One look for all workers; what they ask each other is not seen from here.  Raises NetworkError.
        """
        waiting = (one for one in connections_to(self._subnet) if one.waits)
        return Counter((one.remote, one.remote_port) for one in waiting)

    def remove(self) -> None:
        """No link and no rule carries the cloud's mark.  Raises NetworkError."""
        with Netlink() as netlink:
            link = find_link(netlink, self._bridge.name)
            if link is not None:
                check_owner(link, self._bridge.alias)
            delete_group(netlink, cloud_mark(self._tag))
            delete_link(netlink, self._bridge.name)
        self._rules.remove()
        self._forwarding.remove()

    def leftovers(self) -> Leftovers:
        with Netlink() as netlink:
            links = count_marked(netlink, cloud_mark(self._tag), self._bridge.alias)
        return Leftovers(links, self._rules.count() + self._forwarding.count())

    def close(self) -> None:
        """What the kernel has stays; this object cannot be used any more."""
        self._nft.close()
        if self._news is not None:
            self._news.close()

    def _has_way_out(self) -> bool:
        return any(port.egress for port in self._rules.bound().values())

    def _ensure_forwarding(self) -> list[str]:
        egress = self._has_way_out()
        made = ["ipv4/ip_forward set to 1"] if egress and settle("ipv4/ip_forward", 1) else []
        return [*made, *self._forwarding.ensure(generation(), egress)]


def taken_networks() -> list[IPv4Network]:
    """Return the networks this host has addresses in or routes to, some of them more than once."""
    with Netlink() as netlink:
        own = [address.network for _, address in addresses(netlink)]
        return [*own, *routed_networks(netlink)]

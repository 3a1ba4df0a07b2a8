"""Who may talk to whom, as nft tables: rendered text and set elements, nothing that touches the kernel.

Two tables a cloud, both called sc_TAG. Table bridge decides between ports: a frame must carry its port's
own MAC and address (prerouting), may go to this host only for the gateway's address (input), and to
another port only within the group, or over TCP to a group that the port reaches (forward). This is done
with sets, so the rules never change; a port is bound by its elements. Family bridge has no `ct` on every
kernel, so what comes back from a reached port is told by its flags: all but a segment that opens a
connection. Table inet decides between the bridge and everything else: only answers leave the bridge, and
only answers are routed onto it.

The marks in chain forward are set where they are compared, so nobody else's mangling comes between.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from netsetup.addresses import bridge_name, cloud_mark, gateway_of, mac_of, port_prefix
from netsetup.port import Port

FAMILIES = ("bridge", "inet")
_GROUP_OF = "group_of"
# nft wants a line break before each closing brace
_SETS = f"""\
    set bind {{
        type ifname . ether_addr . ipv4_addr
    }}
    map {_GROUP_OF} {{
        type ifname : mark
    }}
    set member {{
        type ifname . mark
    }}
    set reaches {{
        type ifname . mark
    }}
    set egress {{
        type ifname
    }}"""
_DECLARED = re.compile(r"^\s*((?:table|chain|set|map|type ifname)\b[^{;\n]*\b)", re.MULTILINE)


@dataclass(frozen=True, slots=True, order=True)
class Element:
    """An element of one of the bridge table's sets: the port it is about, and the rest of its key."""

    holder: str
    port: str
    rest: tuple[str, ...] = ()


def table_name(tag: str) -> str:
    return f"sc_{tag}"


def ruleset(tag: str, subnet: IPv4Network, private_tcp_ports: Collection[int]) -> str:
    """Return both tables as they shall be, without elements.

    private_tcp_ports: loopback's, for root alone.
    """
    return _bridge_table(tag, subnet) + _inet_table(tag, subnet, private_tcp_ports)


def shape(rules: str) -> list[str]:
    """Return the tables, chains and sets in a ruleset, ours or nft's own text of it."""
    return sorted(_DECLARED.findall(rules))


def emptying(tag: str) -> str:
    """Return the script that takes all rules out of both tables; no packet misses the sets."""
    return _of_both_tables("flush", tag)


def removal(tag: str) -> str:
    """Return the script that takes both tables away."""
    return _of_both_tables("delete", tag)


def elements_of(port: Port) -> frozenset[Element]:
    """Return what binds the port to its address, its group and what it reaches."""
    group = str(port.group)
    elements = {
        Element("bind", port.name, (mac_of(port.address), str(port.address))),
        Element(_GROUP_OF, port.name, (group,)),
        Element("member", port.name, (group,)),
        *(Element("reaches", port.name, (str(reached),)) for reached in port.reaches),
    }
    if port.egress:
        elements.add(Element("egress", port.name))
    return frozenset(elements)


def bound_ports(elements: Iterable[Element]) -> dict[str, Port]:
    """Return the ports whose elements are whole: exactly those of one port."""
    by_port: dict[str, set[Element]] = defaultdict(set)
    for element in elements:
        by_port[element.port].add(element)
    ports = (_port_of(name, held) for name, held in by_port.items())
    return {port.name: port for port in ports if port is not None}


def changes(tag: str, present: Iterable[Element], wanted: Iterable[Element]) -> str:
    """Return the script that turns the elements present into those wanted; "" when they are the same."""
    before, after = frozenset(present), frozenset(wanted)
    table = f"bridge {table_name(tag)}"
    return "\n".join(
        [
            *(f"delete element {table} {_text(element)}" for element in sorted(before - after)),
            *(f"add element {table} {_text(element)}" for element in sorted(after - before)),
        ]
    )


def _of_both_tables(verb: str, tag: str) -> str:
    """Return the script that does this to both tables, whether they are there or not."""
    table = table_name(tag)
    return "\n".join(f"add table {family} {table}\n{verb} table {family} {table}" for family in FAMILIES)


def _text(element: Element) -> str:
    between = " : " if element.holder == _GROUP_OF else " . "
    key = between.join((f'"{element.port}"', *element.rest))
    return f"{element.holder} {{ {key} }}"


def _port_of(name: str, held: set[Element]) -> Port | None:
    rest = {element.holder: element.rest for element in held}
    if "bind" not in rest or _GROUP_OF not in rest:
        return None
    port = Port(
        name=name,
        address=IPv4Address(rest["bind"][1]),
        group=int(rest[_GROUP_OF][0]),
        reaches=frozenset(int(element.rest[0]) for element in held if element.holder == "reaches"),
        egress="egress" in rest,
    )
    return port if elements_of(port) == held else None


def _bridge_table(tag: str, subnet: IPv4Network) -> str:
    ports = f'"{port_prefix(tag)}*"'
    return f"""\
table bridge {table_name(tag)} {{
{_SETS}
    chain prerouting {{
        type filter hook prerouting priority -300; policy accept;
        iifname != {ports} accept
        ether type ip iifname . ether saddr . ip saddr @bind accept
        ether type arp iifname . ether saddr . arp saddr ip @bind \
iifname . arp saddr ether . arp saddr ip @bind accept
        counter drop
    }}
    chain input {{
        type filter hook input priority 0; policy accept;
        iifname != {ports} accept
        ether type arp accept
        ip daddr {gateway_of(subnet)} accept
        iifname @egress ip daddr != {subnet} meta mark set {cloud_mark(tag)} accept
        counter drop
    }}
    chain forward {{
        type filter hook forward priority 0; policy accept;
        iifname != {ports} oifname != {ports} accept
        meta mark set 0
        meta mark set iifname map @{_GROUP_OF}
        oifname . meta mark @member accept
        oifname . meta mark @reaches ether type arp accept
        oifname . meta mark @reaches tcp flags & (syn | ack) != syn accept
        meta mark set 0
        meta mark set oifname map @{_GROUP_OF}
        iifname . meta mark @reaches ether type arp accept
        iifname . meta mark @reaches meta l4proto tcp accept
        counter drop
    }}
}}
"""


def _inet_table(tag: str, subnet: IPv4Network, private_tcp_ports: Collection[int]) -> str:
    """Bridged frames pass chain forward too where br_netfilter is on; table bridge has decided on them.

    What this host sends to a worker goes over the bridge or nowhere. Were the bridge lost, the default
    route would take it to other networks, from an address of this host that no worker may answer.
    """
    bridge, out = f'"{bridge_name(tag)}"', cloud_mark(tag)
    return f"""\
table inet {table_name(tag)} {{
    chain input {{
        type filter hook input priority 0; policy accept;
        iifname {bridge} ct state established,related accept
        iifname {bridge} counter drop
    }}
    chain forward {{
        type filter hook forward priority -1; policy accept;
        iifname {bridge} oifname {bridge} accept
        iifname {bridge} meta mark {out} accept
        iifname {bridge} ct state established,related accept
        iifname {bridge} counter drop
        oifname {bridge} ct state established,related accept
        oifname {bridge} counter drop
    }}
    chain postrouting {{
        type nat hook postrouting priority 100; policy accept;
        meta mark {out} oifname != {bridge} masquerade
    }}
    chain output {{
        type filter hook output priority 0; policy accept;
        oifname != {{ {bridge}, "lo" }} ip daddr {subnet} counter reject with icmp type host-unreachable
{_private(private_tcp_ports)}
    }}
}}
"""


def _private(ports: Collection[int]) -> str:
    if not ports:
        return ""
    listed = ", ".join(str(port) for port in sorted(ports))
    return f'        oifname "lo" tcp dport {{ {listed} }} meta skuid != 0 counter reject with tcp reset'

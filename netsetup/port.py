"""A port: the place on the bridge where one namespace is joined, and what may pass there."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address


@dataclass(frozen=True, slots=True)
class Port:
    """One port of a cloud.

    name: its link's, from addresses.port_name.  group: 1 to 2**31; ports of one group reach each other.
    reaches: groups to whose ports this one may open TCP connections; they cannot open any to it.
    egress: it may open connections to other networks, but neither to this host nor to any cloud.
    """

    name: str
    address: IPv4Address
    group: int
    reaches: frozenset[int] = frozenset()
    egress: bool = False

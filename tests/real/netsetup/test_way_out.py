"""A way out of the cloud for those that were given one, and nothing in by it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from netsetup.addresses import mac_of
from netsetup.links import add_address, bring_up, delete_link, find_link, make_veth
from netsetup.netlink import Netlink
from netsetup.sysctl import settle
from tests.real.netsetup.frames import udp_frame
from tests.real.netsetup.lab import API, HTTP, Cloud, CloudMaker, Room, host_addresses, receives


@pytest.fixture
def outside(cloud: Cloud) -> Iterator[Room]:
    """Another network that this host routes to, with a server at the address of `outside_address`."""
    name, network = f"nt{cloud.tag}out", IPv4Network("198.51.100.0/30")
    with Room() as room, Netlink() as host:
        room.run(lambda: settle("ipv6/conf/default/disable_ipv6", 1))
        descriptor = os.open(room.path, os.O_RDONLY)
        make_veth(host, name, 0, "02:00:00:00:00:02", descriptor)
        os.close(descriptor)
        link = find_link(host, name)
        assert link is not None
        bring_up(host, link.index)
        add_address(host, link.index, IPv4Interface((network[1], 30)))
        room.run(lambda: _give_address(IPv4Interface((network[2], 30))))
        room.listen(HTTP)
        yield room
        delete_link(host, name)


OUTSIDE = IPv4Address("198.51.100.2")


def _give_address(address: IPv4Interface) -> None:
    with Netlink() as inside:
        index = socket.if_nametoindex("eth0")
        bring_up(inside, index)
        add_address(inside, index, address)


@pytest.mark.usefixtures("outside", "bridge_nf")
def test_a_worker_has_no_way_out_unless_given(cloud: Cloud) -> None:
    shut, free = cloud.worker(API), cloud.worker(egress=True)
    shut.room.route_all_through(cloud.gateway)

    assert free.room.can_connect(OUTSIDE, HTTP)
    assert not shut.room.can_connect(OUTSIDE, HTTP)


@pytest.mark.usefixtures("outside", "bridge_nf")
def test_the_way_out_leads_neither_to_the_host_nor_into_a_cloud(make_cloud: CloudMaker, cloud: Cloud) -> None:
    free, api, other = cloud.worker(egress=True), cloud.worker(API), make_cloud().worker()
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]

        assert free.room.can_connect(OUTSIDE, HTTP)
        assert not any(free.room.can_connect(address, port) for address in (cloud.gateway, *host_addresses()))
        assert not free.room.can_connect(api.address, HTTP)
        assert not free.room.can_connect(other.address, HTTP)
    inbox = api.room.udp(HTTP)
    free.room.send(udp_frame(mac_of(cloud.gateway), free.mac, free.address, api.address, HTTP, b"hairpin"))
    assert not receives(inbox, b"hairpin")


@pytest.mark.usefixtures("bridge_nf")
def test_what_comes_from_outside_is_not_routed_to_a_worker(cloud: Cloud, outside: Room) -> None:
    worker = cloud.worker(egress=True)

    outside.route_all_through(OUTSIDE - 1)

    assert not outside.can_connect(worker.address, HTTP)

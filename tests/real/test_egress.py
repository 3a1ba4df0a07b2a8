"""`--egress`: a way to other networks for those that were given one, never to this host or another worker."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv4Network

import pytest

from netsetup.links import add_address, bring_up, delete_link, find_link, make_veth
from netsetup.netlink import Netlink
from netsetup.sysctl import settle
from tests.real.cloud import Apps, Cloud, eventually, inside, listed
from tests.real.netsetup.lab import HTTP, Room, host_addresses
from tests.real.test_live_isolation import opened

NETWORK = IPv4Network("198.51.100.4/30")
OUTSIDE = f"{NETWORK[2]}:{HTTP}"


@pytest.fixture
def outside() -> Iterator[Room]:
    """Another network that this host routes to, with a server at OUTSIDE; no packet leaves the machine."""
    name = f"nt{secrets.token_hex(3)}out"
    with Room() as room, Netlink() as host:
        room.run(lambda: settle("ipv6/conf/default/disable_ipv6", 1))
        descriptor = os.open(room.path, os.O_RDONLY)
        make_veth(host, name, 0, "02:00:00:00:00:02", descriptor)
        os.close(descriptor)
        link = find_link(host, name)
        assert link is not None
        bring_up(host, link.index)
        add_address(host, link.index, IPv4Interface((NETWORK[1], 30)))
        room.run(_take_address)
        room.listen(HTTP)
        yield room
        delete_link(host, name)


def _take_address() -> None:
    with Netlink() as inner:
        index = socket.if_nametoindex("eth0")
        bring_up(inner, index)
        add_address(inner, index, IPv4Interface((NETWORK[2], 30)))


@pytest.mark.usefixtures("outside")
def test_only_a_worker_with_egress_reaches_another_network(apps: Apps, cloud: Cloud) -> None:
    free, shut = apps.serve(1, "--egress"), apps.serve(1)

    assert opened(cloud, f"{free}.1", OUTSIDE) == [OUTSIDE]
    assert opened(cloud, f"{shut}.1", OUTSIDE) == []
    assert cloud.app(free).egress
    assert not cloud.app(shut).egress


@pytest.mark.usefixtures("outside")
def test_a_way_out_leads_neither_to_this_host_nor_to_workers_of_other_apps(apps: Apps, cloud: Cloud) -> None:
    free, other = apps.serve(1, "--egress"), apps.serve(1)
    hosts = {cloud.status()["network"]["gateway"], str(NETWORK[1]), *host_addresses()}
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port = listener.getsockname()[1]
        places = [f"{host}:{number}" for host in hosts for number in (port, cloud.settings.http_port)]

        assert opened(cloud, f"{free}.1", *places, f"{cloud.worker(f'{other}.1').address}:8000") == []


@pytest.mark.usefixtures("outside")
def test_an_update_gives_the_way_out_and_takes_it_back(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)

    cloud.ok("update", "--egress", name)
    given = inside(cloud.container(f"{name}.1", 2), "python3", "-c", "import socket\n" + CONNECT)
    cloud.ok("update", "--no-egress", name)
    taken = inside(cloud.container(f"{name}.1", 3), "python3", "-c", "import socket\n" + CONNECT)

    assert (given.code, taken.code) == (0, 1)


CONNECT = f"socket.create_connection(('{NETWORK[2]}', {HTTP}), 0.7)"


@pytest.mark.usefixtures("outside")
def test_a_way_out_that_somebody_shut_or_opened_by_hand_is_put_right(apps: Apps, cloud: Cloud) -> None:
    free, shut = apps.serve(1, "--egress"), apps.serve(1)
    table = ("bridge", f"sc_{cloud.places.tag}", "egress")

    def let_out() -> list[str]:
        elements = " ".join(listed("nft", "list", "set", *table))
        return [name for name in (free, shut) if f'"{cloud.link(f"{name}.1")}"' in elements]

    before = let_out()
    listed("nft", "delete", "element", *table, f'{{ "{cloud.link(f"{free}.1")}" }}')
    listed("nft", "add", "element", *table, f'{{ "{cloud.link(f"{shut}.1")}" }}')

    eventually(lambda: let_out() == before == [free], within_s=5, what=f"a way out for {free} only")
    eventually(lambda: opened(cloud, f"{free}.1", OUTSIDE), within_s=5, what=f"that {free} gets out")
    assert opened(cloud, f"{shut}.1", OUTSIDE) == []


def test_workers_with_a_way_out_ask_the_host_s_resolvers_for_names(apps: Apps, cloud: Cloud) -> None:
    free, shut = apps.serve(1, "--egress"), apps.serve(1)

    def resolvers(name: str) -> str:
        return inside(cloud.container(f"{name}.1"), "cat", "/etc/resolv.conf").stdout

    assert resolvers(shut) == ""
    assert "nameserver" in resolvers(free)
    assert "nameserver 127.0.0.1\n" not in resolvers(free)

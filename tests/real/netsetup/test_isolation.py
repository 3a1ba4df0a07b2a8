"""Who reaches whom, told by real packets: those of a hostile worker with root in its namespace too."""

from __future__ import annotations

import socket
import subprocess
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from netsetup.addresses import gateway_of, mac_of, port_name
from netsetup.isolation import ruleset
from netsetup.nft import Nft
from netsetup.port import Port
from netsetup.sysctl import settle
from tests.eventually import eventually
from tests.real.netsetup.frames import (
    ALL_TYPES,
    ARP_TYPE,
    DOUBLE_VLAN_TYPE,
    EXPERIMENTAL_TYPE,
    IPV6_TYPE,
    PPPOE_TYPE,
    VLAN_TYPE,
    arp_frame,
    bare_frame,
    link_local_frame,
    udp_frame,
)
from tests.real.netsetup.lab import (
    API,
    HTTP,
    PRIVATE,
    WEB,
    Cloud,
    CloudMaker,
    Room,
    host_addresses,
    host_connects,
    receives,
)


@pytest.mark.usefixtures("bridge_nf")
def test_workers_of_one_app_reach_each_other_over_tcp_and_udp(cloud: Cloud) -> None:
    one, two = cloud.worker(), cloud.worker()
    server = two.room.udp(HTTP)

    one.room.udp(4000).sendto(b"hello", (str(two.address), HTTP))

    assert receives(server, b"hello")
    assert one.room.can_connect(two.address, HTTP)


@pytest.mark.usefixtures("bridge_nf")
def test_workers_of_another_app_are_out_of_reach(cloud: Cloud) -> None:
    web, api = cloud.worker(WEB), cloud.worker(API)
    server = api.room.udp(HTTP)

    web.room.send(udp_frame(api.mac, web.mac, web.address, api.address, HTTP, b"hello"))

    assert not receives(server, b"hello")
    assert not web.room.can_connect(api.address, HTTP)


@pytest.mark.usefixtures("bridge_nf")
def test_the_host_reaches_every_worker(cloud: Cloud) -> None:
    assert all(host_connects(worker.address) for worker in (cloud.worker(WEB), cloud.worker(API)))


@pytest.mark.usefixtures("bridge_nf")
def test_a_worker_reaches_the_apps_it_was_given_and_they_answer(cloud: Cloud) -> None:
    web, api = cloud.worker(WEB, reaches=frozenset({API})), cloud.worker(API)
    server = api.room.listen(9000)

    client = web.room.connect(api.address, 9000)
    served, _ = server.accept()
    with served:
        client.sendall(b"ping")
        served.sendall(served.recv(4).upper())

        assert client.recv(4) == b"PING"


@pytest.mark.usefixtures("bridge_nf")
def test_reach_is_one_way_and_tcp_only(cloud: Cloud) -> None:
    web, api = cloud.worker(WEB, reaches=frozenset({API})), cloud.worker(API)
    server = api.room.udp(HTTP)

    web.room.send(udp_frame(api.mac, web.mac, web.address, api.address, HTTP, b"hello"))

    assert not receives(server, b"hello")
    assert not api.room.can_connect(web.address, HTTP)


@pytest.mark.usefixtures("bridge_nf")
def test_workers_of_another_cloud_are_out_of_reach(make_cloud: CloudMaker) -> None:
    one, two = make_cloud().worker(), make_cloud()
    other = two.worker()
    one.room.route_all_through(gateway_of(IPv4Network((one.address, 22), strict=False)))

    assert not one.room.can_connect(other.address, HTTP)
    assert not one.room.can_connect(two.gateway, HTTP)


@pytest.mark.usefixtures("bridge_nf")
def test_the_gateway_carries_nothing_to_another_app(cloud: Cloud) -> None:
    web, peer, api = cloud.worker(WEB), cloud.worker(WEB), cloud.worker(API)
    servers = [worker.room.udp(HTTP) for worker in (peer, api)]

    web.room.send(udp_frame(peer.mac, web.mac, web.address, peer.address, HTTP, b"straight"))
    web.room.send(udp_frame(mac_of(cloud.gateway), web.mac, web.address, api.address, HTTP, b"hairpin"))

    assert receives(servers[0], b"straight")
    assert not receives(servers[1], b"hairpin")


@pytest.mark.usefixtures("bridge_nf")
def test_no_port_of_the_host_answers_a_worker(cloud: Cloud) -> None:
    worker = cloud.worker()
    worker.room.route_all_through(cloud.gateway)
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        targets = [cloud.gateway, *host_addresses()]

        assert len(targets) > 1
        assert all(host_connects(target, port) for target in targets)
        assert not any(worker.room.can_connect(target, port) for target in targets)


def test_neither_end_of_a_port_nor_the_bridge_has_an_ipv6_address(cloud: Cloud) -> None:
    worker = cloud.worker()
    read = Path("/proc/thread-self/net/if_inet6").read_text

    assert cloud.bridge not in read()
    assert worker.port.name not in read()
    assert "eth0" not in worker.room.run(read)


def test_no_port_of_the_host_answers_over_ipv6(cloud: Cloud, nft: Nft) -> None:
    worker = cloud.worker()
    host = "fd5c::1"
    _give_ipv6(cloud.bridge, host)
    worker.room.run(lambda: _give_ipv6("eth0", "fd5c::2"))
    with socket.create_server(("::", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        nft.run(f"flush table bridge sc_{cloud.tag}\nflush table inet sc_{cloud.tag}")
        assert eventually(lambda: worker.room.can_connect(host, port))  # once both have found each other

        nft.run(ruleset(cloud.tag, cloud.subnet, [PRIVATE]))
        assert not worker.room.can_connect(host, port)


def _give_ipv6(link: str, address: str) -> None:
    settle(f"ipv6/conf/{link}/disable_ipv6", 0)
    subprocess.run(["ip", "-6", "address", "add", f"{address}/64", "dev", link, "nodad"], check=True)


@pytest.mark.usefixtures("bridge_nf")
def test_a_worker_cannot_send_in_the_name_of_another(cloud: Cloud) -> None:
    thief, victim, server_worker = cloud.worker(), cloud.worker(), cloud.worker()
    server = server_worker.room.udp(HTTP)
    to = server_worker.mac, server_worker.address

    thief.room.send(udp_frame(to[0], thief.mac, victim.address, to[1], HTTP, b"stolen address"))
    thief.room.send(udp_frame(to[0], victim.mac, thief.address, to[1], HTTP, b"stolen MAC"))
    thief.room.send(udp_frame(to[0], victim.mac, victim.address, to[1], HTTP, b"stolen both"))
    thief.room.send(udp_frame(to[0], thief.mac, thief.address, to[1], HTTP, b"own"))

    assert receives(server, b"own")


def test_a_worker_cannot_claim_the_gateway_by_arp(cloud: Cloud) -> None:
    thief, victim = cloud.worker(), cloud.worker()
    seen = victim.room.wire(ARP_TYPE)
    honest = arp_frame(thief.mac, thief.mac, thief.address, victim.address)

    thief.room.send(arp_frame(thief.mac, thief.mac, cloud.gateway, victim.address))
    thief.room.send(arp_frame(thief.mac, victim.mac, thief.address, victim.address))
    thief.room.send(arp_frame(victim.mac, thief.mac, thief.address, victim.address))
    thief.room.send(honest)

    assert seen.recv(65535) == honest


@pytest.mark.parametrize(
    "kind", [IPV6_TYPE, VLAN_TYPE, DOUBLE_VLAN_TYPE, PPPOE_TYPE, EXPERIMENTAL_TYPE], ids=hex
)
def test_what_is_neither_ipv4_nor_arp_reaches_nobody_not_even_of_the_own_app(cloud: Cloud, kind: int) -> None:
    sender, peer = cloud.worker(), cloud.worker()
    seen = peer.room.wire(ALL_TYPES)
    honest = arp_frame(sender.mac, sender.mac, sender.address, peer.address)

    for to_mac in (peer.mac, "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"):
        sender.room.send(bare_frame(to_mac, sender.mac, kind))
    sender.room.send(honest)

    assert _first_from(sender.mac, seen) == honest


def _first_from(mac: str, seen: socket.socket) -> bytes:
    """Return the first frame that came from this MAC: the bridge itself sends some too."""
    while (frame := seen.recv(65535))[6:12] != bytes.fromhex(mac.replace(":", "")):
        pass
    return frame


def test_a_worker_cannot_draw_the_traffic_of_another_to_itself(cloud: Cloud) -> None:
    thief, victim = cloud.worker(), cloud.worker()

    for _ in range(3):
        thief.room.send(link_local_frame(victim.mac))

        assert host_connects(victim.address)


def test_a_namespace_that_is_attached_and_not_bound_reaches_nobody(cloud: Cloud, room: Room) -> None:
    worker = cloud.worker()
    port = Port(port_name(cloud.tag, "unbound"), cloud.subnet[50], WEB)

    cloud.network.attach(port, room.path)

    assert not room.can_connect(worker.address, HTTP)


def test_a_private_port_of_loopback_is_open_to_root_alone(cloud: Cloud) -> None:
    public = socket.create_server(("127.0.0.1", 0))
    with public, socket.create_server(("127.0.0.1", PRIVATE)):
        assert _nobody_connects(public.getsockname()[1])
        assert host_connects(IPv4Address("127.0.0.1"), PRIVATE)
        assert not _nobody_connects(PRIVATE)


def _nobody_connects(port: int) -> bool:
    """Return whether a process of the user nobody gets a connection on loopback."""
    connect = ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"]
    return not subprocess.run(
        connect, user=65534, group=65534, extra_groups=[], cwd="/", capture_output=True, check=False
    ).returncode

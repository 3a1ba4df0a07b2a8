"""Ports made, changed and taken away."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from netsetup.addresses import port_name
from netsetup.errors import NetworkError
from netsetup.links import addresses, find_link
from netsetup.netlink import Netlink
from netsetup.port import Port
from tests.real.netsetup.lab import API, HTTP, WEB, Cloud, Room, host_connects


def test_the_bridge_forwards_to_a_port_as_soon_as_it_is_attached(cloud: Cloud) -> None:
    for _ in range(20):
        worker = cloud.worker()

        assert Path(f"/sys/class/net/{worker.port.name}/brport/state").read_text() == "3\n"


def test_a_fresh_worker_answers_and_is_asked_for_again_soon_where_its_first_arp_request_is_lost(
    cloud: Cloud,
) -> None:
    workers = [cloud.worker() for _ in range(10)]

    def again_ms(link: str) -> int:
        return int(Path(f"/proc/sys/net/ipv4/neigh/{link}/retrans_time_ms").read_text())

    assert all(host_connects(worker.address) for worker in workers)
    assert {again_ms(cloud.bridge), *(worker.room.run(lambda: again_ms("eth0")) for worker in workers)} == {
        20
    }


def test_a_worker_has_its_address_its_mac_and_loopback_and_no_way_out(cloud: Cloud) -> None:
    worker = cloud.worker()

    def inside() -> tuple[list[IPv4Interface], str, str]:
        with Netlink() as netlink:
            link = find_link(netlink, "eth0")
            assert link is not None
            held = [address for _, address in addresses(netlink)]
            return held, link.mac, Path("/proc/thread-self/net/route").read_text()

    held, mac, routes = worker.room.run(inside)

    assert set(held) == {IPv4Interface("127.0.0.1/8"), IPv4Interface((worker.address, 22))}
    assert mac == worker.mac
    assert "00000000\t" not in [line.split("\t")[1] + "\t" for line in routes.splitlines()[1:]]


def test_attaching_what_is_attached_changes_nothing(cloud: Cloud) -> None:
    worker = cloud.worker()
    before = worker.room.index_of("eth0"), socket.if_nametoindex(worker.port.name)

    cloud.network.attach(worker.port, worker.room.path)

    assert (worker.room.index_of("eth0"), socket.if_nametoindex(worker.port.name)) == before


def test_a_half_made_port_is_made_anew(cloud: Cloud, room: Room) -> None:
    port = Port(port_name(cloud.tag, "half"), cloud.subnet[60], WEB)
    cloud.network.bind([port])
    with Room() as elsewhere:
        cloud.network.attach(port, elsewhere.path)
        cloud.network.attach(port, room.path)
    room.listen(HTTP)

    assert cloud.network.look().ports[port.name]
    assert host_connects(port.address)


def test_a_missing_namespace_is_an_error_and_leaks_nothing(cloud: Cloud) -> None:
    port = Port(port_name(cloud.tag, "lost"), cloud.subnet[70], WEB)
    before = set(os.listdir("/proc/self/fd"))

    for path in ("/proc/0/ns/net", "/dev/null"):
        with pytest.raises(NetworkError, match="namespace"):
            cloud.network.attach(port, path)

    assert set(os.listdir("/proc/self/fd")) == before
    assert port.name not in cloud.network.look().ports


def test_this_host_s_own_namespace_is_never_taken_for_a_worker_s(cloud: Cloud) -> None:
    port = Port(port_name(cloud.tag, "own"), cloud.subnet[80], WEB)

    with pytest.raises(NetworkError, match="this host's own"):
        cloud.network.attach(port, f"/proc/{os.getpid()}/ns/net")

    assert port.name not in cloud.network.look().ports


def test_eight_workers_are_joined_at_the_same_time(cloud: Cloud) -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        workers = list(pool.map(lambda _: cloud.worker(), range(8)))

    assert cloud.network.look().ports == {worker.port.name: True for worker in workers}
    assert cloud.network.look().bound == {worker.port.name: worker.port for worker in workers}
    assert all(host_connects(worker.address) for worker in workers)


def test_a_bridge_that_is_full_is_told_as_such(cloud: Cloud) -> None:
    joined = "\n".join(
        f"link add t{cloud.tag}a{n} group 65 type veth peer name t{cloud.tag}b{n} group 65\n"
        f"link set t{cloud.tag}a{n} master {cloud.bridge}"
        for n in range(1023)
    )
    try:
        subprocess.run(["ip", "-batch", "-"], input=joined, text=True, check=True)

        with pytest.raises(NetworkError, match=f"{cloud.bridge} is full"):
            cloud.worker()
    finally:
        subprocess.run(["ip", "link", "delete", "group", "65"], check=True)


def test_connecting_to_a_detached_worker_fails_at_once(cloud: Cloud) -> None:
    worker = cloud.worker()
    assert host_connects(worker.address)

    cloud.network.detach(worker.port.name, worker.address)
    with socket.socket() as client:
        client.settimeout(2)  # of a neighbour that was not forgotten the kernel would say so after 3 s
        assert client.connect_ex((str(worker.address), HTTP)) == errno.EHOSTUNREACH


def test_a_worker_is_reached_at_once_at_an_address_where_this_host_has_just_found_nobody(
    cloud: Cloud,
) -> None:
    worker = cloud.worker()

    with asking(worker.address):
        for searched_ms in range(60):  # it fails after 60
            cloud.network.detach(worker.port.name, worker.address)
            time.sleep(searched_ms / 1000)
            cloud.network.attach(worker.port, worker.room.path)
            assert host_connects(worker.address)


@contextmanager
def asking(address: IPv4Address) -> Iterator[None]:
    """This host goes on asking for the address, as it does for a worker that is gone and had connections.

    It asks at a port that nobody serves, so a worker that is there refuses it and holds nothing for it.
    """
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            with socket.socket() as client:
                client.settimeout(0.2)
                client.connect_ex((str(address), HTTP + 1))

    thread = threading.Thread(target=ask, name="asking")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_detaching_twice_is_detaching_once(cloud: Cloud) -> None:
    worker = cloud.worker()

    for _ in range(2):
        cloud.network.detach(worker.port.name, worker.address)

    assert worker.port.name not in cloud.network.look().ports


def test_a_changed_binding_replaces_the_old_one(cloud: Cloud) -> None:
    web, api = cloud.worker(WEB), cloud.worker(API)

    cloud.network.bind([replace(web.port, group=API)])

    assert cloud.network.look().bound[web.port.name].group == API
    assert web.room.can_connect(api.address, HTTP)


def test_what_is_bound_can_be_seen_as_it_was_asked(cloud: Cloud) -> None:
    ports = [
        Port(port_name(cloud.tag, "a"), cloud.subnet[80], 2**31, frozenset({3, 2**31 - 1})),
        Port(port_name(cloud.tag, "b"), cloud.subnet[81], 16, egress=True),
    ]

    cloud.network.bind(ports)
    cloud.network.bind(ports)

    assert cloud.network.look().bound == {port.name: port for port in ports}


def test_an_unbound_worker_is_cut_off(cloud: Cloud) -> None:
    worker = cloud.worker()

    for _ in range(2):
        cloud.network.unbind([worker.port.name])

    assert cloud.network.look().bound == {}
    assert not host_connects(worker.address)

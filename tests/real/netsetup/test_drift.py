"""What others do to the network by hand is seen and mended; what is ours is removed, and nothing else."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Interface, IPv4Network

import pytest

from netsetup.addresses import free_subnet, mac_of
from netsetup.bridge import Bridge, ensure_bridge
from netsetup.errors import NetworkError
from netsetup.forwarding import CHAIN, Forwarding
from netsetup.links import addresses, delete_link, find_link
from netsetup.netlink import Netlink
from netsetup.network import Leftovers, Network, taken_networks
from netsetup.nft import Nft, generation
from tests.eventually import eventually
from tests.real.netsetup.lab import (
    API,
    HTTP,
    PRIVATE,
    WEB,
    Cloud,
    CloudMaker,
    Room,
    host_connects,
)


def test_a_network_that_is_as_it_should_be_needs_nothing(cloud: Cloud) -> None:
    worker = cloud.worker()

    picture = cloud.network.look()

    assert cloud.network.ensure() == []
    assert (picture.bridge_intact, picture.rules_intact) == (True, True)
    assert picture.ports == {worker.port.name: True}
    assert picture.bound == {worker.port.name: worker.port}


def test_the_next_manager_finds_the_network_as_it_should_be(cloud: Cloud) -> None:
    cloud.worker()
    successor = Network(cloud.name, cloud.tag, cloud.subnet, [PRIVATE])

    assert successor.ensure() == []
    assert successor.look() == cloud.network.look()
    successor.close()


def test_what_somebody_does_to_links_addresses_and_rules_is_heard_of_without_a_look(
    cloud: Cloud, nft: Nft
) -> None:
    worker = cloud.worker()
    cloud.network.stirred()

    for damage in (
        lambda: subprocess.run(["ip", "link", "set", worker.port.name, "down"], check=True),
        lambda: subprocess.run(["ip", "address", "flush", "dev", cloud.bridge], check=True),
        lambda: nft.run(f"flush chain bridge sc_{cloud.tag} forward"),
        lambda: nft.run(f"delete table inet sc_{cloud.tag}"),
        lambda: subprocess.run(["iptables-nft", "-w", "5", "-D", CHAIN, *rule_of(cloud)], check=True),
        lambda: subprocess.run(["ip", "link", "delete", cloud.bridge], check=True),
    ):
        damage()
        assert cloud.network.stirred()


@pytest.mark.parametrize("by_hand", ["10.254.9.1/24", "10.254.9.1 peer 10.254.9.2/32", "SAME/32", "NEXT"])
def test_an_address_that_somebody_gave_the_bridge_is_seen_and_taken_away(cloud: Cloud, by_hand: str) -> None:
    [own] = addresses_of(cloud)
    other = by_hand.replace("SAME", str(own.ip)).replace("NEXT", f"{own.ip + 100}/{own.network.prefixlen}")
    subprocess.run(["ip", "address", "add", *other.split(), "dev", cloud.bridge], check=True)

    seen = cloud.network.look()
    eventually(lambda: cloud.network.ensure() == [], within_s=5)

    assert not seen.bridge_intact
    assert addresses_of(cloud) == [own]


def addresses_of(cloud: Cloud) -> list[IPv4Interface]:
    """Return the addresses of the cloud's bridge."""
    with Netlink() as netlink:
        bridge = find_link(netlink, cloud.bridge)
        assert bridge is not None
        return [address for index, address in addresses(netlink) if index == bridge.index]


def test_without_the_bridge_a_worker_is_unreachable_at_once_and_looked_for_nowhere_else(cloud: Cloud) -> None:
    worker = cloud.worker()
    with Netlink() as netlink:
        delete_link(netlink, cloud.bridge)

    with pytest.raises(OSError, match=os.strerror(errno.EHOSTUNREACH)):
        socket.create_connection((str(worker.address), HTTP), timeout=5)


def test_a_deleted_port_is_seen_and_made_again(cloud: Cloud) -> None:
    worker = cloud.worker()
    with Netlink() as netlink:
        delete_link(netlink, worker.port.name)

    assert cloud.network.look().ports == {}

    cloud.network.attach(worker.port, worker.room.path)
    assert host_connects(worker.address)


def test_a_port_to_which_the_bridge_sends_no_more_is_seen_and_joined_again(cloud: Cloud) -> None:
    worker = cloud.worker()
    by_hand("bridge", "fdb", "delete", worker.mac, "dev", worker.port.name, "master")

    assert cloud.network.look().ports == {worker.port.name: False}

    cloud.network.attach(worker.port, worker.room.path)
    assert cloud.network.look().ports == {worker.port.name: True}
    assert host_connects(worker.address)


@pytest.mark.parametrize(
    "misled",
    [
        "bridge fdb delete {own} dev {bridge} self",
        "ip neigh replace {address} lladdr 02:00:00:00:00:01 dev {bridge} nud permanent",
        "ip neigh replace {address} lladdr 02:00:00:00:00:01 dev {bridge} nud noarp",
    ],
)
def test_frames_that_somebody_sends_astray_are_seen_and_mended(cloud: Cloud, misled: str) -> None:
    worker = cloud.worker()
    names = {"own": mac_of(cloud.gateway), "bridge": cloud.bridge, "address": worker.address}
    by_hand(*misled.format(**names).split())

    lost = not host_connects(worker.address)
    assert not cloud.network.look().bridge_intact

    assert cloud.network.ensure() != []
    assert cloud.network.look().bridge_intact
    assert lost
    assert host_connects(worker.address)


def test_a_neighbour_that_somebody_told_rightly_is_left_alone(cloud: Cloud) -> None:
    worker = cloud.worker()
    by_hand(
        *f"ip neigh replace {worker.address} lladdr {worker.mac} dev {cloud.bridge} nud permanent".split()
    )

    assert cloud.network.look().bridge_intact
    assert cloud.network.ensure() == []


def by_hand(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def test_a_deleted_bridge_is_seen_and_made_again(cloud: Cloud) -> None:
    one, two = cloud.worker(), cloud.worker()
    with Netlink() as netlink:
        delete_link(netlink, cloud.bridge)

    picture = cloud.network.look()
    assert not picture.bridge_intact
    assert picture.ports == {one.port.name: False, two.port.name: False}

    assert f"bridge {cloud.bridge} made" in cloud.network.ensure()
    for worker in (one, two):
        cloud.network.attach(worker.port, worker.room.path)
    assert cloud.network.look().bridge_intact
    assert host_connects(one.address)
    assert one.room.can_connect(two.address, HTTP)


@pytest.mark.parametrize(
    "damage",
    ["ip link set {} down", "ip addr flush dev {}", "ip link set {} address 02:00:00:00:00:01"],
)
def test_a_changed_bridge_is_seen_and_mended(cloud: Cloud, damage: str) -> None:
    worker = cloud.worker()
    subprocess.run(damage.format(cloud.bridge).split(), check=True)

    assert not cloud.network.look().bridge_intact

    assert cloud.network.ensure()
    assert cloud.network.look().bridge_intact
    assert eventually(lambda: host_connects(worker.address))


@pytest.mark.parametrize(
    "damage",
    [
        "flush chain bridge sc_{} forward",
        "flush chain inet sc_{} input",
        "flush table bridge sc_{}",
        "add rule bridge sc_{} prerouting accept",
        "insert rule inet sc_{} input accept",
        "delete table inet sc_{}",
        "add chain inet sc_{} more {{ type filter hook forward priority 5; policy drop; }}",
        "add set inet sc_{} more {{ type ipv4_addr; }}",
    ],
)
def test_changed_rules_are_seen_and_mended_and_ports_stay_bound(cloud: Cloud, nft: Nft, damage: str) -> None:
    web, api = cloud.worker(WEB), cloud.worker(API)
    nft.run(damage.format(cloud.tag))

    assert not cloud.network.look().rules_intact

    assert cloud.network.ensure() == ["rules of the cloud loaded"]
    picture = cloud.network.look()
    assert picture.rules_intact
    assert picture.bound == {worker.port.name: worker.port for worker in (web, api)}
    assert "more" not in nft.rules("inet", f"sc_{cloud.tag}")
    assert not web.room.can_connect(api.address, HTTP)


def test_a_deleted_table_closes_everything_until_ports_are_bound_again(cloud: Cloud, nft: Nft) -> None:
    worker = cloud.worker()
    nft.run(f"delete table bridge sc_{cloud.tag}")

    assert cloud.network.look().bound == {}
    cloud.network.ensure()
    assert not host_connects(worker.address)

    cloud.network.bind([worker.port])
    assert host_connects(worker.address)


def test_rules_of_an_earlier_shape_are_replaced(cloud: Cloud, nft: Nft) -> None:
    worker = cloud.worker()
    table = f"table bridge sc_{cloud.tag}"
    nft.run(f"delete {table}\nadd {table}\nadd set bridge sc_{cloud.tag} bind {{ type ifname; }}")

    assert cloud.network.ensure([worker.port]) == ["rules of the cloud loaded"]
    assert host_connects(worker.address)


def test_a_lost_element_is_seen_and_bound_again(cloud: Cloud, nft: Nft) -> None:
    worker = cloud.worker()
    nft.run(f'delete element bridge sc_{cloud.tag} member {{ "{worker.port.name}" . {WEB} }}')

    assert cloud.network.look().bound == {}

    cloud.network.bind([worker.port])
    assert cloud.network.look().bound == {worker.port.name: worker.port}


def rule_of(cloud: Cloud) -> list[str]:
    """Return the words of the cloud's rule in Docker's chain."""
    mark = f"-m comment --comment simplecloud:{cloud.name} -j ACCEPT"
    return f"-i {cloud.bridge} -o {cloud.bridge} {mark}".split()


def test_a_lost_rule_of_docker_is_seen_and_put_back(cloud: Cloud) -> None:
    subprocess.run(["iptables-nft", "-w", "5", "-D", CHAIN, *rule_of(cloud)], check=True)

    assert not cloud.network.look().rules_intact

    assert cloud.network.ensure() == [f"rule of simplecloud:{cloud.name} put into {CHAIN} by iptables-nft"]
    assert cloud.network.look().rules_intact


@pytest.mark.parametrize("tool", ["iptables-nft", "iptables-legacy"])
def test_dockers_chain_gets_one_rule_whichever_iptables_made_it(room: Room, tool: str) -> None:
    forwarding = Forwarding("sc12abbr", "simplecloud:test")

    def rules() -> list[str]:
        listed = subprocess.run([tool, "-S", CHAIN], capture_output=True, text=True, check=True)
        return listed.stdout.splitlines()[1:]

    def story() -> None:
        subprocess.run([tool, "-N", CHAIN], check=True)
        subprocess.run([tool, "-A", CHAIN, "-j", "RETURN"], check=True)

        assert not forwarding.intact(generation(), egress=False)
        assert forwarding.ensure(generation(), egress=False)
        assert forwarding.intact(generation(), egress=False)
        assert forwarding.ensure(generation(), egress=False) == []
        assert len(rules()) == 2
        assert rules()[-1] == f"-A {CHAIN} -j RETURN"

        forwarding.remove()
        assert rules() == [f"-A {CHAIN} -j RETURN"]

    room.run(story)


def test_threads_that_open_the_way_out_at_once_make_each_rule_once(room: Room) -> None:
    forwarding = Forwarding("sc12abbr", "simplecloud:test")
    room.run(lambda: subprocess.run(["iptables-nft", "-N", CHAIN], check=True))
    room.run(lambda: forwarding.ensure(generation(), egress=False))

    def open_out(_: int) -> list[str]:
        return room.run(lambda: forwarding.ensure(generation(), egress=True))

    with ThreadPoolExecutor(8) as pool:
        made = [sentence for sentences in pool.map(open_out, range(8)) for sentence in sentences]

    assert room.run(forwarding.count) == 3
    assert len(made) == 1


def test_a_machine_without_docker_needs_no_rule_of_docker(room: Room) -> None:
    forwarding = Forwarding("sc12abbr", "simplecloud:test")

    assert room.run(lambda: forwarding.ensure(generation(), egress=False)) == []
    assert room.run(forwarding.count) == 0


def test_a_bridge_of_another_cloud_is_left_alone(cloud: Cloud) -> None:
    wanted = Bridge(cloud.bridge, IPv4Interface((cloud.gateway, 22)), "simplecloud:other")

    with Netlink() as netlink, pytest.raises(NetworkError, match="belongs to simplecloud:nettest-"):
        ensure_bridge(netlink, wanted)


def test_removal_leaves_nothing_of_this_cloud_and_all_of_the_other(make_cloud: CloudMaker) -> None:
    gone, kept = make_cloud(), make_cloud()
    gone.worker(egress=True)
    worker = kept.worker()

    gone.network.remove()
    gone.network.remove()

    assert gone.network.leftovers() == Leftovers(links=0, rules=0)
    assert kept.network.leftovers() == Leftovers(links=2, rules=3)
    assert kept.network.ensure() == []
    assert host_connects(worker.address)


def test_a_foreign_link_whose_name_begins_like_ours_is_left_alone(cloud: Cloud) -> None:
    name = f"sc{cloud.tag}office"
    subprocess.run(["ip", "link", "add", name, "type", "bridge"], check=True)
    try:
        cloud.network.remove()

        assert cloud.network.leftovers() == Leftovers(links=0, rules=0)
    finally:
        subprocess.run(["ip", "link", "delete", name], check=True)


def test_what_is_half_there_is_counted_and_removed(cloud: Cloud, nft: Nft) -> None:
    cloud.worker()
    nft.run(f"delete table bridge sc_{cloud.tag}")
    with Netlink() as netlink:
        delete_link(netlink, cloud.bridge)

    assert cloud.network.leftovers() == Leftovers(links=1, rules=2)

    cloud.network.remove()
    assert cloud.network.leftovers() == Leftovers(links=0, rules=0)


def test_the_networks_of_this_host_are_known(cloud: Cloud) -> None:
    assert cloud.subnet in taken_networks()
    assert not any(network.prefixlen == 0 for network in taken_networks())


def test_a_default_route_in_halves_and_routes_to_nowhere_take_no_network(room: Room) -> None:
    def routed() -> list[IPv4Network]:
        for command in (
            "ip link set lo up",
            "ip route add 0.0.0.0/1 dev lo",
            "ip route add 128.0.0.0/1 dev lo",
            "ip route add unreachable 172.16.0.0/12",
            "ip route add 10.0.0.0/9 dev lo",
        ):
            subprocess.run(command.split(), check=True)
        return taken_networks()

    taken = room.run(routed)

    assert IPv4Network("10.0.0.0/9") in taken
    assert free_subnet([*taken, IPv4Network("10.128.0.0/9")]) == IPv4Network("172.16.0.0/22")

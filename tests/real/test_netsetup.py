"""The network of a cloud against the kernel of this machine, with dockerd's own rules beside ours.

Workers are namespaces; probes are real packets, those of a hostile worker with root in its namespace too.
"""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import count
from pathlib import Path

import pytest

from netsetup.addresses import bridge_name, free_subnet, gateway_of, mac_of, port_name
from netsetup.bridge import Bridge, ensure_bridge
from netsetup.errors import NetworkError
from netsetup.forwarding import CHAIN, Forwarding
from netsetup.isolation import ruleset
from netsetup.links import add_address, addresses, bring_up, delete_link, find_link, make_veth
from netsetup.netlink import Netlink
from netsetup.network import Leftovers, Network, taken_networks
from netsetup.nft import Nft, generation
from netsetup.port import Port
from netsetup.sysctl import current, settle
from tests.real.netlab import Room, arp_frame, eventually, link_local_frame, receives, udp_frame

HTTP = 8000
PRIVATE = 23799
WEB, API = 1, 2  # groups


@dataclass(frozen=True)
class Worker:
    """A namespace at its port."""

    room: Room
    port: Port

    @property
    def address(self) -> IPv4Address:
        return self.port.address

    @property
    def mac(self) -> str:
        return mac_of(self.port.address)


class Cloud:
    """A cloud's network and the workers on it."""

    def __init__(self, name: str, tag: str) -> None:
        self.name = name
        self.tag = tag
        self.bridge = bridge_name(tag)
        self.subnet = free_subnet(taken_networks())
        self.gateway = gateway_of(self.subnet)
        self.network = Network(name, tag, self.subnet, [PRIVATE])
        self._numbers = count(1)
        self._rooms = ExitStack()

    def worker(
        self, group: int = WEB, *, reaches: frozenset[int] = frozenset(), egress: bool = False
    ) -> Worker:
        """Return a new worker, bound and attached, with a TCP server."""
        number = next(self._numbers)
        name = port_name(self.tag, f"worker.{number}")
        port = Port(name, self.subnet[number + 1], group, reaches, egress)
        room = self._rooms.enter_context(Room())
        self.network.bind([port])
        self.network.attach(port, room.path)
        room.listen(HTTP)
        return Worker(room, port)

    def close(self) -> None:
        self.network.remove()
        self.network.close()
        self._rooms.close()


CloudMaker = Callable[[], Cloud]


@pytest.fixture
def make_cloud() -> Iterator[CloudMaker]:
    """Makes clouds whose names and tags belong to this process."""
    with ExitStack() as clouds:
        made = 0

        def make() -> Cloud:
            nonlocal made
            made += 1
            tag = f"{(os.getpid() * 4 + made) & 0xFFFF:04x}"
            cloud = Cloud(f"nettest-{tag}", tag)
            clouds.callback(cloud.close)
            cloud.network.ensure()
            return cloud

        yield make


@pytest.fixture
def cloud(make_cloud: CloudMaker) -> Cloud:
    return make_cloud()


@pytest.fixture(params=[0, 1], ids=["bridge-nf-off", "bridge-nf-on"])
def bridge_nf(request: pytest.FixtureRequest) -> Iterator[None]:
    """Frames between ports do, and do not, pass Docker's and other IP rules of this host."""
    setting = "bridge/bridge-nf-call-iptables"
    before = current(setting)
    settle(setting, request.param)
    yield
    if before is not None:
        settle(setting, before)


@pytest.fixture
def room() -> Iterator[Room]:
    with Room() as made:
        yield made


@pytest.fixture
def nft() -> Iterator[Nft]:
    """Somebody else's hand on the rules."""
    by_hand = Nft()
    yield by_hand
    by_hand.close()


def host_connects(address: IPv4Address, port: int = HTTP) -> bool:
    try:
        socket.create_connection((str(address), port), timeout=1).close()
    except OSError:
        return False
    return True


def host_addresses(cloud: Cloud) -> list[IPv4Address]:
    """Return the host's addresses outside the cloud's subnet and loopback, docker0's among them."""
    with Netlink() as netlink:
        held = [address.ip for _, address in addresses(netlink)]
    return [address for address in held if not address.is_loopback and address not in cloud.subnet]


# reach


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


# a hostile worker


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
        targets = [cloud.gateway, *host_addresses(cloud)]

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
        assert worker.room.can_connect(host, port)

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
    seen = victim.room.wire(0x0806)
    honest = arp_frame(thief.mac, thief.mac, thief.address, victim.address)

    thief.room.send(arp_frame(thief.mac, thief.mac, cloud.gateway, victim.address))
    thief.room.send(arp_frame(thief.mac, victim.mac, thief.address, victim.address))
    thief.room.send(arp_frame(victim.mac, thief.mac, thief.address, victim.address))
    thief.room.send(honest)

    assert seen.recv(65535) == honest


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


# private ports of loopback


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


# the way out


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
        assert not any(
            free.room.can_connect(address, port) for address in (cloud.gateway, *host_addresses(cloud))
        )
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


# attach and detach


def test_a_fresh_worker_answers_at_once(cloud: Cloud) -> None:
    for _ in range(10):
        worker = cloud.worker()
        started = time.monotonic()

        assert host_connects(worker.address)
        assert time.monotonic() - started < 0.9  # a lost first ARP request would take a second


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

    for path in ("/run/docker/netns/none-such", "/dev/null"):
        with pytest.raises(NetworkError, match="namespace"):
            cloud.network.attach(port, path)

    assert set(os.listdir("/proc/self/fd")) == before
    assert port.name not in cloud.network.look().ports


def test_eight_workers_are_joined_at_the_same_time(cloud: Cloud) -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        workers = list(pool.map(lambda _: cloud.worker(), range(8)))

    assert cloud.network.look().ports == {worker.port.name: True for worker in workers}
    assert cloud.network.look().bound == {worker.port.name: worker.port for worker in workers}
    assert all(host_connects(worker.address) for worker in workers)


def test_connecting_to_a_detached_worker_fails_at_once(cloud: Cloud) -> None:
    worker = cloud.worker()
    assert host_connects(worker.address)

    cloud.network.detach(worker.port.name, worker.address)
    started = time.monotonic()
    with socket.socket() as client:
        client.settimeout(5)
        assert client.connect_ex((str(worker.address), HTTP)) == errno.EHOSTUNREACH
    assert time.monotonic() - started < 1


def test_detaching_twice_is_detaching_once(cloud: Cloud) -> None:
    worker = cloud.worker()

    for _ in range(2):
        cloud.network.detach(worker.port.name, worker.address)

    assert worker.port.name not in cloud.network.look().ports


# bind and unbind


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


# drift


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


def test_a_deleted_port_is_seen_and_made_again(cloud: Cloud) -> None:
    worker = cloud.worker()
    with Netlink() as netlink:
        delete_link(netlink, worker.port.name)

    assert cloud.network.look().ports == {}

    cloud.network.attach(worker.port, worker.room.path)
    assert host_connects(worker.address)


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
    assert not web.room.can_connect(api.address, HTTP)


def test_a_deleted_table_closes_everything_until_ports_are_bound_again(cloud: Cloud, nft: Nft) -> None:
    worker = cloud.worker()
    nft.run(f"delete table bridge sc_{cloud.tag}")

    assert cloud.network.look().bound == {}
    cloud.network.ensure()
    assert not host_connects(worker.address)

    cloud.network.bind([worker.port])
    assert host_connects(worker.address)


def test_a_lost_element_is_seen_and_bound_again(cloud: Cloud, nft: Nft) -> None:
    worker = cloud.worker()
    nft.run(f'delete element bridge sc_{cloud.tag} member {{ "{worker.port.name}" . {WEB} }}')

    assert cloud.network.look().bound == {}

    cloud.network.bind([worker.port])
    assert cloud.network.look().bound == {worker.port.name: worker.port}


def test_a_lost_rule_of_docker_is_seen_and_put_back(cloud: Cloud) -> None:
    words = f"-i {cloud.bridge} -o {cloud.bridge} -m comment --comment simplecloud:{cloud.name} -j ACCEPT"
    subprocess.run(["iptables-nft", "-w", "5", "-D", CHAIN, *words.split()], check=True)

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


def test_a_machine_without_docker_needs_no_rule_of_docker(room: Room) -> None:
    forwarding = Forwarding("sc12abbr", "simplecloud:test")

    assert room.run(lambda: forwarding.ensure(generation(), egress=False)) == []
    assert room.run(forwarding.count) == 0


def test_a_bridge_of_another_cloud_is_left_alone(cloud: Cloud) -> None:
    wanted = Bridge(cloud.bridge, IPv4Interface((cloud.gateway, 22)), "simplecloud:other")

    with Netlink() as netlink, pytest.raises(NetworkError, match="belongs to simplecloud:nettest-"):
        ensure_bridge(netlink, wanted)


# removal


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


# requests in flight


def test_a_request_is_in_flight_until_it_is_answered(cloud: Cloud) -> None:
    worker = cloud.worker()
    server = worker.room.listen(9001)

    def in_flight() -> int:
        return cloud.network.in_flight(worker.room.path, 9001)

    with socket.create_connection((str(worker.address), 9001)) as client:
        served, _ = server.accept()
        with served:
            assert in_flight() == 0
            for _ in range(2):
                client.sendall(b"request")
                assert eventually(lambda: in_flight() == 1)
                served.recv(100)
                assert in_flight() == 1
                assert eventually(_tick())
                served.sendall(b"answer")
                client.recv(100)
                assert eventually(lambda: in_flight() == 0)
                assert eventually(_tick())


def _tick() -> Callable[[], bool]:
    """Return a condition that is true after 20 ms, two ticks of the slowest kernel: ages then differ."""
    until = time.monotonic() + 0.02
    return lambda: time.monotonic() > until


def test_an_answer_is_in_flight_until_all_of_it_is_delivered(cloud: Cloud) -> None:
    worker = cloud.worker()
    server = worker.room.listen(9001)
    with socket.create_connection((str(worker.address), 9001)) as client:
        served, _ = server.accept()
        client.sendall(b"request")
        served.recv(100)
        served.setblocking(False)
        written = sum(iter(lambda: _written(served), 0))
        served.close()

        assert cloud.network.in_flight(worker.room.path, 9001) == 1

        received = 0
        while received < written:
            received += len(client.recv(1 << 20))
        assert eventually(lambda: cloud.network.in_flight(worker.room.path, 9001) == 0)


def _written(connection: socket.socket) -> int:
    try:
        return connection.send(bytes(1 << 16))
    except BlockingIOError:
        return 0


def test_requests_to_other_ports_of_the_worker_do_not_count(cloud: Cloud) -> None:
    worker = cloud.worker()
    with socket.create_connection((str(worker.address), HTTP)) as client:
        client.sendall(b"request")

        assert eventually(lambda: cloud.network.in_flight(worker.room.path, HTTP) == 1)
        assert cloud.network.in_flight(worker.room.path, HTTP + 1) == 0

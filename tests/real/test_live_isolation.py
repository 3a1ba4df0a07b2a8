"""From inside a worker: its own app is in reach, and nothing else of the cloud, the host or another cloud."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from tests.real.cloud import Apps, Cloud, apps_on, docker_by_hand, inside, running_cloud
from tests.real.netsetup.lab import host_addresses

# Prints what a connection to each address and port came to.
KNOCK = """
import socket, sys
for place in sys.argv[1:]:
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 0.7).close()
        print("open", place)
    except OSError as error:
        print("shut", place)
"""


@pytest.fixture(scope="module")
def other_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("other")) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def web(cloud: Cloud) -> Iterator[str]:
    """Lend an app of two workers to tests that look out of it and change nothing."""
    with apps_on(cloud) as apps:
        yield apps.serve(2)


def opened(cloud: Cloud, worker: str, *places: str) -> list[str]:
    """Return those of the places (HOST:PORT) that accept a connection from inside the worker."""
    outcome = inside(cloud.container(worker), "python3", "-c", KNOCK, *places)
    assert outcome.code == 0, outcome
    return [line.removeprefix("open ") for line in outcome.stdout.splitlines() if line.startswith("open")]


def address(cloud: Cloud, worker: str) -> str:
    return f"{cloud.worker(worker).address}:8000"


def test_workers_of_one_app_reach_each_other(web: str, cloud: Cloud) -> None:
    assert opened(cloud, f"{web}.1", address(cloud, f"{web}.2")) == [address(cloud, f"{web}.2")]


def test_workers_of_another_app_are_out_of_reach(web: str, apps: Apps, cloud: Cloud) -> None:
    other = apps.serve(1)

    assert opened(cloud, f"{web}.1", address(cloud, f"{other}.1")) == []


def test_every_port_of_the_cloud_s_own_machinery_is_out_of_reach(web: str, cloud: Cloud) -> None:
    settings = cloud.settings
    gateway = cloud.status()["network"]["gateway"]
    ports = (*settings.private_ports, settings.http_port, settings.tcp_first)

    places = [f"{host}:{port}" for host in {gateway, *host_addresses()} for port in ports]

    assert opened(cloud, f"{web}.1", *places) == []


def test_a_port_of_the_host_is_out_of_reach_at_every_address_of_the_host(web: str, cloud: Cloud) -> None:
    gateway = cloud.status()["network"]["gateway"]
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port = listener.getsockname()[1]

        assert opened(cloud, f"{web}.1", *(f"{host}:{port}" for host in {gateway, *host_addresses()})) == []


def test_workers_of_another_cloud_are_out_of_reach_in_both_directions(
    web: str, cloud: Cloud, other_cloud: Cloud
) -> None:
    there = Apps(other_cloud).serve(1)
    here_address, there_address = address(cloud, f"{web}.1"), address(other_cloud, f"{there}.1")

    assert opened(cloud, f"{web}.1", there_address) == []
    assert opened(other_cloud, f"{there}.1", here_address) == []
    assert cloud.get(web).status == other_cloud.get(there).status == 200
    assert cloud.get(there).status == 404


def test_a_worker_has_no_way_to_the_sockets_of_the_manager_and_of_docker(web: str, cloud: Cloud) -> None:
    sockets = inside(cloud.container(f"{web}.1"), "sh", "-c", "find / -xdev -type s 2>/dev/null; ls /run")

    assert "manager.sock" not in sockets.stdout
    assert "docker.sock" not in sockets.stdout
    assert "simplecloud" not in sockets.stdout


def test_a_worker_has_its_loopback_and_one_port_and_cannot_change_them(web: str, cloud: Cloud) -> None:
    links = "import os; print(sorted(os.listdir('/sys/class/net')))"

    seen = inside(cloud.container(f"{web}.1"), "python3", "-c", links)
    raw = inside(cloud.container(f"{web}.1"), "python3", "-c", "import socket; socket.socket(17, 3, 3)")

    assert seen.stdout == "['eth0', 'lo']\n"
    assert "Operation not permitted" in raw.stderr


def test_a_worker_resolves_its_own_name_at_once_and_no_other(web: str, cloud: Cloud) -> None:
    code = "import socket; print(socket.gethostbyname(socket.gethostname()))"

    outcome = inside(cloud.container(f"{web}.1"), "python3", "-c", code)

    assert outcome.stdout.strip() == cloud.worker(f"{web}.1").address


def test_local_users_who_are_not_root_reach_neither_etcd_nor_the_proxy_s_api(cloud: Cloud) -> None:
    ports = cloud.settings.private_ports

    by_root = [connects(port, uid=0) for port in ports]
    by_others = [connects(port, uid=65534) for port in ports]

    assert all(by_root)
    assert not any(by_others)


def connects(port: int, *, uid: int) -> bool:
    """Return whether a process of this user can connect to the port on loopback."""
    child = os.fork()
    if child == 0:
        os.setuid(uid)
        with socket.socket() as probe:
            os._exit(probe.connect_ex(("127.0.0.1", port)) != 0)
    return os.waitpid(child, 0)[1] == 0


def test_workers_run_without_capabilities_and_cannot_gain_any(web: str, cloud: Cloud) -> None:
    with docker_by_hand() as client:
        pid = client.inspect_container(cloud.container(f"{web}.1"))["State"]["Pid"]
    with open(f"/proc/{pid}/status") as status:
        fields = dict(line.rstrip().split(":\t", 1) for line in status if ":\t" in line)

    assert fields["CapEff"] == fields["CapBnd"] == "0" * 16
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"

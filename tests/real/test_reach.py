"""`--reach APP`: APP is found by its name and reached over TCP, by those that may and one way only."""

from __future__ import annotations

import os
import signal

import pytest

from manager.api.views import WorkerView
from tests.real.cloud import Apps, Cloud, containers_of, eventually, inside
from tests.real.test_live_isolation import opened

FOLLOW_S = 5.0
RESOLVE = """
import socket, sys
try:
    print(*sorted({found[4][0] for found in socket.getaddrinfo(sys.argv[1], 80, proto=6)}))
except OSError:
    pass
"""


def resolved(cloud: Cloud, container: str, name: str) -> list[str]:
    """Return the addresses that a name has inside a container."""
    outcome = inside(container, "python3", "-c", RESOLVE, name)
    assert outcome.code == 0, outcome
    return outcome.stdout.split()


def addresses(workers: list[WorkerView]) -> list[str]:
    return sorted(str(worker.address) for worker in workers)


def follows(cloud: Cloud, container: str, app: str) -> bool:
    """Return whether the app's name leads to exactly its workers."""
    return resolved(cloud, container, app) == addresses(cloud.workers(app))


def test_a_reached_app_answers_by_its_name_and_nobody_else_finds_it(apps: Apps, cloud: Cloud) -> None:
    api = apps.serve(2, stem="api")
    web, other = apps.serve(1, "--reach", api), apps.serve(1)
    place = f"{api}:8000"

    assert opened(cloud, f"{web}.1", place, f"{api}.2:8000") == [place, f"{api}.2:8000"]
    assert resolved(cloud, cloud.container(f"{web}.1"), api) == addresses(cloud.workers(api))
    assert opened(cloud, f"{other}.1", place, f"{cloud.worker(f'{api}.1').address}:8000") == []
    assert cloud.app(web).reaches == [api]
    assert api in cloud.ok("apps", web, "-o", "wide").stdout


def test_the_reached_app_s_workers_cannot_open_connections_back(apps: Apps, cloud: Cloud) -> None:
    api = apps.serve(1, stem="api")
    web = apps.serve(1, "--reach", api)

    assert opened(cloud, f"{api}.1", f"{cloud.worker(f'{web}.1').address}:8000", f"{web}:8000") == []


def test_a_command_may_connect_as_soon_as_it_begins(apps: Apps, cloud: Cloud) -> None:
    api = apps.serve(1, stem="api")
    connects = f"exec 3<>/dev/tcp/{cloud.worker(f'{api}.1').address}/8000"

    def finds_its_network() -> bool:
        name = apps.name("job")
        words = ("run", "--restart", "no", "--reach", api, name, "bash", "-c", connects)
        return cloud.run(*words).code == 0

    assert eventually(finds_its_network, within_s=30)  # at once, but on a machine that has no time for us


def test_the_name_follows_the_workers_as_they_come_and_go(apps: Apps, cloud: Cloud) -> None:
    api = apps.serve(1, stem="api")
    web = apps.serve(1, "--reach", api)
    container, before = cloud.container(f"{web}.1"), containers_of(cloud)

    cloud.ok("scale", f"{api}=3")
    eventually(lambda: follows(cloud, container, api), within_s=FOLLOW_S)
    cloud.ok("update", api, "-e", "A=1")
    eventually(lambda: follows(cloud, container, api), within_s=FOLLOW_S)
    cloud.ok("scale", f"{api}=1")
    eventually(lambda: follows(cloud, container, api), within_s=FOLLOW_S)
    cloud.ok("stop", api)
    eventually(lambda: not resolved(cloud, container, api), within_s=FOLLOW_S)

    name = f"/{cloud.container(f'{web}.1')}"
    assert containers_of(cloud)[name] == before[name]


def test_the_name_goes_on_following_under_the_next_manager(apps: Apps, cloud: Cloud) -> None:
    api = apps.serve(1, stem="api")
    web = apps.serve(1, "--reach", api)
    container = cloud.container(f"{web}.1")

    os.kill(cloud.manager_pids()[0], signal.SIGKILL)
    cloud.ok("scale", f"{api}=2")

    eventually(lambda: follows(cloud, container, api), within_s=FOLLOW_S)


def test_a_worker_has_its_own_name_and_cannot_write_the_names(apps: Apps, cloud: Cloud) -> None:
    api = apps.serve(1, stem="api")
    web = apps.serve(1, "--reach", api)
    container = cloud.container(f"{web}.1")

    assert resolved(cloud, container, f"{web}.1") == [cloud.worker(f"{web}.1").address]
    assert "127.0.0.1" in resolved(cloud, container, "localhost")
    assert "Read-only file system" in inside(container, "sh", "-c", "echo 1.1.1.1 x >> /etc/hosts").stderr


def test_an_app_that_is_not_there_is_not_reached(apps: Apps, cloud: Cloud) -> None:
    api = apps.serve(1, stem="api")
    refused = cloud.run("run", "--reach", f"{api}x", apps.name(), "sleep", "9")

    assert refused.code == 1
    assert f'no app is named "{api}x" (did you mean {api}?)' in refused.stderr
    assert cloud.app_names() == [api]


def test_a_reached_app_goes_only_with_those_that_reach_it(apps: Apps, cloud: Cloud) -> None:
    api = apps.serve(1, stem="api")
    web = apps.serve(1, "--reach", api)

    refused = cloud.run("rm", api, "-y")

    assert refused.code == 1
    assert f"{api} is reached by {web} and cannot be removed" in refused.stderr
    assert f"update --no-reach {web}    (or: rm {api} {web} -y)" in refused.stderr
    cloud.ok("rm", api, web, "-y")
    hosts = cloud.places.state / "hosts"
    eventually(lambda: not [*hosts.glob(f"{web}_*")], within_s=FOLLOW_S, what="the end of its file of names")


@pytest.mark.parametrize("user", ["nobody"])
def test_an_update_gives_and_takes_the_reach(apps: Apps, cloud: Cloud, user: str) -> None:
    api, web = apps.serve(1, stem="api"), apps.serve(1, "--user", user)
    address = f"{cloud.worker(f'{api}.1').address}:8000"

    cloud.ok("update", web, "--reach", api)
    given = resolved(cloud, cloud.container(f"{web}.1", 2), api)
    knocked = inside(cloud.container(f"{web}.1", 2), "python3", "-c", f"import socket\n{CONNECT}", address)
    cloud.ok("update", web, "--no-reach")
    taken = resolved(cloud, cloud.container(f"{web}.1", 3), api)
    shut = inside(cloud.container(f"{web}.1", 3), "python3", "-c", f"import socket\n{CONNECT}", address)

    assert (given, taken) == ([address.removesuffix(":8000")], [])
    assert (knocked.code, shut.code) == (0, 1)
    cloud.ok("rm", api, "-y")


CONNECT = "import sys; host, port = sys.argv[1].split(':'); socket.create_connection((host, int(port)), 0.7)"

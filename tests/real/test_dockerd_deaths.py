"""dockerd is killed and started again: with live-restore nobody notices, without it all comes back.

The first is a fault of the chaos tests too. The second is not: it ends every worker, and what they watch for
above all is that those of an app that nobody touches stay. All else that they watch for must hold here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from manager.engine.docker_engine import DockerEngine
from manager.host.docker_host import VARIABLE
from manager.host.parts import rules_mark
from netsetup.links import find_link
from netsetup.netlink import Netlink
from tests.chaos.parts import UNCLOSED
from tests.chaos.watch import Watch
from tests.real.cloud import Cloud, containers_of, docker_by_hand, eventually, kill_all, running_cloud
from tests.real.dockerd import OwnDockerd, own_dockerd, small_base
from tests.real.remains import orphans
from tests.real.traffic import Traffic

pytestmark = pytest.mark.filterwarnings(UNCLOSED)

SERVE = ("busybox", "httpd", "-f", "-p", "8000", "-h", "/www")
SOON_S = 15.0  # after dockerd is back


@pytest.fixture(scope="module")
def dockerd() -> Iterator[OwnDockerd]:
    with own_dockerd(small_base) as own:
        yield own


@pytest.fixture(scope="module")
def cloud(dockerd: OwnDockerd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    directory = tmp_path_factory.mktemp("operator")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, f"unix://{dockerd.socket}")
        with running_cloud(directory, docker=dockerd.socket) as cloud:
            cloud.ok("run", "-n", "2", "-p", "8000", "web", *SERVE)
            yield cloud


def is_well(cloud: Cloud) -> bool:
    status = cloud.look("status")
    if status.code:
        return False
    healthy = all(status.json[part]["healthy"] for part in ("etcd", "proxy"))
    return bool(status.json["converged"]) and healthy and cloud.is_ready("web", 2)


def test_a_dockerd_of_tests_leaves_the_machines_docker_its_bridge(dockerd: OwnDockerd) -> None:
    with docker_by_hand() as machines, Netlink() as netlink:
        options = machines.inspect_network("bridge")["Options"]

        assert find_link(netlink, options["com.docker.network.bridge.name"]) is not None


def test_with_live_restore_no_request_fails_and_no_worker_is_another(
    dockerd: OwnDockerd, cloud: Cloud
) -> None:
    before = containers_of(cloud)

    with Traffic(cloud, "web") as traffic, Watch(cloud, before) as watch:
        with dockerd.killed(keeps=True):
            cloud.ok("scale", "web=3", "--detach")
            traffic.flows_on(200)
            status = cloud.status()
        eventually(lambda: cloud.is_ready("web", 3), SOON_S)
        cloud.ok("scale", "web=2")

    assert traffic.failures == {}
    assert watch.broken == {}
    assert not status["docker"]["healthy"]
    assert containers_of(cloud) == before


def test_an_up_that_finds_no_docker_takes_nothing_from_those_who_serve(
    dockerd: OwnDockerd, cloud: Cloud
) -> None:
    before = containers_of(cloud)

    with Traffic(cloud, "web") as traffic:
        with dockerd.killed(keeps=True):
            kill_all(cloud)
            refused = cloud.run("up")
            traffic.flows_on(50)
        cloud.ok("up")

    assert refused.code == 1
    assert "leaving what was there before" in refused.stderr
    assert traffic.failures == {}
    assert containers_of(cloud) == before


def test_no_part_runs_before_the_rules_are_loaded_that_shut_others_out_of_it(
    dockerd: OwnDockerd, cloud: Cloud
) -> None:
    mark = rules_mark(cloud.places)

    with dockerd.killed(keeps=False):  # it ends the parts, and starts them again, as after a boot
        mark.unlink()
    engine = DockerEngine(cloud.name, dockerd.socket)
    eventually(lambda: "running" not in engine.parts.states().values(), SOON_S)
    engine.close()

    mark.touch()
    eventually(lambda: is_well(cloud), SOON_S)


def test_without_live_restore_all_comes_back_by_itself(dockerd: OwnDockerd, cloud: Cloud) -> None:
    before = containers_of(cloud)

    with Traffic(cloud, "web") as traffic, Watch(cloud, {}) as watch:
        with dockerd.killed(keeps=False):
            pass
        eventually(lambda: is_well(cloud), SOON_S, "a cloud that is well")
        well_at = time.monotonic()
        traffic.flows_on(120)

    assert [why for sent_at, why in traffic.failed_at if sent_at > well_at] == []
    assert watch.broken == {}
    assert orphans(cloud) == []
    after = containers_of(cloud)
    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values())

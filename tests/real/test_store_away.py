"""While etcd is away: reads tell what was last known, writes are refused, workers and proxy go on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from manager.api.errors import StoreUnavailable
from manager.host.files import locked
from tests.chaos.parts import etcd_call
from tests.real.cloud import (
    Apps,
    Cloud,
    containers_of,
    docker_by_hand,
    etcd_away,
    eventually,
    pause_by_hand,
    processes_of,
)
from tests.real.line import answer, ask, line_to
from tests.real.traffic import Traffic
from tests.stopping import hanging, stop
from tests.turns import LEFTOVERS


@pytest.fixture
def apps(apps: Apps, cloud: Cloud) -> Iterator[Apps]:
    """The apps stay until etcd answers again and the cloud is as it is wanted."""
    yield apps
    eventually(cloud.is_well, within_s=30)


def test_reads_tell_the_last_known_and_writes_are_refused_while_traffic_goes_on(
    apps: Apps, cloud: Cloud
) -> None:
    name = apps.serve(2)
    before = containers_of(cloud)

    with Traffic(cloud, name) as traffic:
        with etcd_away(cloud):
            eventually(lambda: "last known" in cloud.here("ps", name).stderr, within_s=10)
            listed = cloud.workers(name)
            refused = cloud.run("scale", f"{name}=3")
            status = cloud.status()
        eventually(cloud.is_well, within_s=30)
        unchanged = cloud.app(name).want
        cloud.ok("scale", f"{name}=3")

    assert [worker.state for worker in listed] == ["ready", "ready"]
    assert refused.code == 1
    assert "etcd" in refused.stderr
    assert "does not answer" in refused.stderr
    assert "hint:  status\n" in refused.stderr
    assert not status["etcd"]["healthy"]
    assert unchanged == 2
    assert traffic.failures == {}
    assert before.items() <= containers_of(cloud).items()


def test_a_write_that_meets_a_dead_store_is_an_error_of_its_own_kind(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sleep", "1000")

    with etcd_away(cloud):
        adopted = cloud.run("adopt", "--dry-run")
        with line_to(cloud) as line:
            ask(line, "scale", {"change": [f"{name}=2"], "request": f"away-{name}"})
            with pytest.raises(StoreUnavailable):
                answer(line)

    assert "does not answer" in adopted.stderr, str(adopted)


def test_etcd_that_was_killed_by_hand_is_started_again(apps: Apps, cloud: Cloud) -> None:
    name, part = apps.serve(1), cloud.part("etcd", 1)

    with docker_by_hand() as client:
        before = client.inspect_container(part)["State"]["StartedAt"]
        client.kill(part)  # Docker itself does not bring back what it was told to kill
        eventually(lambda: client.inspect_container(part)["State"]["StartedAt"] != before, within_s=10)
    eventually(cloud.is_well, within_s=15)

    cloud.ok("scale", f"{name}=2")
    assert cloud.is_ready(name, 2)


def test_a_worker_killed_while_etcd_is_away_is_replaced_once_it_is_back(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)
    victim = cloud.worker(f"{name}.1").pid
    assert victim is not None

    with etcd_away(cloud):
        os.kill(victim, signal.SIGKILL)

    eventually(cloud.is_well, within_s=20)
    eventually(lambda: cloud.worker(f"{name}.1").pid not in (victim, None), within_s=10, what="another one")
    eventually(lambda: cloud.is_ready(name, 2), within_s=10)


def test_a_manager_that_starts_while_etcd_is_away_leads_when_it_is_back(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)
    before = containers_of(cloud)

    with Traffic(cloud, name) as traffic:
        with etcd_away(cloud):
            dead = set(processes_of(cloud))
            for pid in cloud.manager_pids():
                os.kill(pid, signal.SIGKILL)
            eventually(lambda: processes_of(cloud).keys() - dead, within_s=10, what="another manager")
        eventually(cloud.is_well, within_s=30)

    assert traffic.failures == {}
    assert containers_of(cloud) == before
    cloud.ok("scale", f"{name}=3")


def test_a_proxy_that_was_killed_serves_again_with_all_its_routes(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)

    cloud.ok("crash", "proxy", "-y")
    eventually(lambda: cloud.serves(name), within_s=10)
    with docker_by_hand() as client:
        client.kill(cloud.part("proxy"))
    eventually(lambda: cloud.serves(name), within_s=10)

    eventually(lambda: cloud.status()["proxy"]["healthy"], within_s=5)


def test_a_proxy_that_was_stopped_goes_on_by_itself(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)
    with docker_by_hand() as client:
        pid = client.inspect_container(cloud.part("proxy"))["State"]["Pid"]

    with told(cloud, "proxy: told to go on: a signal had stopped it"):
        stop(pid)
        answered = cloud.get(name, within_s=30).status

    assert answered == 200  # who waited is answered: it was not restarted


def test_a_proxy_that_hangs_is_restarted(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)
    with docker_by_hand() as client:
        pid = client.inspect_container(cloud.part("proxy"))["State"]["Pid"]

    with told(cloud, "proxy: restarted: it answered nobody for 30 s"), hanging(pid):
        fixes = {check["fix"] for check in cloud.run("trace", name, "-o", "json").items}
        eventually(lambda: cloud.serves(name), within_s=90)

    assert fixes == {"", "doctor --fix"}


def test_events_tell_what_befell_the_proxy(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)

    with told(cloud, "proxy: unpaused"), docker_by_hand() as client:
        pause_by_hand(client, cloud.part("proxy"))
    with told(cloud, "proxy: started again: it did not run"), docker_by_hand() as client:
        client.kill(cloud.part("proxy"))
    with told(cloud, "proxy: its process ended, and it runs again"):
        cloud.ok("crash", "proxy", "-y")

    eventually(lambda: cloud.serves(name), within_s=10)


@contextmanager
def told(cloud: Cloud, event: str) -> Iterator[None]:
    """`events` tells once more of what is done in the `with`, and the proxy is well afterwards."""
    before = ids_of(cloud, event)
    yield
    eventually(lambda: ids_of(cloud, event) - before, within_s=20, what=event)
    eventually(lambda: cloud.status()["proxy"]["healthy"], within_s=10, what="a healthy proxy")


def ids_of(cloud: Cloud, event: str) -> set[str]:
    """Return which events say so: the oldest of all go, so that their number tells nothing."""
    return {item["id"] for item in cloud.seen("events").items if item["text"] == event}


def raise_alarm(cloud: Cloud) -> None:
    """The first member of etcd tells that its quota is used up, and none takes writes."""
    member = etcd_call(cloud, "/v3/cluster/member/list")["members"][0]["ID"]
    etcd_call(cloud, "/v3/maintenance/alarm", action="ACTIVATE", memberID=member, alarm="NOSPACE")


def test_a_store_that_refuses_writes_is_told_and_no_manager_is_ended_for_it(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)
    leader, standby = cloud.manager_pids()
    before = logs(cloud).count("none can")

    raise_alarm(cloud)
    told = cloud.status()
    os.kill(leader, signal.SIGKILL)
    eventually(lambda: logs(cloud).count("none can") > before, within_s=20, what="that none can lead")
    led_by = cloud.status()["manager"]["pid"]
    refused = cloud.run("scale", f"{name}=2")
    with locked(LEFTOVERS):
        cloud.run("doctor", "--fix")
    eventually(cloud.is_well, within_s=10)
    cloud.ok("scale", f"{name}=2")

    assert not told["etcd"]["healthy"]
    assert told["notes"][0] == "etcd: NOSPACE: its quota is used up and it takes no writes (doctor --fix)"
    assert led_by == standby
    assert refused.code == 1
    assert cloud.status()["manager"]["pid"] == standby


def logs(cloud: Cloud) -> str:
    return "".join(file.read_text() for file in cloud.places.log.glob("manager-*.log"))

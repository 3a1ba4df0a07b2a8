"""In a frozen cloud nothing happens by itself, what is asked for happens, and requests go to the living."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.real.cloud import Apps, Cloud, docker_by_hand, eventually
from tests.real.traffic import Traffic

LONG_S = 4.0  # a worker that ends is back within one second when nothing is frozen


@pytest.fixture
def thawed(cloud: Cloud) -> Iterator[None]:
    """Nothing of the shared cloud is frozen afterwards."""
    yield
    cloud.ok("thaw")


def states(cloud: Cloud, app: str) -> list[str]:
    return [worker.state for worker in cloud.workers(app)]


def stays(cloud: Cloud, app: str, *wanted: str) -> bool:
    """Return whether the app's workers are in these states (A|B: in one of them), and still after LONG_S."""
    pattern = " ".join(f"({state})" for state in wanted)

    def are_so() -> bool:
        return re.fullmatch(pattern, " ".join(states(cloud, app))) is not None

    eventually(are_so, within_s=5, what=f"{app}'s workers {pattern}")
    time.sleep(LONG_S)
    return are_so()


def test_a_worker_of_a_frozen_app_that_dies_stays_dead_and_gets_no_requests(apps: Apps, cloud: Cloud) -> None:
    name, other = apps.serve(2), apps.serve(1)
    cloud.ok("freeze", name)

    for app in (name, other):
        cloud.ok("crash", f"{app}.1", "-y")

    assert stays(cloud, name, "backoff", "ready")
    assert f"frozen: thaw {name}" in cloud.workers(name)[0].reason
    eventually(lambda: cloud.is_ready(other, 1), within_s=10, what=f"the worker of {other}")
    assert {cloud.get(name).worker for _ in range(20)} == {f"{name}.2"}


def test_a_frozen_app_is_scaled_updated_and_removed_by_hand(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)
    cloud.ok("freeze", name)

    with Traffic(cloud, name) as traffic:
        cloud.ok("scale", f"{name}=3")
        cloud.ok("update", "-e", "A=b", name)
        cloud.ok("scale", f"{name}=1")

    assert traffic.failures == {}
    await_note_of_freeze(cloud, name)
    cloud.ok("rm", name, "-y")
    assert name not in cloud.status()["frozen"]


def await_note_of_freeze(cloud: Cloud, app: str) -> None:
    """The note is of the freeze alone: a worker that answers a check too late is in it for a moment."""
    eventually(lambda: cloud.app(app).note == f"frozen (thaw {app})", what=f"a note on {app} of its freeze")


def test_a_frozen_app_whose_removal_is_taken_back_is_frozen_again(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)
    cloud.ok("freeze", name)
    cloud.ok("rm", name, "-y")

    cloud.ok("undo", name)

    assert cloud.app(name).frozen
    await_note_of_freeze(cloud, name)


def test_the_dead_come_back_by_hand_or_when_it_thaws(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)
    cloud.ok("freeze", name)
    with docker_by_hand() as client:
        for slot in (1, 2):
            client.remove_container(cloud.container(f"{name}.{slot}"), force=True)
    assert stays(cloud, name, "failed|backoff", "failed|backoff")  # backoff: its end was seen before it went

    cloud.ok("restart", f"{name}.1")
    assert states(cloud, name)[0] == "ready"

    cloud.ok("thaw", name)
    eventually(lambda: cloud.is_ready(name, 2), within_s=10)


@pytest.mark.usefixtures("thawed")
def test_a_freeze_outlives_the_manager_and_no_link_is_mended(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)
    cloud.ok("freeze")
    leader, _ = cloud.manager_pids()
    subprocess.run(["kill", f"-{signal.SIGKILL.value}", str(leader)], check=True)
    eventually(lambda: cloud.look("status").code == 0, within_s=15)
    eventually(lambda: cloud.is_led_by_another(leader), within_s=15, what="another leader")

    subprocess.run(["ip", "link", "delete", cloud.link(f"{name}.1")], check=True)

    assert cloud.status()["frozen"] == ["all"]
    assert stays(cloud, name, "unready", "ready")
    cloud.ok("net", "--repair")
    eventually(lambda: cloud.is_ready(name, 2), within_s=5)


def test_freezing_twice_is_freezing_once(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)

    said = [cloud.ok(verb, name).stdout.strip() for verb in ("freeze", "freeze", "thaw", "thaw")]

    assert said == [
        f"{name} is frozen: nothing is done by itself until: thaw {name}",
        f"{name} is frozen: nothing is done by itself until: thaw {name}",
        f"{name} is thawed",
        f"{name} is not frozen",
    ]


def test_a_thaw_of_the_cloud_tells_which_app_alone_is_frozen(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)
    cloud.ok("freeze", name)

    said = cloud.ok("thaw")

    assert said.stdout == "the cloud itself is not frozen\n"
    assert said.stderr == f"note: {name} stays frozen: thaw {name}\n"
    cloud.ok("thaw", name)


def test_a_failed_update_of_a_frozen_app_is_rolled_back_by_hand(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)
    cloud.ok("freeze", name)

    failed = cloud.run("update", name, "sh", "-c", "exit 3")

    assert failed.code == 1
    assert "is frozen: exit code 3" in failed.stderr
    assert cloud.get(name).status == 200
    assert cloud.app(name).revision == 2
    cloud.ok("rollback", name)
    assert cloud.app(name).ready == 1


def test_a_frozen_app_is_decided_on_and_not_scaled(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1, "--max", "3", "--cpus", "0.2")
    cloud.ok("freeze", name)

    cloud.ok("load", name, "--rps", "60", "--for", "8s", "--path", "/?ms=20")

    decision = cloud.seen("explain", name).json
    assert (decision["to"], decision["carried_out"]) == (1, False)
    assert decision["reason"].startswith("frozen")
    assert cloud.app(name).want == 1

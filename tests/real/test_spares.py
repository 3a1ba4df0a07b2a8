"""Spares are containers that are ready and paused: a scale-up takes them, whatever becomes of the manager."""

from __future__ import annotations

import os
import signal

from tests.real.cloud import SERVER, Apps, Cloud, containers_of, docker_by_hand, eventually
from tests.real.traffic import Traffic

SOON_S = 20.0  # they are made one after the other, and after everything else


def spares(cloud: Cloud, app: str) -> list[str]:
    """Return the names of the app's spares that are ready and paused."""
    return [worker.name for worker in cloud.workers(app, "-a") if worker.state == "spare"]


def await_spares(cloud: Cloud, app: str, *slots: int) -> None:
    wanted = [f"{app}.{slot}" for slot in slots]
    eventually(lambda: spares(cloud, app) == wanted, SOON_S, f"the spares {wanted}")


def docker_state(container: str) -> str:
    with docker_by_hand() as client:
        return str(client.inspect_container(container)["State"]["Status"])


def test_spares_are_ready_paused_and_in_no_route(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1, "--spares", "2")
    await_spares(cloud, name, 2, 3)

    assert [docker_state(cloud.container(f"{name}.{slot}")) for slot in (1, 2, 3)] == [
        "running",
        "paused",
        "paused",
    ]
    assert [worker.name for worker in cloud.workers(name)] == [f"{name}.1"]
    app = cloud.app(name)
    assert (app.want, app.ready, app.spares) == (1, 1, 2)
    assert {cloud.get(name).worker for _ in range(10)} == {f"{name}.1"}
    refused = cloud.run("exec", f"{name}.2", "true")
    assert (refused.code, "paused until it is wanted" in refused.stderr) == (1, True)


def test_a_scale_up_takes_the_spares_and_loses_no_request(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1, "--spares", "4")
    await_spares(cloud, name, 2, 3, 4, 5)
    before = containers_of(cloud)

    with Traffic(cloud, name) as traffic:
        cloud.ok("scale", f"{name}=5")
        traffic.flows_on(100)

    assert traffic.failures == {}
    assert set(traffic.workers) == {f"{name}.{slot}" for slot in range(1, 6)}
    after = containers_of(cloud)
    assert {container: after.get(container) for container in before} == before
    await_spares(cloud, name, 6, 7, 8, 9)


def test_a_worker_too_many_is_the_next_spare_once_it_is_drained(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(3, "--spares", "1")
    await_spares(cloud, name, 4)
    before = containers_of(cloud)

    with Traffic(cloud, name) as traffic:
        cloud.ok("scale", f"{name}=1")
        await_spares(cloud, name, 2)
        cloud.ok("scale", f"{name}=2")
        traffic.flows_on(100)

    assert traffic.failures == {}
    after = containers_of(cloud)
    assert len(before.items() & after.items()) == 2, "both workers are those from before"


def test_spares_outlive_their_manager(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1, "--spares", "2")
    await_spares(cloud, name, 2, 3)
    before, leader = containers_of(cloud), cloud.manager_pids()[0]

    os.kill(leader, signal.SIGKILL)
    eventually(lambda: cloud.is_led_by_another(leader), SOON_S, "another leader")

    assert spares(cloud, name) == [f"{name}.2", f"{name}.3"]
    cloud.ok("scale", f"{name}=3")
    after = containers_of(cloud)
    assert {container: after.get(container) for container in before} == before
    cloud.manager_pids()  # as soon as there are both


def test_a_spare_that_dies_is_replaced(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1, "--spares", "1")
    await_spares(cloud, name, 2)
    before = containers_of(cloud)

    cloud.ok("crash", f"{name}.2", "-y")
    eventually(lambda: set(containers_of(cloud).items()) - set(before.items()), SOON_S, "a new container")
    await_spares(cloud, name, 2)

    assert containers_of(cloud).keys() == before.keys()
    assert cloud.is_ready(name, 1)


def test_an_update_replaces_the_spares(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1, "--spares", "2")
    await_spares(cloud, name, 2, 3)

    cloud.ok("update", "-e", "COLOUR=blue", name)

    eventually(lambda: revisions(cloud, name) == [2, 2, 2], SOON_S, "three of the new revision")
    await_spares(cloud, name, 2, 3)


def test_the_number_of_spares_is_changed_without_another_revision(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)
    before = containers_of(cloud)

    cloud.ok("update", name, "--spares", "2")
    await_spares(cloud, name, 2, 3)
    cloud.ok("update", name, "--spares", "0")

    assert containers_of(cloud) == before
    assert revisions(cloud, name) == [1]
    assert "nothing was changed" in cloud.ok("update", name, "--spares", "0").stderr


def test_an_app_that_is_stopped_has_no_spares(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1, "--spares", "1")
    await_spares(cloud, name, 2)

    cloud.ok("stop", name)
    assert not any(f"_{name}_" in container for container in containers_of(cloud))

    cloud.ok("start", name)
    await_spares(cloud, name, 2)


def revisions(cloud: Cloud, app: str) -> list[int]:
    return [worker.revision for worker in cloud.workers(app, "-a")]


def test_spares_are_adopted_and_go_with_the_cloud(lone: Cloud) -> None:
    lone.ok("run", "--spares", "2", "-p", "8000", "shop", SERVER, "8000")
    await_spares(lone, "shop", 2, 3)
    before = containers_of(lone)
    with lone.store() as store:
        store.delete_prefix("apps/")
        store.delete_prefix("workers/")
    eventually(lambda: "no record" in " ".join(lone.status()["notes"]), 10, "the note on lost records")

    lone.ok("adopt", "-y")

    assert containers_of(lone) == before
    assert eventually(lambda: lone.is_ready("shop", 1), 10)
    assert spares(lone, "shop") == ["shop.2", "shop.3"]

"""What somebody deletes or adds by hand behind the manager's back is put right within five seconds."""

from __future__ import annotations

import json
import subprocess

import pytest

from manager.state.records import PROXY
from tests.real.cloud import Apps, Cloud, containers_of, docker_by_hand, eventually
from tests.real.traffic import Traffic

REPAIR_S = 5.0


def by_hand(*command: str) -> None:
    """Do what an operator does in another terminal."""
    subprocess.run(command, check=True, capture_output=True)


def test_a_worker_s_link_comes_back_and_its_container_runs_on(apps: Apps, cloud: Cloud) -> None:
    name, other = apps.serve(1), apps.serve(1)
    before = containers_of(cloud)

    with Traffic(cloud, other) as traffic:
        by_hand("ip", "link", "delete", cloud.link(f"{name}.1"))
        eventually(lambda: cloud.serves(name, within_s=0.5), within_s=REPAIR_S)

    assert containers_of(cloud) == before
    assert traffic.failures == {}
    eventually(lambda: cloud.is_ready(name, 1), within_s=REPAIR_S)


def test_the_bridge_comes_back_with_every_worker_on_it(apps: Apps, cloud: Cloud) -> None:
    name, other = apps.serve(2), apps.serve(1)
    before = containers_of(cloud)

    by_hand("ip", "link", "delete", cloud.status()["network"]["bridge"])

    eventually(
        lambda: cloud.serves(name, within_s=0.5) and cloud.serves(other, within_s=0.5), within_s=REPAIR_S
    )
    eventually(lambda: cloud.is_ready(name, 2) and cloud.is_ready(other, 1), within_s=REPAIR_S)
    assert containers_of(cloud) == before


@pytest.mark.parametrize("family", ["bridge", "inet"])
def test_deleted_rules_come_back_and_requests_pass_meanwhile(family: str, apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)
    table = f"sc_{cloud.places.tag}"
    before = rules(family, table)

    with Traffic(cloud, name) as traffic:
        by_hand("nft", "delete", "table", family, table)
        eventually(lambda: rules(family, table) == before, within_s=REPAIR_S)
        traffic.flows_on()

    assert traffic.failures == {}


def test_a_flushed_chain_comes_back(apps: Apps, cloud: Cloud) -> None:
    apps.serve(1)
    table = f"sc_{cloud.places.tag}"
    before = rules("bridge", table)

    by_hand("nft", "flush", "chain", "bridge", table, "forward")

    eventually(lambda: rules("bridge", table) == before, within_s=REPAIR_S)


def rules(family: str, table: str) -> list[str]:
    """Return the rules and elements of a table, without counts and in no order; none when it is not there."""
    found = subprocess.run(
        ["nft", "-s", "list", "table", family, table], capture_output=True, text=True, check=False
    )
    return sorted(word for word in found.stdout.replace(",", " ").split() if word)


def test_docker_s_rule_for_the_bridge_comes_back(apps: Apps, cloud: Cloud) -> None:
    apps.serve(1)
    [rule] = own_rules(cloud)

    by_hand("iptables", "-D", *rule.split()[1:])

    eventually(lambda: own_rules(cloud) == [rule], within_s=REPAIR_S)


def own_rules(cloud: Cloud) -> list[str]:
    listed = subprocess.run(["iptables", "-S", "DOCKER-USER"], capture_output=True, text=True, check=True)
    lines = listed.stdout.replace('"', "").splitlines()
    return [line for line in lines if f"simplecloud:{cloud.name}" in line]


def test_a_worker_s_container_that_was_removed_is_replaced_without_a_failed_request(
    apps: Apps, cloud: Cloud
) -> None:
    name = apps.serve(3)
    gone = cloud.worker(f"{name}.2").container

    with Traffic(cloud, name) as traffic:
        with docker_by_hand() as client:
            client.remove_container(cloud.container(f"{name}.2"), force=True)
        eventually(lambda: cloud.worker(f"{name}.2").container not in (gone, None), within_s=REPAIR_S)
        eventually(lambda: cloud.is_ready(name, 3), within_s=REPAIR_S)
        traffic.flows_on()

    assert traffic.failures == {}


def test_a_renamed_container_has_its_name_again_and_runs_on(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)
    before = containers_of(cloud)

    rename(cloud, f"{name}.1", f"{name}-x")
    by_hand("ip", "link", "delete", cloud.link(f"{name}.1"))

    eventually(lambda: containers_of(cloud) == before, within_s=60)
    eventually(lambda: cloud.is_ready(name, 2), within_s=60)
    assert "no such container" not in cloud.ok("logs", f"{name}.1").stderr


def test_a_renamed_worker_that_ends_is_started_again_and_one_that_is_not_wanted_goes(
    apps: Apps, cloud: Cloud
) -> None:
    name = apps.serve(2)
    before = containers_of(cloud)

    with docker_by_hand() as client:
        client.kill(rename(cloud, f"{name}.2", f"{name}-x"))
    eventually(lambda: containers_of(cloud).keys() == before.keys() and cloud.is_ready(name, 2), within_s=60)
    rename(cloud, f"{name}.2", f"{name}-y")
    cloud.ok("scale", f"{name}=1")

    names = [found for found in containers_of(cloud) if name in found]
    assert names == [f"/{cloud.container(f'{name}.1')}"]


def rename(cloud: Cloud, worker: str, name: str) -> str:
    """Give a worker's container another name by hand; return its id."""
    with docker_by_hand() as client:
        container = str(client.inspect_container(cloud.container(worker))["Id"])
        client.rename(container, name)
    return container


def test_the_proxy_comes_back_when_its_container_was_removed(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)
    before = containers_of(cloud)

    with docker_by_hand() as client:
        client.remove_container(cloud.part("proxy"), force=True)

    eventually(lambda: cloud.serves(name, within_s=0.5), within_s=REPAIR_S)
    eventually(lambda: cloud.is_ready(name, 1), within_s=REPAIR_S)
    assert containers_of(cloud) == before


FOREIGN_KEYS = {
    "unknown": {"http/routers/foreign/nonsense": "1"},
    "undecodable": {"http/services/foreign/loadbalancer/servers/x/weight": "many"},
    "of an app": {"http/routers/foreign/rule": "Host(`x`)", "http/routers/foreign/service": "nosuch"},
    "not even close": {"hello": "world", "http/": ""},
}


@pytest.mark.parametrize("keys", FOREIGN_KEYS.values(), ids=FOREIGN_KEYS)
def test_foreign_keys_under_the_proxy_s_root_are_removed_and_routes_still_change(
    keys: dict[str, str], apps: Apps, cloud: Cloud
) -> None:
    name = apps.serve(1)

    with cloud.store() as store:
        store.write({PROXY + key: value for key, value in keys.items()})
        eventually(
            lambda: not store.read(PROXY).entries.keys() & {PROXY + key for key in keys}, within_s=REPAIR_S
        )

    assert cloud.get(name).status == 200
    cloud.ok("scale", f"{name}=2")
    assert {cloud.get(name).worker for _ in range(6)} == {f"{name}.1", f"{name}.2"}


def test_routes_that_were_deleted_by_hand_come_back(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)

    with cloud.store() as store:
        before = store.read(PROXY).entries
        store.delete_prefix(PROXY)
        eventually(lambda: store.read(PROXY).entries.keys() == before.keys(), within_s=REPAIR_S)

    eventually(lambda: cloud.serves(name, within_s=0.5), within_s=REPAIR_S)


def test_a_container_with_our_label_and_no_record_is_left_alone_and_told(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sleep", "1000")
    with cloud.store() as store:
        entries = store.read("apps/", "workers/").entries
        lost = {key: entry.value for key, entry in entries.items() if f"/{name}" in key}
        store.write({}, lost)  # as after the restore of an older backup
        try:
            eventually(lambda: is_told_of(cloud, f"{name}.1"), within_s=REPAIR_S)
            running = containers_of(cloud)
        finally:
            store.write(lost)
    eventually(lambda: name in cloud.app_names() and cloud.is_ready(name, 1), within_s=REPAIR_S)

    assert f"/{cloud.container(f'{name}.1')}" in running


def is_told_of(cloud: Cloud, worker: str) -> bool:
    """Return whether the status has a note on the worker's container."""
    return any(cloud.container(worker) in note for note in cloud.status()["notes"])


def test_a_record_that_cannot_be_read_is_left_alone_and_the_other_apps_work(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)
    foreign = {"apps/from-the-future": '{"v":99,"name":"from-the-future"}'}
    with cloud.store() as store:
        store.write(foreign)
        try:
            cloud.ok("scale", f"{name}=2")
            notes = cloud.status()["notes"]
            kept = store.read("apps/from-the-future").entries
        finally:
            store.write({}, foreign)

    assert any("from-the-future" in note for note in notes)
    assert kept
    assert cloud.get(name).status == 200


def test_a_record_with_the_address_of_another_worker_is_left_alone_and_told(apps: Apps, cloud: Cloud) -> None:
    name, other = apps.serve(1), apps.run("sleep", "1000")
    with cloud.store() as store:
        entries = store.read("workers/").entries
        [holder] = [json.loads(e.value) for key, e in entries.items() if f"/{name}/" in key]
        [key] = [key for key in entries if f"/{other}/" in key]
        before = entries[key].value
        store.write({key: json.dumps({**json.loads(before), "address": holder["address"]})})
        try:
            eventually(lambda: any(key in note for note in cloud.status()["notes"]), within_s=REPAIR_S)
            cloud.ok("scale", f"{name}=2")
        finally:
            store.write({key: before})

    assert cloud.get(name).status == 200
    eventually(lambda: cloud.is_ready(other, 1), within_s=REPAIR_S)

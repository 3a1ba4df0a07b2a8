"""What `doctor` says of records that nobody can read, and of workers that have none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manager.api.places import Places
from manager.host.checks.records import lost, records, unreadable
from manager.host.settings import Settings
from manager.state.records import encode
from tests.simulation.worlds import a_container, a_worker, an_app

PLACES = Places("nowhere")
SETTINGS = Settings(8080, 9000, 9015, 23000, ((23001, 23002),), "10.200.0.0/22")
ENTRIES = {"apps/web": encode(an_app()), "workers/web/1/1": encode(a_worker(1))}


@pytest.fixture(autouse=True)
def called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMPLECLOUD_PROGRAM", raising=False)
    monkeypatch.delenv("SIMPLECLOUD_CLOUD", raising=False)


def test_only_what_this_version_cannot_read_is_unreadable() -> None:
    found = unreadable({**ENTRIES, "apps/new": '{"v":9}', "targets/web": "torn"})

    assert set(found) == {"apps/new", "targets/web"}
    assert "version 9 is not known here" in found["apps/new"]


def test_a_record_that_cannot_be_read_is_named_with_the_command_that_forgets_it() -> None:
    found = records(PLACES, SETTINGS, {"workers/web/1/1": "torn", "apps/new": "version 9"}).view

    assert found.state == "FAIL"
    assert found.fact == "left alone, as they cannot be read: apps/new (version 9), workers/web/1/1"
    assert found.fix == f"etcdctl --endpoints {SETTINGS.etcd_endpoints[0]} del simplecloud/nowhere/apps/new"


def test_every_worker_that_has_its_record_is_well() -> None:
    assert lost(PLACES, [a_container(a_worker(1).key)], ENTRIES, {}).view.state == "ok"


def test_a_lost_worker_is_named_and_adopted_and_one_that_has_ended_is_removed() -> None:
    running = a_container(a_worker(2).key)
    ended = replace(a_container(a_worker(3).key), state="exited")

    alive, dead = (lost(PLACES, found, ENTRIES, {}).view for found in ([running], [running, ended]))

    assert (alive.state, alive.fix) == ("warn", "simplecloud --cloud nowhere adopt -y")
    assert alive.fact == f"1 container without a record, left alone: {running.name}"
    assert dead.fix == f"docker rm {ended.name}"


def test_the_workers_of_a_record_that_cannot_be_read_are_not_lost() -> None:
    found = lost(PLACES, [a_container(a_worker(2).key)], ENTRIES, {"workers/web/2/1": "torn"})

    assert found.view.state == "ok"

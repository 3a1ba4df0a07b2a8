"""What `doctor` says of records that nobody can read, and of workers that have none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manager.api.places import Places
from manager.engine.containers import Container
from manager.host.checks.records import compare, lost, records, unreadable
from manager.host.settings import Settings
from manager.state.records import encode
from tests.fakes.engine import FakeEngine
from tests.fakes.store import FakeStore
from tests.simulation.worlds import NOW, SUBNET, a_container, a_worker, an_app

PLACES = Places("nowhere")
SETTINGS = Settings(8080, 9000, 9015, 23000, ((23001, 23002),), str(SUBNET))
ETCDCTL = f"etcdctl --endpoints {SETTINGS.etcd_endpoints[0]}"
ENTRIES = {"apps/web": encode(an_app()), "workers/web/1/1": encode(a_worker(1))}


@pytest.fixture(autouse=True)
def called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMPLECLOUD_PROGRAM", raising=False)
    monkeypatch.delenv("SIMPLECLOUD_CLOUD", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")


def test_only_what_this_version_cannot_read_is_unreadable() -> None:
    found = unreadable({**ENTRIES, "apps/new": '{"v":9}', "targets/web": "torn"}, SETTINGS.network)

    assert set(found) == {"apps/new", "targets/web"}
    assert "version 9 is not known here" in found["apps/new"]


def test_a_record_that_is_made_anew_is_named_with_the_command_that_forgets_it() -> None:
    found = records(PLACES, SETTINGS, {"workers/web/1/1": "torn", "targets/new": "version 9"}).view

    assert found.state == "FAIL"
    assert found.fact == "left alone, as they cannot be read: targets/new (version 9), workers/web/1/1"
    assert found.fix == f"{ETCDCTL} del simplecloud/nowhere/targets/new"


def test_a_fix_installs_etcdctl_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)

    found = records(PLACES, SETTINGS, {"targets/web": "torn"}).view

    assert found.fix == f"apt-get install etcd-client && {ETCDCTL} del simplecloud/nowhere/targets/web"


def test_no_fix_forgets_what_was_asked_for_and_the_fact_tells_how_that_is_done() -> None:
    found = records(PLACES, SETTINGS, {"workers/web/1/1": "torn", "apps/new": "version 9"}).view

    assert "; another version of simplecloud may read apps/new" in found.fact
    assert found.fact.endswith(f"once it is saved, `{ETCDCTL} del simplecloud/nowhere/apps/new` ends its app")
    assert found.fix == f"{ETCDCTL} get --print-value-only simplecloud/nowhere/apps/new > apps-new.json"


def test_a_fix_quotes_the_key_of_a_record() -> None:
    found = records(PLACES, SETTINGS, {"targets/$(reboot)": "torn"}).view

    assert found.fix == f"{ETCDCTL} del 'simplecloud/nowhere/targets/$(reboot)'"


def test_every_worker_that_has_its_record_is_well() -> None:
    assert lost(PLACES, [a_container(a_worker(1).key)], ENTRIES, {}).view.state == "ok"


class Growing(FakeEngine):
    """An app is scaled up, then down, while somebody lists its workers."""

    store: FakeStore

    def workers(self) -> list[Container]:
        self.store.write({"workers/web/2/1": encode(a_worker(2))}, ["workers/web/1/1"])
        return [a_container(a_worker(slot).key) for slot in (1, 2, 3)]


def test_workers_that_come_and_go_while_doctor_looks_are_not_lost() -> None:
    engine = Growing(now=lambda: NOW)
    engine.store = FakeStore(lambda: NOW)
    engine.store.write(ENTRIES)

    read, workers = compare(PLACES, SETTINGS, engine.store, engine)

    assert read.view.fact == "all 2 can be read"
    assert (
        workers.view.fact == f"1 container without a record, left alone: {a_container(a_worker(3).key).name}"
    )


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

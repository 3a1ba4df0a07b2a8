"""State that was lost: workers go on, and what they are is rebuilt from their labels or from a backup."""

from __future__ import annotations

import shutil
from contextlib import closing
from functools import partial

from netsetup.network import Network
from tests.real.cloud import SERVER, Cloud, containers_of, etcd_away, eventually


def test_workers_outlive_a_wiped_store_and_are_adopted_by_their_labels(lone: Cloud) -> None:
    lone.ok("run", "-n", "2", "-p", "8000", "shop", SERVER, "8000")
    before = containers_of(lone)
    with lone.store() as store:
        store.delete_prefix("apps/")
        store.delete_prefix("workers/")
    eventually(lambda: "no record" in " ".join(lone.status()["notes"]), 10, "the note on lost records")
    assert containers_of(lone) == before

    lone.ok("adopt", "-y")

    assert containers_of(lone) == before
    assert lone.is_ready("shop", 2)
    assert lone.get("shop").status == 200


def test_what_was_adopted_from_an_etcd_that_lost_its_data_still_changes(lone: Cloud) -> None:
    lone.ok("run", "-n", "2", "-p", "8000", "shop", SERVER, "8000")
    before = containers_of(lone)
    with etcd_away(lone):
        shutil.rmtree(lone.places.state / "etcd1" / "member")
    eventually(lambda: lone.status()["etcd"]["healthy"], 20, "etcd, from nothing")
    eventually(lambda: "no record" in " ".join(lone.status()["notes"]), 10, "the note on lost records")

    lone.ok("adopt", "-y")
    scaled = lone.ok("scale", "shop=3")

    assert "3 of 3 workers ready" in scaled.stdout
    assert before.items() <= containers_of(lone).items()


def test_an_etcd_that_is_put_back_to_what_it_was_before_costs_no_worker(lone: Cloud) -> None:
    lone.ok("run", "-n", "2", "-p", "8000", "shop", SERVER, "8000")
    data, kept = lone.places.state / "etcd1" / "member", lone.directory / "member"
    with etcd_away(lone):
        shutil.copytree(data, kept)
    eventually(lone.is_well, 20, "etcd, as it was")
    lone.ok("scale", "shop=3")
    lone.ok("run", "-p", "8000", "late", SERVER, "8000")
    before = containers_of(lone)

    with etcd_away(lone):
        shutil.rmtree(data)
        shutil.copytree(kept, data)
    eventually(lambda: lone.status()["etcd"]["healthy"], 20, "etcd, as it was before")
    eventually(lambda: "no record" in " ".join(lone.status()["notes"]), 10, "the note on lost records")
    assert containers_of(lone) == before

    lone.ok("adopt", "-y")

    assert lone.is_ready("late", 1)
    for app in ("late", "shop"):  # the proxy waits for a revision that is past: it is started again for that
        eventually(partial(lone.serves, app), 20, f"an answer of {app}")
    assert all(containers_of(lone)[name] == seen for name, seen in before.items() if "shop_3" not in name)


def test_a_new_app_shares_neither_address_nor_mark_with_workers_that_the_store_has_lost(lone: Cloud) -> None:
    lone.ok("run", "-n", "2", "-p", "8000", "shop", SERVER, "8000")
    before = {worker.address for worker in lone.workers("shop")}
    with lone.store() as store:
        store.delete_prefix("apps/")
        store.delete_prefix("workers/")

    lone.ok("run", "-n", "2", "-p", "8000", "other", SERVER, "8000")
    lone.ok("adopt", "-y")

    assert {worker.address for worker in lone.workers("shop")} == before
    assert before.isdisjoint(worker.address for worker in lone.workers("other"))
    with closing(Network(lone.name, lone.places.tag, lone.settings.network, ())) as network:
        bound = network.look().bound
    marks = [{bound[lone.link(f"{app}.{slot}")].group for slot in (1, 2)} for app in ("shop", "other")]
    assert len(set.union(*marks)) == len(marks)


def test_a_backup_brings_apps_back_with_their_files(lone: Cloud) -> None:
    lone.ok("run", "-n", "2", "-p", "8000", "shop", SERVER, "8000")
    lone.ok("backup", "cloud.backup")
    lone.ok("rm", "shop", "-y")

    lone.ok("restore", "cloud.backup")

    assert lone.is_ready("shop", 2)
    assert lone.get("shop").body.startswith("hello from shop.")
    assert "nothing to restore" in lone.ok("restore", "cloud.backup").stdout


def test_a_backup_is_for_its_owner_alone_and_overwrites_nothing(cloud: Cloud) -> None:
    cloud.ok("backup", "mine.backup")

    assert (cloud.directory / "mine.backup").stat().st_mode & 0o777 == 0o600
    assert cloud.run("backup", "mine.backup").code == 1


def test_what_is_no_backup_is_refused(cloud: Cloud) -> None:
    (cloud.directory / "notes.txt").write_text("no backup at all")

    outcome = cloud.run("restore", "notes.txt")

    assert outcome.code == 2
    assert "not a backup" in outcome.stderr


def test_nothing_is_adopted_where_nothing_is_lost(cloud: Cloud) -> None:
    assert "nothing to adopt" in cloud.ok("adopt", "-y").stdout

"""State that was lost: workers go on, and what they are is rebuilt from their labels or from a backup."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest

from netsetup.network import Network
from tests.real.cloud import Apps, Cloud, containers_of, etcd_away, eventually, running_cloud


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Lend one cloud to all tests that lose the state of its apps, and win it back."""
    with running_cloud(tmp_path_factory.mktemp("operator")) as cloud:
        yield cloud


def test_workers_outlive_a_wiped_store_and_are_adopted_by_their_labels(apps: Apps, cloud: Cloud) -> None:
    shop = apps.serve(2)
    before = containers_of(cloud)
    with cloud.store() as store:
        store.delete_prefix("apps/")
        store.delete_prefix("workers/")
    eventually(lambda: "no record" in " ".join(cloud.status()["notes"]), 10, "the note on lost records")
    assert containers_of(cloud) == before

    cloud.ok("adopt", "-y")

    assert containers_of(cloud) == before
    assert cloud.is_ready(shop, 2)
    eventually(partial(cloud.serves, shop), 20, "an answer: the proxy may have yet to follow what was wiped")


def test_what_was_adopted_from_an_etcd_that_lost_its_data_still_changes(apps: Apps, cloud: Cloud) -> None:
    shop = apps.serve(2)
    before = containers_of(cloud)
    with etcd_away(cloud):
        shutil.rmtree(cloud.places.state / "etcd1" / "member")
    eventually(lambda: cloud.status()["etcd"]["healthy"], 20, "etcd, from nothing")
    eventually(lambda: "no record" in " ".join(cloud.status()["notes"]), 10, "the note on lost records")

    cloud.ok("adopt", "-y")
    scaled = cloud.ok("scale", f"{shop}=3")

    assert "3 of 3 workers ready" in scaled.stdout
    assert before.items() <= containers_of(cloud).items()


def test_an_etcd_that_is_put_back_to_what_it_was_before_costs_no_worker(apps: Apps, cloud: Cloud) -> None:
    shop = apps.serve(2)
    data, kept = cloud.places.state / "etcd1" / "member", cloud.directory / "member"
    with etcd_away(cloud):
        shutil.copytree(data, kept)
    eventually(cloud.is_well, 20, "etcd, as it was")
    cloud.ok("scale", f"{shop}=3")
    late = apps.serve(1)
    before = containers_of(cloud)

    with etcd_away(cloud):
        shutil.rmtree(data)
        shutil.copytree(kept, data)
    eventually(lambda: cloud.status()["etcd"]["healthy"], 20, "etcd, as it was before")
    eventually(lambda: "no record" in " ".join(cloud.status()["notes"]), 10, "the note on lost records")
    assert containers_of(cloud) == before

    cloud.ok("adopt", "-y")

    assert cloud.is_ready(late, 1)
    for app in (late, shop):  # the proxy waits for a revision that is past: it is started again for that
        eventually(partial(cloud.serves, app), 20, f"an answer of {app}")
    assert all(containers_of(cloud)[name] == seen for name, seen in before.items() if f"{shop}_3" not in name)


def test_a_new_app_shares_neither_address_nor_mark_with_workers_that_the_store_has_lost(
    apps: Apps, cloud: Cloud
) -> None:
    shop = apps.serve(2)
    before = {worker.address for worker in cloud.workers(shop)}
    with cloud.store() as store:
        store.delete_prefix("apps/")
        store.delete_prefix("workers/")

    other = apps.serve(2)
    cloud.ok("adopt", "-y")

    assert {worker.address for worker in cloud.workers(shop)} == before
    assert before.isdisjoint(worker.address for worker in cloud.workers(other))
    with closing(Network(cloud.name, cloud.places.tag, cloud.settings.network, ())) as network:
        bound = network.look().bound
    marks = [{bound[cloud.link(f"{app}.{slot}")].group for slot in (1, 2)} for app in (shop, other)]
    assert len(set.union(*marks)) == len(marks)


def test_a_backup_brings_apps_back_with_their_files(apps: Apps, cloud: Cloud) -> None:
    shop = apps.serve(2)
    cloud.ok("backup", "cloud.backup")
    cloud.ok("rm", shop, "-y")

    cloud.ok("restore", "cloud.backup")

    assert cloud.is_ready(shop, 2)
    assert cloud.get(shop).body.startswith(f"hello from {shop}.")
    assert "nothing to restore" in cloud.ok("restore", "cloud.backup").stdout


def test_a_backup_is_for_its_owner_alone_and_takes_the_place_of_the_last(cloud: Cloud) -> None:
    (cloud.directory / "mine.backup").write_text("of yesterday")
    cloud.ok("backup", "mine.backup")

    assert (cloud.directory / "mine.backup").stat().st_mode & 0o777 == 0o600
    assert "nothing to restore" in cloud.ok("restore", "mine.backup").stdout


def test_what_is_no_backup_is_refused(cloud: Cloud) -> None:
    (cloud.directory / "notes.txt").write_text("no backup at all")

    outcome = cloud.run("restore", "notes.txt")

    assert outcome.code == 2
    assert "not a backup" in outcome.stderr


def test_nothing_is_adopted_where_nothing_is_lost(cloud: Cloud) -> None:
    assert "nothing to adopt" in cloud.ok("adopt", "-y").stdout

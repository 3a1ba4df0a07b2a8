"""What every store does, asked of the one in memory and of a real etcd alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count

import pytest

from manager.api.errors import Conflict
from manager.store import EtcdStore, Fenced, Store, claim, seize
from tests.contract.etcd_server import PATIENT_S, EtcdServers, etcd_servers
from tests.eventually import eventually
from tests.fakes.store import FakeStore

_roots = count(1)
LEASE_ENDS_WITHIN_S = 10
FOREVER_S = 3600  # a lease that ends with keys makes a revision: none does while others look at revisions


@dataclass(frozen=True, slots=True)
class Place:
    """A store of no entries, another one of the same etcd, and how time passes for leases."""

    store: Store
    other: Store
    pass_time: Callable[[float], None]


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServers]:
    with etcd_servers(1, tmp_path_factory.mktemp("etcd")) as servers:
        yield servers


def _fake_place() -> Place:
    now = [0.0]
    store = FakeStore(clock=lambda: now[0])

    def pass_time(seconds: float) -> None:
        now[0] += seconds
        store.expire_leases()

    return Place(store, store, pass_time)


@pytest.fixture(params=["fake", "etcd"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "fake":
        yield _fake_place()
        return
    servers: EtcdServers = request.getfixturevalue("etcd")
    roots = (f"/simplecloud/test{number}/" for number in _roots)
    store, other = (EtcdStore(servers.endpoints, next(roots), timeout_s=PATIENT_S) for _ in range(2))
    with closing(store), closing(other):
        yield Place(store, other, lambda seconds: None)


@pytest.fixture
def store(place: Place) -> Store:
    return place.store


def values(store: Store, prefix: str = "") -> dict[str, str]:
    return {key: entry.value for key, entry in store.read(prefix).entries.items()}


def is_written(store: Store, key: str, lease: int) -> bool:
    """Return whether the key was written under the lease, which may have ended before."""
    try:
        store.write({key: "done"}, lease=lease)
    except Conflict:
        return False
    return True


def test_a_new_root_has_no_entries(store: Store) -> None:
    assert values(store) == {}


def test_what_was_written_is_read_with_the_revision_of_the_write(store: Store) -> None:
    revision = store.write({"apps/web": "1"})

    snapshot = store.read("apps/")

    assert snapshot.revision == revision
    entry = snapshot.entries["apps/web"]
    assert (entry.value, entry.create_revision, entry.mod_revision) == ("1", revision, revision)


def test_a_second_write_keeps_the_create_revision(store: Store) -> None:
    first = store.write({"apps/web": "1"})
    second = store.write({"apps/web": "2"})

    entry = store.read("apps/").entries["apps/web"]

    assert (entry.value, entry.create_revision, entry.mod_revision) == ("2", first, second)
    assert second > first


def test_a_key_deleted_and_put_again_is_a_new_one(store: Store) -> None:
    first = store.write({"apps/web": "1"})
    store.write({}, ["apps/web"])
    third = store.write({"apps/web": "1"})

    assert store.read("apps/").entries["apps/web"].create_revision == third > first


def test_a_read_returns_only_what_its_prefixes_name(store: Store) -> None:
    store.write({"apps/web": "", "apps/api": "", "targets/web": "", "workers/web": ""})

    assert list(store.read("targets/", "apps/").entries) == ["targets/web", "apps/api", "apps/web"]


@pytest.mark.parametrize("text", ["", "a\nb\x00c", "größer 雲 🌩", "x" * 100_000])
def test_any_text_comes_back_as_it_was(store: Store, text: str) -> None:
    store.write({"apps/web": text})

    assert values(store) == {"apps/web": text}


def test_puts_and_deletes_of_a_write_share_one_revision(store: Store) -> None:
    store.write({"a": "1", "b": "1"})

    revision = store.write({"c": "2", "a": "2"}, ["b"])

    snapshot = store.read("")
    assert {key: entry.mod_revision for key, entry in snapshot.entries.items()} == {
        "a": revision,
        "c": revision,
    }


def test_deleting_what_does_not_exist_changes_nothing(store: Store) -> None:
    before = store.write({"a": "1"})

    assert store.write({}, ["b"]) == before


def test_a_key_cannot_be_put_and_deleted_at_once(store: Store) -> None:
    with pytest.raises(ValueError, match="both put and deleted"):
        store.write({"a": "1"}, ["a"])


def test_a_key_that_must_be_absent_is_never_overwritten(store: Store) -> None:
    store.write({"apps/web": "mine"})

    with pytest.raises(Conflict, match="apps/web"):
        store.write({"apps/web": "yours", "apps/api": "yours"}, absent=["apps/web", "apps/api"])

    assert values(store) == {"apps/web": "mine"}


def test_a_key_that_changed_is_never_overwritten(store: Store) -> None:
    seen = store.write({"apps/web": "1"})
    store.write({"apps/web": "2"})

    with pytest.raises(Conflict, match="apps/web"):
        store.write({"apps/web": "3"}, unchanged={"apps/web": seen})

    assert values(store) == {"apps/web": "2"}


def test_a_key_that_was_deleted_counts_as_changed(store: Store) -> None:
    seen = store.write({"apps/web": "1"})
    store.write({}, ["apps/web"])

    with pytest.raises(Conflict):
        store.write({"targets/web": "3"}, unchanged={"apps/web": seen})


def test_a_key_that_is_as_expected_is_changed(store: Store) -> None:
    seen = store.write({"apps/web": "1"})

    store.write({"apps/web": "2", "apps/api": "2"}, unchanged={"apps/web": seen, "apps/api": 0})

    assert values(store) == {"apps/web": "2", "apps/api": "2"}


def test_a_guarded_write_sent_twice_applies_once(store: Store) -> None:
    store.write({"requests/7": "done", "apps/web": "1"}, absent=["requests/7"])
    store.write({"apps/web": "2"})

    with pytest.raises(Conflict):
        store.write({"requests/7": "done", "apps/web": "1"}, absent=["requests/7"])

    assert values(store)["apps/web"] == "2"


def test_a_prefix_is_deleted_and_nothing_beside_it(store: Store) -> None:
    store.write({"apps/a": "", "apps/b": "", "apps": "", "apps0": ""})

    store.delete_prefix("apps/")

    assert list(values(store)) == ["apps", "apps0"]


def test_only_one_manager_can_claim_the_leader_key(store: Store) -> None:
    claim(store, "manager", "first", store.grant(FOREVER_S))

    with pytest.raises(Conflict):
        claim(store, "manager", "second", store.grant(FOREVER_S))

    assert values(store) == {"manager": "first"}


def test_a_leader_writes_under_its_fence(store: Store) -> None:
    fence = claim(store, "manager", "first", store.grant(FOREVER_S))

    store.write({"targets/web": "3"}, fence=fence)
    store.write({}, ["targets/web"], fence=fence)

    assert values(store) == {"manager": "first"}


def test_a_leader_that_rewrites_its_key_keeps_leading(store: Store) -> None:
    lease = store.grant(FOREVER_S)
    fence = claim(store, "manager", "first", lease)
    store.write({"manager": "first, and busy"}, fence=fence, lease=lease)

    store.write({"targets/web": "3"}, fence=fence)

    assert values(store, "targets/") == {"targets/web": "3"}


def test_a_leader_that_was_replaced_changes_nothing_any_more(store: Store) -> None:
    old = claim(store, "manager", "first", store.grant(FOREVER_S))
    new = seize(store, old, "second", store.grant(FOREVER_S))

    writes: tuple[Callable[[], int], ...] = (
        lambda: store.write({"targets/web": "3"}, fence=old),
        lambda: store.write({"targets/web": "3"}, fence=old, absent=["manager"]),
        lambda: store.write({}, ["manager"], fence=old),
        lambda: store.write({}, fence=old),
    )
    for write in writes:
        with pytest.raises(Fenced):
            write()

    store.write({"targets/web": "4"}, fence=new)
    assert values(store) == {"manager": "second", "targets/web": "4"}


def test_a_dead_leader_is_replaced_by_one_manager_only(store: Store) -> None:
    old = claim(store, "manager", "first", store.grant(FOREVER_S))
    seize(store, old, "second", store.grant(FOREVER_S))

    with pytest.raises(Conflict):
        seize(store, old, "third", store.grant(FOREVER_S))

    assert values(store) == {"manager": "second"}


def test_a_leader_without_its_key_is_fenced(store: Store) -> None:
    lease = store.grant(FOREVER_S)
    fence = claim(store, "manager", "first", lease)
    store.revoke(lease)

    with pytest.raises(Fenced):
        store.write({"targets/web": "3"}, fence=fence)

    assert values(store) == {}


def test_the_keys_of_a_lease_end_with_it(place: Place) -> None:
    store = place.store
    eventually(lambda: is_written(store, "requests/1", store.grant(1)), what="a write before its lease ends")
    store.write({"apps/web": "1"})

    place.pass_time(LEASE_ENDS_WITHIN_S)

    eventually(lambda: values(store) == {"apps/web": "1"}, within_s=LEASE_ENDS_WITHIN_S)


def test_a_lease_that_ended_cannot_be_refreshed_or_used(store: Store) -> None:
    lease = store.grant(FOREVER_S)
    assert store.refresh(lease)

    store.revoke(lease)
    store.revoke(lease)

    assert not store.refresh(lease)
    with pytest.raises(Conflict, match="lease"):
        store.write({"apps/web": "1"}, lease=lease)
    assert values(store) == {}


def test_a_key_put_again_without_its_lease_outlives_it(store: Store) -> None:
    lease = store.grant(FOREVER_S)
    store.write({"a": "1", "b": "1"}, lease=lease)
    store.write({"a": "2"})

    store.revoke(lease)

    assert values(store) == {"a": "2"}


def test_every_change_makes_the_revision_larger_and_nothing_else_does(store: Store) -> None:
    before = store.revision()
    store.read("")
    assert store.revision() == before

    written = store.write({"apps/web": "1"})
    assert store.revision() == written > before
    store.write({}, ["apps/web"])
    assert store.revision() > written


def test_the_revision_tells_of_changes_by_others(place: Place) -> None:
    before = place.store.revision()

    place.other.write({"apps/web": "1"})

    eventually(lambda: place.store.revision() > before, what="the other's change")


def test_the_revision_tells_of_changes_by_others_while_a_lease_is_refreshed(place: Place) -> None:
    store = place.store
    lease = store.grant(FOREVER_S)
    store.refresh(lease)
    before = store.revision()

    place.other.write({"apps/web": "1"})

    eventually(lambda: store.refresh(lease) and store.revision() > before, what="the other's change")


def test_a_store_that_answers_is_available_and_its_members_healthy(store: Store) -> None:
    store.read("")

    assert store.available
    assert [member.healthy for member in store.members()] == [True]

"""A write split in parts, and the faults of the store in memory."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.api.errors import Conflict, NotConfirmed, StoreUnavailable
from manager.store import Fence
from manager.store.change import PART_BYTES, Change, parts_of
from tests.fakes.store import FakeStore

KEYS = st.sampled_from(["".join(key) for key in product("abcdef", repeat=2)])
CHANGES = st.builds(
    lambda puts, deletes, expected: Change(
        puts,
        tuple(sorted(deletes - puts.keys())),
        Fence("manager", 5),
        expected,
        lease=7,
    ),
    st.dictionaries(KEYS, st.just("1"), max_size=20),
    st.sets(KEYS, max_size=20),
    st.dictionaries(KEYS, st.integers(0, 9), max_size=5),
)


def test_a_small_change_stays_one_transaction() -> None:
    change = Change({"a": "1", "b": "2"}, ("c",), expected={"a": 0})

    assert parts_of(change, max_ops=4) == [change]


def test_the_parts_put_in_order_and_delete_last() -> None:
    change = Change({"service": "", "router": ""}, ("old-router", "old-service"))

    parts = parts_of(change, max_ops=2)

    assert [[*part.puts, *part.deletes] for part in parts] == [
        ["service"],
        ["router"],
        ["old-router"],
        ["old-service"],
    ]


def test_no_part_is_larger_than_etcd_takes() -> None:
    half = "x" * (PART_BYTES // 2)

    parts = parts_of(Change({"a": half, "b": "", "c": half, "d": half}, ("e",)), max_ops=128)

    assert [[*part.puts, *part.deletes] for part in parts] == [["a", "b"], ["c"], ["d", "e"]]


@given(change=CHANGES)
def test_the_parts_together_are_the_change(change: Change) -> None:
    parts = parts_of(change, max_ops=8)

    assert {key: value for part in parts for key, value in part.puts.items()} == change.puts
    assert [key for part in parts for key in part.deletes] == list(change.deletes)
    assert {key: value for part in parts for key, value in part.expected.items()} == change.expected


@given(change=CHANGES)
def test_every_part_is_fenced_leased_and_small_enough(change: Change) -> None:
    for part in parts_of(change, max_ops=16):
        assert part.fence == change.fence
        assert part.lease == change.lease
        assert len(part.puts) + len(part.deletes) < 16


@given(change=CHANGES)
def test_no_part_expects_what_an_earlier_one_has_changed(change: Change) -> None:
    written: set[str] = set()
    for part in parts_of(change, max_ops=8):
        assert not written & part.expected.keys()
        written |= {*part.puts, *part.deletes}


@pytest.fixture
def store() -> FakeStore:
    return FakeStore(clock=lambda: 0.0)


def test_a_store_that_is_away_answers_and_changes_nothing(store: FakeStore) -> None:
    store.write({"a": "1"})
    store.away = True

    for call in (
        lambda: store.read(""),
        lambda: store.write({"a": "2"}),
        lambda: store.delete_prefix(""),
        lambda: store.grant(5),
        lambda: store.refresh(1),
        lambda: store.revoke(1),
    ):
        with pytest.raises(StoreUnavailable) as raised:
            call()
        assert not isinstance(raised.value, NotConfirmed)

    assert not store.available
    store.away = False
    assert store.read("").entries["a"].value == "1"


def test_a_write_whose_answer_was_lost_is_applied_once(store: FakeStore) -> None:
    store.lose_next_answer = True

    with pytest.raises(NotConfirmed):
        store.write({"a": "1"}, absent=["a"])
    with pytest.raises(Conflict):
        store.write({"a": "1"}, absent=["a"])

    assert list(store.read("").entries) == ["a"]


def test_a_refusal_whose_answer_was_lost_is_not_told_from_a_success(store: FakeStore) -> None:
    store.write({"a": "1"})
    store.lose_next_answer = True

    with pytest.raises(NotConfirmed):
        store.write({"a": "2"}, absent=["a"])

    assert store.read("").entries["a"].value == "1"


def test_a_write_whose_request_was_lost_is_not_applied(store: FakeStore) -> None:
    store.lose_next_request = True

    with pytest.raises(NotConfirmed):
        store.write({"a": "1"})

    assert store.read("").entries == {}
    store.write({"a": "1"})


def test_a_refreshed_lease_outlives_its_first_time() -> None:
    now = [0.0]
    store = FakeStore(clock=lambda: now[0])
    lease = store.grant(5)
    store.write({"a": "1"}, lease=lease)

    now[0] = 4.0
    assert store.refresh(lease)
    now[0] = 8.0
    assert list(store.read("").entries) == ["a"]
    now[0] = 9.0

    assert store.read("").entries == {}
    assert not store.refresh(lease)

"""Who leads, on a store in memory: the fence comes with the leader key, whatever answer is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from manager.lead import Leadership
from manager.records import LEADER
from tests.eventually import eventually
from tests.fakes.store import FakeStore


@pytest.fixture
def store() -> FakeStore:
    return FakeStore(time.monotonic)


@pytest.fixture
def leadership(store: FakeStore) -> Iterator[Leadership]:
    leadership = Leadership(store, "one")
    yield leadership
    leadership.stop()


def test_a_claim_whose_answer_is_lost_still_gives_a_fence(store: FakeStore, leadership: Leadership) -> None:
    store.lose_next_answer = True

    leadership.start()

    eventually(lambda: leadership.fence is not None, within_s=5)
    fence = leadership.fence
    assert fence is not None
    assert store.read(LEADER).entries[LEADER].create_revision == fence.create_revision

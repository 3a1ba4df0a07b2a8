"""The store in memory against a real etcd: the same steps, the same results, revisions and errors."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager.api.errors import Conflict
from manager.store import EtcdStore, Fence, Store
from tests.contract.etcd_server import PATIENT_S, EtcdServers, etcd_servers
from tests.fakes.store import FakeStore

_numbers = count(1)
Step = tuple[Any, ...]  # a method of History and its arguments

KEYS = st.sampled_from(["a", "a/1", "a/2", "b", "bä"])
GUARDS = st.one_of(st.none(), st.integers(0, 6))
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("write"),
            st.dictionaries(KEYS, st.sampled_from(["", "1", "2"]), max_size=3),
            st.lists(KEYS, max_size=2),
            st.dictionaries(KEYS, GUARDS, max_size=2),
            st.one_of(st.none(), st.tuples(KEYS, GUARDS)),
            st.booleans(),
        ),
        st.tuples(st.just("delete_prefix"), st.sampled_from(["", "a", "a/", "z"])),
        st.tuples(st.just("revoke")),
    ),
    min_size=1,
    max_size=12,
)


class History:
    """Plays steps on a store; revisions are counted from the one at which it began."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._start = store.read("").revision
        self._lease = store.grant(3600)

    def play(self, step: Step) -> object:
        """Return all that can be seen of the step: its result and every entry after it."""
        try:
            result = getattr(self, step[0])(*step[1:])
        except (Conflict, ValueError) as error:
            result = (type(error), str(error))
        return result, self.entries()

    def entries(self) -> list[tuple[str, str, int, int]]:
        return [
            (key, entry.value, entry.create_revision - self._start, entry.mod_revision - self._start)
            for key, entry in self._store.read("").entries.items()
        ]

    def write(
        self,
        puts: dict[str, str],
        deletes: list[str],
        guards: dict[str, int | None],
        fence: tuple[str, int | None] | None,
        leased: bool,
    ) -> int:
        """Guards are revisions so many writes ago, at most to the start; None for an absent key."""
        now = self._store.read("").revision

        def revision_at(ago: int) -> int:
            return max(now - ago, self._start)

        revision = self._store.write(
            puts,
            deletes,
            fence=Fence(fence[0], revision_at(fence[1] or 0)) if fence else None,
            absent=[key for key, ago in guards.items() if ago is None],
            unchanged={key: revision_at(ago) for key, ago in guards.items() if ago is not None},
            lease=self._lease if leased else None,
        )
        return revision - self._start

    def delete_prefix(self, prefix: str) -> int:
        return self._store.delete_prefix(prefix) - self._start

    def revoke(self) -> None:
        self._store.revoke(self._lease)
        self._lease = self._store.grant(3600)


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServers]:
    """An etcd in which nothing but this test makes revisions."""
    with etcd_servers(1, tmp_path_factory.mktemp("etcd")) as servers:
        yield servers


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_the_store_in_memory_answers_every_history_as_etcd_does(etcd: EtcdServers, steps: list[Step]) -> None:
    real = EtcdStore(etcd.endpoints, f"/simplecloud/history{next(_numbers)}/", timeout_s=PATIENT_S)
    seen, expected = History(FakeStore(clock=lambda: 0.0)), History(real)

    for step in steps:
        assert seen.play(step) == expected.play(step)

    real.close()

"""What happened is kept, whatever else lies beside it in the store."""

from __future__ import annotations

import json
import time

import pytest

from manager.journal import KEEP_REQUESTS_S, Journal, events
from manager.state.records import EVENTS, LEADER, REQUESTS
from manager.store import claim
from tests.eventually import eventually
from tests.fakes.store import FakeStore

UNREADABLE = ("", "[]", '{"at":"x"}', "{}")


@pytest.fixture
def store() -> FakeStore:
    return FakeStore(time.monotonic)


def note(store: FakeStore, *, now: float = 0.0) -> None:
    """A leader notes one event, which comes to the store with the first look for what is outdated."""
    fence = claim(store, LEADER, "one", store.grant(60))
    journal = Journal(store, lambda: fence, lambda: now)
    journal.note("started", app="web")
    journal.start()
    eventually(lambda: any(event.text == "started" for event in events(store)), within_s=5)
    journal.stop()


@pytest.mark.parametrize("value", UNREADABLE)
def test_a_request_that_cannot_be_read_is_left_alone(store: FakeStore, value: str) -> None:
    store.write({f"{REQUESTS}strange": value})

    note(store)

    assert [event.text for event in events(store)] == ["started"]
    assert store.read(REQUESTS).entries.keys() == {f"{REQUESTS}strange"}


@pytest.mark.parametrize("value", UNREADABLE)
def test_an_event_that_cannot_be_read_hides_no_other(store: FakeStore, value: str) -> None:
    store.write({f"{EVENTS}strange": value})

    note(store)

    assert [event.text for event in events(store)] == ["started"]


def test_a_request_that_nobody_sends_again_is_forgotten(store: FakeStore) -> None:
    store.write({f"{REQUESTS}old": json.dumps({"at": 0.0}), f"{REQUESTS}new": json.dumps({"at": 2.0})})

    note(store, now=KEEP_REQUESTS_S + 1)

    assert store.read(REQUESTS).entries.keys() == {f"{REQUESTS}new"}

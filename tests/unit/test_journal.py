"""What happened is kept, whatever else lies beside it in the store."""

from __future__ import annotations

import json
import time

import pytest

from manager import journal
from manager.api.documents import rfc3339
from manager.journal import KEEP_EVENTS, KEEP_REQUESTS_S, Journal, events
from manager.state.records import EVENTS, LEADER, REQUESTS
from manager.store import claim
from tests.eventually import eventually
from tests.fakes.store import FakeStore

UNREADABLE = ("", "[]", '{"at":"x"}', "{}")


@pytest.fixture
def store() -> FakeStore:
    return FakeStore(time.monotonic)


@pytest.fixture(autouse=True)
def gather_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have events written a hundredth of a second after they happen, in place of a tenth."""
    monkeypatch.setattr(journal, "GATHER_S", 0.01)
    monkeypatch.setattr(journal, "TRY_AGAIN_S", 0.01)


def note(store: FakeStore, first: str = "started", *more: str, now: float = 0.0) -> None:
    """A leader notes events, which come to the store with the first look for what is outdated."""
    lease = store.grant(60)
    fence = claim(store, LEADER, "one", lease)
    pen = Journal(store, lambda: fence, lambda: now)
    texts = (first, *more)
    for text in texts:
        pen.note(text, app="web")
    pen.start()
    eventually(lambda: any(event.text == texts[-1] for event in events(store)), within_s=5)
    pen.stop()
    store.revoke(lease)


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


def test_events_stay_in_their_order_whatever_the_clock_is_set_to_and_whoever_leads(store: FakeStore) -> None:
    note(store, "one", "two", now=7200.0)
    note(store, "three", "four", now=3600.0)
    note(store, "five", now=7200.0)

    found = events(store)

    assert [event.text for event in found] == ["one", "two", "three", "four", "five"]
    assert len({event.id for event in found}) == 5
    assert found[2].at == rfc3339(3600.0)


@pytest.mark.parametrize("lost", ["lose_next_answer", "lose_next_request"])
def test_an_event_whose_writing_was_not_confirmed_is_there_once(store: FakeStore, lost: str) -> None:
    fence = claim(store, LEADER, "one", store.grant(60))
    pen = Journal(store, lambda: fence, lambda: 0.0)
    pen.note("one")
    pen.note("two")

    setattr(store, lost, True)
    pen.start()
    eventually(lambda: events(store), within_s=5)
    pen.stop()

    assert [event.text for event in events(store)] == ["one", "two"]
    assert not getattr(store, lost)


def test_what_waits_is_written_at_the_end_however_many_they_are(store: FakeStore) -> None:
    fence = claim(store, LEADER, "one", store.grant(60))
    pen = Journal(store, lambda: fence, lambda: 0.0)
    for number in range(2 * journal.WRITTEN_AT_ONCE):
        pen.note(str(number))

    pen.start()
    pen.stop()

    assert len(events(store)) == 2 * journal.WRITTEN_AT_ONCE


def test_who_asks_behind_an_event_is_told_of_it(store: FakeStore) -> None:
    fence = claim(store, LEADER, "one", store.grant(60))
    pen = Journal(store, lambda: fence, lambda: 0.0)
    pen.start()
    for text in ("one", "two"):
        pen.note(text)
        pen.settle(within_s=60)
        assert events(store)[-1].text == text
    pen.stop()


def test_a_store_that_is_away_holds_nobody_up_for_long(store: FakeStore) -> None:
    fence = claim(store, LEADER, "one", store.grant(60))
    pen = Journal(store, lambda: fence, lambda: 0.0)
    pen.start()
    store.away = True

    pen.note("one")
    pen.settle(within_s=0.01)

    pen.stop()
    store.away = False
    assert events(store) == []


def test_nobody_waits_for_events_that_nobody_may_write(store: FakeStore) -> None:
    pen = Journal(store, lambda: None, lambda: 0.0)
    pen.note("one")

    pen.settle(within_s=3600)

    assert events(store) == []


def test_new_events_come_behind_those_that_were_numbered_with_a_count(store: FakeStore) -> None:
    old = {"at": rfc3339(7200.0), "app": None, "worker": None, "text": "old"}
    store.write({f"{EVENTS}0000007200000-0042": json.dumps(old)})

    note(store, "new", now=7200.0)

    assert [event.text for event in events(store)] == ["old", "new"]


def test_the_oldest_events_go_first_though_the_clock_was_set_back(store: FakeStore) -> None:
    note(store, *[f"old {number}" for number in range(KEEP_EVENTS)], now=7200.0)
    note(store, "new", now=3600.0)

    note(store, "newest", now=3600.0)

    texts = [event.text for event in events(store)]
    assert texts[-2:] == ["new", "newest"]
    assert texts[0] == "old 1"

"""A stream that is asked for again repeats itself; nothing is printed twice and nothing is lost."""

from __future__ import annotations

from manager.api.documents import unix_seconds
from shell.stream import Unrepeated


def line(text: str, time: str, worker: str = "web.1") -> dict[str, object]:
    return {"kind": "LogLine", "worker": worker, "time": time, "text": text}


def test_every_item_is_new_before_a_resend() -> None:
    stream = Unrepeated()
    note: dict[str, object] = {"kind": "Note"}
    items = [line("a", "2024-01-01T00:00:01Z"), line("a", "2024-01-01T00:00:01Z"), note]
    assert [stream.is_new(item) for item in items] == [True, True, True]


def test_after_a_resend_only_what_came_since_is_new() -> None:
    stream = Unrepeated()
    old = [line("a", "2024-01-01T00:00:01.5Z"), line("b", "2024-01-01T00:00:02Z")]
    same_moment = line("c", "2024-01-01T00:00:02.000Z")
    later = line("d", "2024-01-01T00:00:02.000000001Z")
    assert all(stream.is_new(item) for item in old)
    stream.resent()
    assert [stream.is_new(item) for item in [*old, same_moment, later]] == [False, False, True, True]


def test_workers_are_told_apart() -> None:
    stream = Unrepeated()
    assert stream.is_new(line("a", "2024-01-01T00:00:09Z", "web.1"))
    stream.resent()
    assert stream.is_new(line("a", "2024-01-01T00:00:01Z", "web.2"))


def event(number: int, at: str = "2024-01-01T10:00:01.000Z") -> dict[str, object]:
    return {"kind": "Event", "id": f"{number:013d}", "at": at, "text": "x"}


def test_events_are_known_by_their_number() -> None:
    stream = Unrepeated()
    assert stream.is_new(event(7))
    assert stream.is_new(event(8))
    stream.resent()
    assert [stream.is_new(event(number)) for number in (7, 8, 9)] == [False, False, True]


def test_an_event_is_new_also_when_the_clock_was_set_back_before_it() -> None:
    stream = Unrepeated()
    assert stream.is_new(event(7, "2024-01-01T10:00:01.000Z"))
    stream.resent()
    assert stream.is_new(event(8, "2024-01-01T09:00:01.000Z"))


def test_what_is_asked_for_again_reaches_back_to_the_source_that_was_heard_least() -> None:
    now, stream = unix_seconds("2024-01-01T10:00:10Z"), Unrepeated(clock=iter([0.0, 1.0, 2.0, 2.0]).__next__)
    assert stream.unheard_s(now) is None
    assert stream.is_new(line("a", "2024-01-01T10:00:03.5Z", "web.1"))
    assert stream.is_new(line("a", "2024-01-01T10:00:09Z", "web.2"))
    assert stream.unheard_s(now) == 7.0


def test_what_is_asked_for_again_reaches_back_also_when_the_clock_was_set_back() -> None:
    now, stream = unix_seconds("2024-01-01T09:00:00Z"), Unrepeated(clock=iter([0.0, 4.0]).__next__)
    assert stream.is_new(event(7, "2024-01-01T10:00:01.000Z"))
    assert stream.unheard_s(now) == 4.0

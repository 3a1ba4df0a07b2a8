"""A stream that is asked for again repeats itself; nothing is printed twice and nothing is lost."""

from __future__ import annotations

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


def test_events_are_known_by_their_id() -> None:
    stream = Unrepeated()
    event = {"kind": "Event", "id": "7", "at": "2024-01-01T00:00:01.000Z", "text": "x"}
    assert stream.is_new(event)
    stream.resent()
    assert not stream.is_new(event)
    assert stream.is_new({**event, "id": "8"})

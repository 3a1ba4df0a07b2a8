"""A log that breaks off is read on, and no line comes twice or is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import cast

import pytest

from manager.api.arguments import Arguments
from manager.api.errors import EngineAway
from manager.engine.containers import Container, LogLine
from manager.engine.contract import Engine
from manager.engine.orders import WorkerOrder
from manager.loop.reconcile import Picture, Reconciler
from manager.server import Call, ClientGone
from manager.service.logs import EVERYTHING, Filter, Follower, Logs, never_started, opened, without_worker
from manager.state.ending import Ending
from manager.state.model import WorkerKey
from tests.eventually import eventually
from tests.fakes.engine import FakeEngine, fake_image
from tests.simulation.worlds import NOW, a_container, a_worker, an_app, known, serving, without

WEB_1 = a_container(WorkerKey("web", 1, 1))
LINES = tuple(LogLine(float(second), "stdout", f"line {second}") for second in range(1, 7))


AWAY = EngineAway("cannot read the logs of web.1: docker cannot be reached")


class BreakingLog(AbstractContextManager["BreakingLog"]):
    """These lines, and then the end, or an error."""

    def __init__(self, lines: Sequence[LogLine], error: Exception | None) -> None:
        self.lines = lines
        self.error = error

    def __iter__(self) -> Iterator[LogLine]:
        yield from self.lines
        if self.error is not None:
            raise self.error

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""


@dataclass(slots=True)
class BreakingEngine:
    """Each time a log is asked for, three lines more of it are there."""

    error: Exception | None = None
    lines: Sequence[LogLine] = LINES
    asked: list[tuple[float | None, int | None]] = field(default_factory=list)

    def logs(self, name: str, *, since: float | None, tail: int | None, follow: bool = False) -> BreakingLog:
        self.asked.append((since, tail))
        there = self.lines[: 3 * len(self.asked)]
        return BreakingLog([line for line in there if line.at >= (since or 0)], self.error)


def test_an_app_whose_workers_went_is_told_to_have_no_log_any_more() -> None:
    world = serving([an_app("web"), an_app("api")], [a_worker(1)])

    assert without_worker(world, [("web", None), ("api", None), ("web", 2)]) == [
        "api has no worker, and the log of the last one went with it",
        "web.2 has no worker, and the log of the last one went with it",
    ]


@dataclass(slots=True)
class Client:
    """Hangs up once it was sent so many lines."""

    lines: int
    texts: list[object] = field(default_factory=list)

    def emit_all(self, kind: str, items: Iterable[Mapping[str, object]]) -> None:
        self.texts += [item["text"] for item in items]

    def check(self) -> None:
        if len(self.texts) >= self.lines:
            raise ClientGone


def is_reading() -> bool:
    return any(thread.name == "logs web.1" for thread in threading.enumerate())


def read(follower: Follower, container: Container = WEB_1) -> list[str]:
    """Let the follower read what there is now; return the lines."""
    follower.add(container)
    eventually(lambda: not is_reading())
    return [follower.lines.get_nowait()[1].text for _ in range(follower.lines.qsize())]


@pytest.mark.parametrize("error", [AWAY, None])
def test_the_log_of_a_worker_that_runs_is_read_on_from_its_last_line(error: Exception | None) -> None:
    engine = BreakingEngine(error)
    follower = Follower(cast(Engine, engine), Filter(since=None, tail=10), {WEB_1.id})

    assert read(follower) == ["line 1", "line 2", "line 3"]
    assert read(follower) == ["line 4", "line 5", "line 6"]
    assert engine.asked == [(None, 10), (3.0, None)]


def test_what_was_printed_before_is_not_followed_again() -> None:
    follower = Follower(cast(Engine, BreakingEngine()), EVERYTHING, {WEB_1.id}, {WEB_1.id: 2.0})

    assert read(follower) == ["line 3"]


def test_what_a_worker_printed_while_the_backlog_was_shown_is_followed_also_when_it_has_ended() -> None:
    engine = BreakingEngine()
    follower = Follower(cast(Engine, engine), EVERYTHING, {WEB_1.id}, {WEB_1.id: 2.0})

    assert read(follower, replace(WEB_1, state="exited")) == ["line 3"]
    assert read(follower, replace(WEB_1, state="exited")) == []
    assert engine.asked == [(2.0, None)]


def test_a_log_that_breaks_off_while_the_backlog_is_shown_is_read_on_by_who_follows_it() -> None:
    client, picture = Client(lines=6), Picture(serving([an_app(want=1)], [a_worker(1)]), 1, converged=True)
    reconciler = SimpleNamespace(seen=lambda: picture, picture=lambda: picture)
    logs = Logs(cast(Engine, BreakingEngine(AWAY)), cast(Reconciler, reconciler))

    with pytest.raises(ClientGone):
        logs.logs(cast(Call, client), Arguments({"target": ("web",), "follow": True}))

    assert client.texts == [line.text for line in LINES]


def test_a_log_that_breaks_off_is_an_error_for_who_does_not_follow_it() -> None:
    client, picture = Client(lines=6), Picture(serving([an_app(want=1)], [a_worker(1)]), 1, converged=True)
    reconciler = SimpleNamespace(seen=lambda: picture)
    logs = Logs(cast(Engine, BreakingEngine(AWAY)), cast(Reconciler, reconciler))

    with pytest.raises(EngineAway):
        logs.logs(cast(Call, client), Arguments({"target": ("web",)}))


def test_of_a_worker_that_came_later_every_line_is_told() -> None:
    engine = BreakingEngine()
    follower = Follower(cast(Engine, engine), Filter(since=5.0, tail=1), early=())

    assert read(follower) == ["line 1", "line 2", "line 3"]
    assert engine.asked == [(None, None)]


def test_the_log_of_a_worker_that_ended_is_read_once() -> None:
    engine = BreakingEngine()
    follower = Follower(cast(Engine, engine), Filter(since=None, tail=None), {WEB_1.id})
    read(follower)

    follower.add(replace(WEB_1, state="exited"))

    assert len(engine.asked) == 1


def test_a_log_that_we_make_a_mistake_with_is_given_up_and_takes_no_thread_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    died: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    engine = BreakingEngine(KeyError(3))
    follower = Follower(cast(Engine, engine), Filter(since=None, tail=None), {WEB_1.id})

    assert read(follower) == ["line 1", "line 2", "line 3"]
    assert read(follower) == []
    assert (len(died), len(engine.asked)) == (0, 1)


def test_what_has_no_time_is_told_once() -> None:
    complaints = 3 * (LogLine(0.0, "stderr", "Error grabbing logs"),)
    engine = BreakingEngine(lines=complaints + LINES)
    follower = Follower(cast(Engine, engine), Filter(since=None, tail=None), {WEB_1.id})

    assert read(follower) == ["Error grabbing logs"] * 3
    assert read(follower) == ["line 1", "line 2", "line 3"]


def test_the_logs_of_those_that_were_not_removed_meanwhile_are_told() -> None:
    engine = FakeEngine(now=lambda: NOW, images=[fake_image("base")])
    engine.create(WorkerOrder(WEB_1.name, "web", 1, 1, "base", ("serve",), hostname="web-1"))

    told = [container for container, _ in opened(engine, [replace(WEB_1, name="sc_gone"), WEB_1], EVERYTHING)]

    assert told == [WEB_1]


def test_a_worker_that_could_not_be_started_has_the_reason_for_its_log() -> None:
    stuck = replace(a_worker(1), ending=Ending(NOW, "", 0, "no such user"))
    world = without(known(serving([an_app()], [a_worker(2)]), stuck), stuck.key)
    created = replace(a_container(stuck.key), state="created", started_at=None)

    assert never_started(world, [("web", None)]) == ["web.1 was never started: no such user"]
    assert never_started(world, [("web", 2)]) == []
    assert never_started(replace(world, containers={stuck.key: created}), [("web", 1)]) != []

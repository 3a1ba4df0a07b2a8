"""What is told while a command waits: a line a worker that grows, and each state of it once."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from manager.observe.verdicts import Verdict
from manager.server import Call
from manager.service.progress import Told, line
from manager.state.ending import Ending
from manager.state.model import WorkerKey
from manager.state.world import World
from shell.progress import Progress
from tests.fakes.shells import TerminalText
from tests.simulation.worlds import NOW, a_worker, an_app, ended, known, serving, without
from tests.unit.test_settling import refused

WEB_1, WEB_2 = WorkerKey("web", 1, 1), WorkerKey("web", 2, 1)


@dataclass(slots=True)
class Listener:
    """A client that remembers what it was told of which worker."""

    heard: list[tuple[str, str]] = field(default_factory=list)

    def emit(self, kind: str, *, text: str, worker: str, revision: int, state: str) -> None:
        self.heard.append((state, re.sub(r"  [0-9.]+ s$", "  N s", text)))


def web() -> World:
    return serving([an_app()], [a_worker(1), a_worker(2)])


def answering(world: World, key: WorkerKey, text: str) -> World:
    return replace(world, verdicts={**world.verdicts, key: Verdict(True, text, NOW, 0.1)})


def test_the_line_of_a_worker_has_the_steps_behind_it() -> None:
    new, record = without(web(), WEB_2), a_worker(2)

    assert line(new, record) == "web.2  starting"
    assert line(refused(web(), WEB_2), record).startswith(f"web.2  created {record.address}  started  ")
    assert line(answering(web(), WEB_2, "GET / 200 in 4 ms"), record) == (
        f"web.2  created {record.address}  started  ready (GET / 200 in 4 ms)"
    )


def test_a_worker_that_leaves_or_ended_says_why() -> None:
    leaving = replace(a_worker(2), leaving_since=NOW)

    assert line(known(web(), leaving), leaving) == "web.2  leaving"
    assert line(ended(web(), WEB_2), a_worker(2)).endswith("  started  exit code 1")


def test_a_worker_that_ended_for_good_is_not_said_to_start() -> None:
    gave_up = replace(a_worker(2), ending=Ending(NOW, "c", 1, "exit code 1"))

    assert line(without(known(web(), gave_up), WEB_2), gave_up) == "web.2  failed: exit code 1"


def test_each_step_is_told_as_it_is_done_and_who_was_ready_before_is_no_news() -> None:
    listener = Listener()
    told = Told(cast(Call, listener))

    for world in (without(web(), WEB_2), without(web(), WEB_2), answering(web(), WEB_2, "GET / 200 in 4 ms")):
        told.tell(world, ["web"])
    told.tell(answering(web(), WEB_2, "GET / 200 in 9 ms"), ["web"])
    told.tell(serving([an_app(want=1)], [a_worker(1)]), ["web"])

    assert listener.heard == [
        ("starting", "web.2  starting"),
        ("ready", f"web.2  created {a_worker(2).address}  started  ready (GET / 200 in 4 ms)  N s"),
        ("gone", "web.2  gone  N s"),
    ]


def test_off_a_terminal_each_new_state_is_a_line() -> None:
    stream = io.StringIO()
    progress = Progress(stream)

    for text, state in (
        ("web.4  starting", "starting"),
        ("web.4  created", "starting"),
        ("web.4  ready", "ready"),
    ):
        progress.show(text, "web.4 1", state)

    assert stream.getvalue() == "web.4  starting\nweb.4  ready\n"


@pytest.fixture
def screen() -> TerminalText:
    return TerminalText()


def last_drawn(screen: TerminalText) -> str:
    return screen.getvalue().rpartition("\x1b[J")[2]


def test_on_a_terminal_each_worker_has_one_line_that_is_written_over(
    screen: TerminalText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress(screen)

    progress.show("web.1  starting", "web.1 1", "starting")
    progress.show("web.2  starting", "web.2 1", "starting")
    progress.show("web.1  ready", "web.1 1", "ready")
    assert last_drawn(screen) == "web.1  ready\r\nweb.2  starting\r\n"

    progress.clear()
    assert screen.getvalue().endswith("\r\x1b[2A\x1b[J")


def test_a_line_never_takes_two_of_the_terminal_and_is_whole_elsewhere(
    screen: TerminalText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    told = "web.4  created " + "x" * 100

    Progress(screen).show(told)
    Progress(off := io.StringIO()).show(told)

    assert len(last_drawn(screen).rstrip()) == 39
    assert off.getvalue() == f"{told}\n"


def test_what_says_nothing_once_it_is_over_is_shown_where_it_is_written_over(
    screen: TerminalText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress(screen)

    for told in ("3 of 9", "3 of 9", "a worker said \x1b]0;x\x07\n"):
        progress.tick(told)
    Progress(off := io.StringIO()).tick("3 of 9")

    assert screen.getvalue() == "\r\x1b[J3 of 9\r\n\r\x1b[1A\x1b[Ja worker said \\x1b]0;x\\x07\\n\r\n"
    assert off.getvalue() == ""


def test_where_there_is_no_room_for_all_those_that_arrived_are_left_out_first(
    screen: TerminalText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress(screen)

    for slot in range(1, 31):
        progress.show(f"web.{slot}", f"web.{slot} 1", "starting")
    assert last_drawn(screen).endswith("\r\nweb.21\r\n... and 9 more\r\n")

    for slot in range(1, 9):
        progress.show(f"web.{slot}", f"web.{slot} 1", "ready")
    assert last_drawn(screen).split() == [f"web.{slot}" for slot in range(9, 31)]


def test_what_comes_after_an_interrupt_begins_on_a_line_of_its_own(screen: TerminalText) -> None:
    Progress(screen).end_line()
    Progress(off := io.StringIO()).end_line()

    assert (screen.getvalue(), off.getvalue()) == ("\n", "")


def test_a_dumb_terminal_gets_lines(screen: TerminalText, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")

    Progress(screen).show("web.1  starting", "web.1 1", "starting")

    assert screen.getvalue() == "web.1  starting\n"

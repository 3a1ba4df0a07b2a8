"""The live view as a person meets it: over a pipe, against a manager that answers from a table."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import termios
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
from prompt_toolkit.application import Application
from prompt_toolkit.input import PipeInput

from manager.api.documents import document, listing
from manager.api.errors import AppNotFound, Conflict
from shell.client import Client
from shell.live.leaving import until_left
from shell.live.look import look
from shell.live.screen import Screen
from shell.live.view import Seen, View, app_of
from shell.live.watch import ticks
from shell.soon import soon
from shell.text.glyphs import columns, stripped
from tests.eventually import eventually
from tests.fakes.manager import FakeCall, FakeManager, PlacesAt
from tests.fakes.replies import Replies, app, serving, town, worker
from tests.fakes.shells import Shell, TerminalText, shell_at

ENTER, ESCAPE, CTRL_C, F2 = "\r", "\x1b", "\x03", "\x1bOQ"
Step = tuple[str, Callable[[Screen], object]]  # keys, and what is seen after them


@pytest.fixture
def replies() -> Replies:
    return town()


@pytest.fixture
def screen(replies: Replies, tmp_path: Path) -> Iterator[Screen]:
    with serving(tmp_path, replies) as places:
        client = client_of(places)
        yield Screen(client, look(client, Seen()), View(), interval_s=0.02)


def client_of(places: PlacesAt) -> Client:
    return Client(places, note=lambda text: None)


def driven(screen: Screen, keyboard: PipeInput, *steps: Step, leave: str = CTRL_C) -> None:
    """Press keys one step after the other, each once the one before is seen, and leave."""
    missed: list[str] = []

    def type_on() -> None:
        for keys, is_seen in steps:
            keyboard.send_text(keys)
            try:
                eventually(partial(is_seen, screen), within_s=10.0)
            except AssertionError:
                missed.append(f"{keys!r}: {screen.view}")
                break
        keyboard.send_text(CTRL_C if missed else leave)

    typist = threading.Thread(target=type_on, name="typist")
    typist.start()
    screen.run()
    typist.join()
    assert missed == []


def test_enter_shows_an_app_and_escape_comes_back(screen: Screen, keyboard: PipeInput) -> None:
    driven(
        screen,
        keyboard,
        ("j", lambda screen: app_of(screen.seen, screen.view) == "pong"),
        (ENTER, lambda screen: screen.view.app == "pong"),
        (ESCAPE, lambda screen: screen.view.app == ""),
        leave="q",
    )


def test_a_key_scales_without_waiting_and_says_so(
    screen: Screen, keyboard: PipeInput, replies: Replies
) -> None:
    asked: list[Mapping[str, object]] = []

    def scale(params: Mapping[str, object]) -> Mapping[str, object]:
        asked.append(params)
        return document("Result", {"message": "web: on its way"})

    replies.answers["scale"] = scale

    driven(screen, keyboard, ("+", lambda screen: "on its way" in screen.view.said))

    assert screen.view.said == "scale web +1   web: on its way"
    assert [(params["change"], params["detach"]) for params in asked] == [(["web", "+1"], True)]


def test_a_refused_command_says_why_and_the_view_goes_on(
    screen: Screen, keyboard: PipeInput, replies: Replies
) -> None:
    def refuse(params: Mapping[str, object]) -> Mapping[str, object]:
        raise Conflict("web is autoscaled", hint="autoscale web off")

    replies.answers["scale"] = refuse

    driven(
        screen,
        keyboard,
        ("-", lambda screen: not screen.view.well),
        ("", lambda screen: screen.view.said == "web is autoscaled   hint: autoscale web off"),
        ("j", lambda screen: screen.view.said == "" and screen.view.chosen == "pong"),
    )


def test_no_key_takes_the_last_worker_of_an_app(
    screen: Screen, keyboard: PipeInput, replies: Replies
) -> None:
    driven(
        screen,
        keyboard,
        ("j", lambda screen: screen.view.chosen == "pong"),
        ("-", lambda screen: not screen.view.well),
    )

    assert screen.view.said == "no key takes the last worker of pong   hint: stop pong"
    assert "scale" not in replies.answers  # nobody was asked


def test_coloured_text_that_is_pasted_is_no_mouse(screen: Screen, keyboard: PipeInput) -> None:
    driven(screen, keyboard, ("\x1b[31m\x1b[0m" + ENTER, lambda screen: screen.view.app == "web"))


def test_logs_fill_the_screen_and_q_comes_back(screen: Screen, keyboard: PipeInput, replies: Replies) -> None:
    replies.items["logs"] = [{"kind": "LogLine", "worker": "web.1", "text": "hello", "time": ""}]
    replies.answers["logs"] = lambda params: document("Result", {"message": ""})

    driven(
        screen,
        keyboard,
        ("l", lambda screen: screen.seen.page == ["web.1  hello"]),
        ("q", lambda screen: screen.view.page == ()),
    )


@pytest.mark.parametrize("key", [CTRL_C, "\x04", F2])
def test_some_keys_leave_from_everywhere(screen: Screen, keyboard: PipeInput, key: str) -> None:
    driven(screen, keyboard, (ENTER, lambda screen: screen.view.app == "web"), leave=key)

    assert screen.view.app == "web"


def test_a_page_that_is_refused_says_why_and_does_not_open(
    screen: Screen, keyboard: PipeInput, replies: Replies
) -> None:
    def refuse(params: Mapping[str, object]) -> Mapping[str, object]:
        raise AppNotFound("web is scaled by hand", hint="autoscale web --max N")

    replies.answers["explain"] = refuse

    driven(screen, keyboard, ("e", lambda screen: screen.view.said.startswith("web is scaled by hand")))

    assert screen.view.page == ()


def test_a_paused_view_does_not_change(screen: Screen, keyboard: PipeInput, replies: Replies) -> None:
    looked = threading.Semaphore(0)

    def fewer(params: Mapping[str, object]) -> Mapping[str, object]:
        looked.release()
        return listing("AppList", [app("pong")])

    def names(screen: Screen) -> list[object]:
        return [app["name"] for app in screen.seen.apps]

    def is_as_before(screen: Screen) -> bool:
        replies.answers["apps"] = fewer
        return all(looked.acquire(timeout=1.0) for _ in range(3)) and names(screen) == ["web", "pong"]

    driven(
        screen,
        keyboard,
        (" ", lambda screen: screen.view.paused),
        ("", is_as_before),
        (" ", lambda screen: names(screen) == ["pong"]),
    )


def test_a_manager_that_is_away_is_told_and_comes_back_by_itself(
    keyboard: PipeInput, replies: Replies, tmp_path: Path
) -> None:
    with serving(tmp_path, replies) as places:
        seen = look(client_of(places), Seen())
    screen = Screen(client_of(places), seen, View(), interval_s=0.02)

    def comes_back(screen: Screen) -> bool:
        with serving(tmp_path, replies):
            return eventually(lambda: screen.seen.away_since is None, within_s=5.0)

    driven(screen, keyboard, ("", lambda screen: screen.seen.away_since is not None), ("", comes_back))

    assert [app["name"] for app in screen.seen.apps] == ["web", "pong"]


def test_once_is_a_line_off_a_terminal_and_shows_the_app_that_was_named(
    replies: Replies, tmp_path: Path
) -> None:
    with serving(tmp_path, replies):
        shell = shell_at(tmp_path)
        assert shell.run("watch --once pong") == 0

    assert shell.out.getvalue().partition("Z  ")[2] == "pong 1/1 ready - req/s\n"


def test_an_app_that_is_not_there_is_an_error(replies: Replies, tmp_path: Path) -> None:
    def refuse(params: Mapping[str, object]) -> Mapping[str, object]:
        raise AppNotFound('no app is named "nosuch"', hint="apps")

    replies.answers["apps"] = refuse
    with serving(tmp_path, replies):
        shell = shell_at(tmp_path)
        assert shell.run("watch --once nosuch") == 1

    assert 'no app is named "nosuch"' in shell.err.getvalue()


def test_options_may_stand_behind_the_app(replies: Replies, tmp_path: Path) -> None:
    with serving(tmp_path, replies):
        shell = shell_at(tmp_path)
        assert shell.run("watch pong --once --interval 500ms") == 0

    assert shell.out.getvalue().partition("Z  ")[2] == "pong 1/1 ready - req/s\n"


@pytest.mark.parametrize(
    "typed",
    ["apps --once -q web", "apps -q web --interval 500ms --once", "apps -q --for 10ms --interval=50ms web"],
)
def test_options_of_watch_may_stand_behind_a_listing_that_has_none_of_the_name(
    typed: str, shell: Shell, manager: FakeManager
) -> None:
    assert shell.run(f"watch {typed}") == 0

    assert shell.out.getvalue().splitlines()[0] == "web"
    assert manager.calls[0].params["app"] == ["web"]


@pytest.mark.parametrize(
    ("typed", "word", "told"),
    [
        ("watch ps --once --interval soon", "soon", '--interval: "soon" is not a duration'),
        ("watch ps web --interval", "--interval", "--interval needs a value"),
        ("watch ps --once --bogus", "--bogus", "ps has no option --bogus"),
        ("watch --once ps --bogus", "--bogus", "ps has no option --bogus"),
        ("watch --once ps --sort bogus", "bogus", 'no column is called "bogus"'),
        ("watch --once run", "run", "watch repeats listings, and run is none"),
        ("watch --once foo bar", "foo", 'no command is named "foo"'),
    ],
)
def test_of_what_is_watched_the_word_that_is_off_is_pointed_at(
    typed: str, word: str, told: str, shell: Shell
) -> None:
    assert shell.run(typed) == 2

    message, line, carets, *_ = shell.err.getvalue().splitlines()
    assert message.startswith(f"error: {told}")
    assert line[carets.index("^") : len(carets)] == word


@pytest.mark.parametrize("what", ["pong", "ps", "pong -o jsonl"])
def test_a_view_that_is_given_a_time_ends_by_itself(what: str, replies: Replies, tmp_path: Path) -> None:
    with serving(tmp_path, replies):
        shell = shell_at(tmp_path)
        assert shell.run(f"watch --interval 20ms --for 50ms {what}") == 0

    assert "pong" in shell.out.getvalue()


@pytest.fixture
def at_a_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> TerminalText:
    """Give the shell a terminal with somebody at it."""
    monkeypatch.setenv("TERM", "xterm")
    shell.session.out = out = TerminalText()
    shell.session.interactive = True
    return out


def test_a_check_that_fails_ends_no_watch_and_the_last_look_is_the_exit_code(
    shell: Shell, manager: FakeManager
) -> None:
    states = ["ok", "FAIL"]

    def trace(call: FakeCall) -> dict[str, object]:
        state = states[min(len(manager.calls), len(states)) - 1]
        return {"kind": "CheckList", "items": [{"name": "proxy", "state": state, "fact": "", "fix": ""}]}

    manager.verbs["trace"] = trace

    assert shell.run("watch --interval 50ms --for 500ms trace web") == 1
    assert len(manager.calls) >= len(states)
    states[:] = ["FAIL", "ok"]
    manager.calls.clear()
    assert shell.run("watch --interval 50ms --for 500ms trace web") == 0


def test_a_stream_is_looked_at_once_a_tick(
    shell: Shell, manager: FakeManager, at_a_terminal: TerminalText
) -> None:
    manager.verbs["stats"] = lambda call: {"kind": "StatsList", "items": []}

    assert shell.run("watch --once stats") == 0
    assert [call.params for call in manager.calls] == [{"no_stream": True}]


def test_a_listing_that_is_repeated_stands_under_what_it_is_and_over_the_look_before(
    shell: Shell, manager: FakeManager, at_a_terminal: TerminalText
) -> None:
    shown = "\x1b[?7l\x1b[H\x1b[Kevery 500 ms: apps -q   q leaves\n\x1b[K\n\x1b[Kweb\n\x1b[J\x1b[?7h"

    assert shell.run("watch --interval 500ms --for 10ms apps -q") == 0

    assert at_a_terminal.getvalue().replace(shown, "") == ""
    assert shown in at_a_terminal.getvalue()


def test_what_is_watched_keeps_what_stands_in_the_last_column_of_the_terminal(
    shell: Shell, manager: FakeManager, at_a_terminal: TerminalText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    manager.verbs["ps"] = lambda call: listing("WorkerList", [worker("web.1", reason="late " * 20)])

    assert shell.run("watch --interval 500ms --for 10ms ps") == 0

    cut = next(line for line in at_a_terminal.getvalue().splitlines() if "web.1" in line)
    assert cut.endswith("…")  # and nothing that clears, which in the last column would take it
    assert columns(stripped(cut)) == 60


def test_a_look_that_is_not_repeated_is_printed_like_any_other(
    shell: Shell, manager: FakeManager, at_a_terminal: TerminalText
) -> None:
    assert shell.run("watch --once apps -q") == 0

    assert at_a_terminal.getvalue() == "web\n"


def test_a_watch_goes_through_no_pager(
    shell: Shell, manager: FakeManager, at_a_terminal: TerminalText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shell.terminal.height_of", lambda stream: 1)
    monkeypatch.setattr("shell.pager._page", lambda session, text: pytest.fail("a pager was opened"))

    assert shell.run("set pager on; watch --once ps") == 0
    assert shell.session.options.pager


def test_who_watches_a_terminal_that_takes_lines_only_is_told_how_to_leave(
    replies: Replies,
    shell: Shell,
    at_a_terminal: TerminalText,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with serving(tmp_path, replies):
        assert shell.run("watch --interval 20ms --for 50ms") == 0

    assert shell.err.getvalue() == "note: ^C leaves\n"


def test_lines_of_json_are_lines_on_a_terminal_too(
    replies: Replies, shell: Shell, at_a_terminal: TerminalText, tmp_path: Path
) -> None:
    with serving(tmp_path, replies):
        assert shell.run("watch --once -o jsonl pong") == 0

    (line,) = at_a_terminal.getvalue().splitlines()
    told = json.loads(line)
    assert (told["apiVersion"], told["kind"]) == ("simplecloud/v1", "AppList")
    assert [app["name"] for app in told["items"]] == ["pong"]


@pytest.mark.parametrize("key", ["q", ESCAPE])
def test_a_key_leaves_a_listing_that_is_repeated(key: str) -> None:
    ours, theirs = pty.openpty()
    with open(theirs, encoding="utf-8") as keyboard:
        modes = termios.tcgetattr(theirs)
        with until_left(keyboard) as pause:
            assert not pause(0.01)
            os.write(ours, b"x\x1b[A")
            assert pause(0.01) is False
            os.write(ours, key.encode())
            assert pause(60.0)
        assert termios.tcgetattr(theirs) == modes
    os.close(ours)


def test_who_left_sees_no_other_look() -> None:
    assert len([*ticks(0.01, pause=lambda pause_s: True)]) == 1


def test_the_help_of_a_listing_is_shown_once(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("watch --interval 100ms --for 300ms ps --help") == 0
    assert shell.out.getvalue().count("usage: ps") == 1


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("watch autoscale web off", "autoscale web off"),
        ("watch autoscale web --max 3", "autoscale web --max 3"),
        ("watch net --repair", "net --repair"),
        ("watch doctor --fix", "doctor --fix"),
        ("watch secret rm db", "secret rm db"),
        ("watch events -f", "events -f"),
        ("watch --once -n 2s -o jsonl ps web", "watch --interval 2s --once ps -o jsonl web"),
        ("watch -o jsonl status", "watch status -o json"),
        ("watch --svg 'a b.svg' ps", "watch --svg 'a b.svg'"),
        ("watch --svg view.svg -o jsonl web", "watch --svg view.svg web"),
    ],
)
def test_what_cannot_be_watched_is_refused(typed: str, hint: str, shell: Shell, manager: FakeManager) -> None:
    assert shell.run(typed) == 2
    told = shell.err.getvalue().splitlines()[-1]
    assert (json.loads(told)["error"]["hint"] if "jsonl" in typed else told) in (hint, f"hint:  {hint}")
    assert manager.calls == []


@pytest.mark.parametrize("typed", ["autoscale", "autoscale web", "net web", "secret ls", "events", "status"])
def test_what_only_looks_is_watched(typed: str, shell: Shell, manager: FakeManager) -> None:
    assert shell.run(f"watch --once {typed}") == 0
    assert len(manager.calls) == 1


def test_a_whole_screen_that_is_given_a_time_ends_by_itself(
    keyboard: PipeInput, replies: Replies, tmp_path: Path
) -> None:
    with serving(tmp_path, replies) as places:
        client = client_of(places)
        Screen(client, look(client, Seen()), View(), interval_s=0.02, for_s=0.05).run()


def test_what_comes_as_an_application_ends_is_done_by_nobody(keyboard: PipeInput) -> None:
    application: Application[None] = Application()
    loop = asyncio.new_event_loop()
    done: list[str] = []

    soon(application, lambda: done.append("before it runs"))
    application.loop = loop
    soon(application, lambda: done.append("while it runs"))
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    soon(application, lambda: done.append("after it has ended"))

    assert done == ["while it runs"]

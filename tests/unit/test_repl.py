"""The prompt as a person meets it: in process over a pipe, and a few times over a real terminal."""

from __future__ import annotations

import io
import os
import pty
import queue
import re
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prompt_toolkit.input import PipeInput
from prompt_toolkit.renderer import Renderer

from manager.api.documents import listing
from shell.dispatch import perform
from shell.prompt import repl
from shell.prompt.directory import entries
from shell.prompt.history import PrivateHistory, keeps
from shell.prompt.snapshot import Snapshot, Watch
from shell.prompt.xdg import history_file
from shell.session import Session
from shell.traffic.endpoint import Endpoint
from shell.traffic.load import Load, Plan
from tests.eventually import eventually
from tests.fakes.manager import PlacesAt
from tests.fakes.replies import app
from tests.fakes.website import Website
from tests.fakes.website import serving as website_serving

ROOT = Path(__file__).parents[2]
ENTER, CTRL_C, CTRL_D = "\r", "\x03", "\x04"


@dataclass
class Prompted(Session):
    """A session that notes what it was given to carry out."""

    lines: list[str] = field(default_factory=list)


def noted(session: Session, text: str) -> int:
    """Note a line in place of carrying it out; exit leaves."""
    assert isinstance(session, Prompted)
    session.lines.append(text)
    session.leaving = text == "exit"
    return 0


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.fixture
def session(tmp_path: Path) -> Prompted:
    return Prompted(PlacesAt("default", directory=tmp_path), perform, out=io.StringIO(), err=io.StringIO())


def said(session: Session) -> str:
    assert isinstance(session.err, io.StringIO)
    return session.err.getvalue()


def typed(session: Prompted, keyboard: PipeInput, keys: str) -> list[str]:
    """Type the keys at the prompt, leave, and return the lines that were carried out."""
    keyboard.send_text(keys)
    assert repl.run(session, noted) == 0
    return session.lines


def test_lines_are_carried_out_until_the_end_of_input(session: Prompted, keyboard: PipeInput) -> None:
    assert typed(session, keyboard, "ps" + ENTER + "apps" + ENTER + CTRL_D) == ["ps", "apps"]


def test_a_prompt_begins_with_the_person_s_own_script(
    session: Prompted, keyboard: PipeInput, home: Path
) -> None:
    own = home / "config" / "simplecloud" / "init.sc"
    own.parent.mkdir(parents=True)
    own.write_text("set output wide\nset keys vi\n")

    typed(session, keyboard, CTRL_D)

    assert (session.options.output, session.options.keys) == ("wide", "vi")


def test_first_commands_that_cannot_be_read_are_told(
    session: Prompted, keyboard: PipeInput, home: Path
) -> None:
    own = home / "config" / "simplecloud" / "init.sc"
    own.mkdir(parents=True)

    assert typed(session, keyboard, "ps" + ENTER + CTRL_D) == ["ps"]
    assert f"{own} is a directory" in said(session)


def test_exit_leaves(session: Prompted, keyboard: PipeInput) -> None:
    assert typed(session, keyboard, "exit" + ENTER + "ps" + ENTER) == ["exit"]


def test_ctrl_c_clears_the_line_and_a_second_one_changes_nothing(
    session: Prompted, keyboard: PipeInput
) -> None:
    assert typed(session, keyboard, "rm web" + CTRL_C + CTRL_C + "ps" + ENTER + CTRL_D) == ["", "", "ps"]


def test_a_backslash_goes_on_in_the_next_line(session: Prompted, keyboard: PipeInput) -> None:
    assert typed(session, keyboard, "echo a \\" + ENTER + "b" + ENTER + CTRL_D) == ["echo a \\\nb"]


def test_an_open_quote_goes_on_in_the_next_line(session: Prompted, keyboard: PipeInput) -> None:
    assert typed(session, keyboard, "echo 'a" + ENTER + "b'" + ENTER + CTRL_D) == ["echo 'a\nb'"]


def test_pasted_lines_are_one_script(session: Prompted, keyboard: PipeInput) -> None:
    pasted = "\x1b[200~ps\napps\x1b[201~"

    assert typed(session, keyboard, pasted + ENTER + CTRL_D) == ["ps\napps"]


def test_coloured_text_that_is_pasted_unmarked_is_no_mouse(session: Prompted, keyboard: PipeInput) -> None:
    assert typed(session, keyboard, "\x1b[31mps\x1b[0m" + ENTER + CTRL_D) == ["ps"]


F1, F2 = "\x1bOP", "\x1bOQ"
HOME = "\x01"


@pytest.mark.parametrize(
    ("keys", "command"),
    [
        ("scale web" + F1, "help scale"),
        ("scale web=3" + HOME + F1, "help scale"),
        (F1, "help"),
        ("nonsense" + F1, "help"),
    ],
)
def test_f1_shows_help_on_the_verb_under_the_cursor(
    session: Prompted, keyboard: PipeInput, keys: str, command: str
) -> None:
    assert typed(session, keyboard, keys + CTRL_C + CTRL_D) == [command, ""]


def test_f2_shows_the_live_view_and_the_line_is_there_again(session: Prompted, keyboard: PipeInput) -> None:
    assert typed(session, keyboard, "ps" + F2 + " web" + ENTER + CTRL_D) == ["watch", "ps web"]


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("inspe\tX", "inspect X"),
        ("ps --filter sta\tready", "ps --filter state=ready"),
        ("ps --colu\tx", "ps --columns x"),
        ("inspe web\x01\x06\x06\x06\x06\x06\t", "inspect web"),
        ("nosuch\tx", "nosuchx"),
        ("run --copy './only d\tx", "run --copy './only dir/'x"),
    ],
)
def test_tab_puts_in_the_only_completion_at_once_and_a_space_behind_a_whole_word(
    session: Prompted, keyboard: PipeInput, home: Path, monkeypatch: pytest.MonkeyPatch, keys: str, line: str
) -> None:
    monkeypatch.chdir(home)
    (home / "only dir").mkdir()

    assert typed(session, keyboard, keys + ENTER + CTRL_D) == [line]


def test_tab_puts_no_space_behind_a_variable(session: Prompted, keyboard: PipeInput) -> None:
    session.variables["number"] = "3"

    assert typed(session, keyboard, 'echo "${nu\t th"' + ENTER + CTRL_D) == ['echo "${number} th"']


def test_tab_puts_in_the_first_of_several_completions_and_then_the_next(
    session: Prompted, keyboard: PipeInput
) -> None:
    lines = typed(session, keyboard, "sta\t x" + ENTER + "sta\t\t x" + ENTER + CTRL_D)

    assert lines == ["start x", "stats x"]


def test_somebody_new_is_told_where_to_begin_and_only_once(session: Prompted, keyboard: PipeInput) -> None:
    typed(session, keyboard, "ps" + ENTER + CTRL_D)
    assert said(session) == f"{repl.GREETING}\n"

    again = Prompted(session.places, perform, out=io.StringIO(), err=io.StringIO())
    typed(again, keyboard, "exit" + ENTER)

    assert said(again) == ""


def test_who_leaves_while_load_runs_is_told_so_once(session: Prompted, keyboard: PipeInput) -> None:
    with website_serving(Website()) as website:
        plan = Plan(Endpoint("127.0.0.1", website.port, "web.localhost", ""), "/", 10, 10, 60)
        session.loads["web"] = Load(plan)
        assert typed(session, keyboard, CTRL_D + "ps" + ENTER + CTRL_D + CTRL_D) == ["ps"]
        session.close()

    assert said(session).count("load still runs: web; ^D again stops it and leaves") == 2


def test_the_history_is_its_owners_only_and_keeps_no_secret(
    session: Prompted, keyboard: PipeInput, home: Path
) -> None:
    secret = "run -e DB_PASSWORD=x web ./s"
    typed(session, keyboard, ENTER.join(["ps", " apps", secret, "ps -a", ""]) + CTRL_D)

    path = home / "state" / "simplecloud" / "history"
    lines = [line[1:] for line in path.read_text().splitlines() if line.startswith("+")]
    assert lines == ["ps", "ps -a"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("ps", True),
        ("run -e COLOUR=red web ./s", True),
        (" ps", False),
        ("", False),
        ("run -e DB_PASSWORD=x web ./s", False),
        ("run -e DB_PASS=x web ./s", False),
        ("run --env=api_token=x web ./s", False),
        ("run -e MY_SECRET_KEY=x web ./s", False),
    ],
)
def test_lines_with_a_leading_blank_or_a_secret_are_not_kept(line: str, kept: bool) -> None:
    assert keeps(line) is kept


def test_a_history_that_cannot_be_written_is_kept_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    history = PrivateHistory(tmp_path / "file" / "history")

    history.append_string("ps")

    assert history.get_strings() == ["ps"]


def test_a_history_that_cannot_be_read_is_empty(tmp_path: Path) -> None:
    (tmp_path / "history").mkdir()
    assert [*PrivateHistory(tmp_path / "history").load_history_strings()] == []


def test_a_history_that_can_no_longer_be_written_goes_on_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "history"
    history = PrivateHistory(path)
    path.unlink()
    path.mkdir()

    history.append_string("ps")

    assert history.get_strings() == ["ps"]


def test_the_history_is_in_the_state_directory() -> None:
    assert history_file({"XDG_STATE_HOME": "/s", "HOME": "/h"}) == Path("/s/simplecloud/history")
    assert history_file({"XDG_STATE_HOME": "rel", "HOME": "/h"}) == Path(
        "/h/.local/state/simplecloud/history"
    )


def test_the_entries_of_a_directory_end_in_a_slash_when_they_are_directories(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "file").write_text("")

    (tmp_path / "loop").symlink_to("loop")

    assert entries(str(tmp_path)) == ["file", "loop", "sub/"]
    assert entries(str(tmp_path / "nosuch")) == ()


class Manager:
    """A manager that pushes the looks it is given, while somebody follows it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.followed = threading.Event()
        self.looks: queue.Queue[Mapping[str, object]] = queue.Queue()

    def ask(self, method: str, params: Mapping[str, object]) -> Mapping[str, object]:
        self.asked.append(method)
        return {"items": [{"name": f"a {method}"}]}

    def follow(
        self, interval_s: float, take: Callable[[Mapping[str, object]], None], leaving: threading.Event
    ) -> None:
        self.followed.set()
        while not leaving.wait(0.01):
            with suppress(queue.Empty):
                take(self.looks.get_nowait())


@pytest.fixture
def told() -> Iterator[tuple[Manager, Watch]]:
    manager = Manager()
    watch = Watch(manager.ask, manager.follow, lambda: None)
    yield manager, watch
    watch.stop()


LOOK = {"documents": {"apps": listing("AppList", [app("web")]), "ps": listing("WorkerList", [])}}


def test_what_the_manager_pushes_is_known_at_once(told: tuple[Manager, Watch]) -> None:
    manager, watch = told
    watch.show()

    manager.looks.put(LOOK)

    eventually(lambda: watch.snapshot.known, 10)
    assert [named.name for named in (*watch.snapshot.apps, *watch.snapshot.images)] == ["web", "a images"]
    manager.looks.put({"documents": {"apps": listing("AppList", [app("api")])}})
    eventually(lambda: watch.snapshot.apps[0].name == "api", 10)
    assert sorted(manager.asked) == ["images", "secret"]


def test_a_manager_that_is_away_leaves_what_it_said_last(told: tuple[Manager, Watch]) -> None:
    manager, watch = told
    watch.show()
    manager.looks.put(LOOK)

    manager.looks.put({"down": False})

    eventually(lambda: watch.snapshot.away, 10)
    assert watch.snapshot.known
    assert watch.snapshot.apps[0].name == "web"


def test_a_cloud_that_is_down_has_no_apps_left_to_offer(told: tuple[Manager, Watch]) -> None:
    manager, watch = told
    watch.show()
    manager.looks.put(LOOK)
    manager.looks.put({"down": True})

    eventually(lambda: watch.snapshot.down, 10)
    assert watch.snapshot == Snapshot(down=True)


def test_the_manager_is_left_alone_while_no_prompt_is_shown(told: tuple[Manager, Watch]) -> None:
    manager, watch = told
    assert not manager.followed.is_set()

    watch.show()
    assert manager.followed.wait(10)
    watch.hide()
    manager.looks.put(LOOK)
    manager.followed.clear()
    watch.show()
    assert manager.followed.wait(10)

    eventually(lambda: watch.snapshot.known, 10)
    assert sorted(manager.asked) == ["images", "secret"]


WHERE_IS_THE_CURSOR = "\x1b[6n"


class Terminal:
    """A prompt on a real terminal, against a manager that answers from a table.

    tells_cursor: whether it answers where its cursor is, as most terminals do.
    """

    tells_cursor = True

    def __init__(self, directory: Path, rows: int, **environment: str) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (rows, 80))
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.replies", str(directory)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            start_new_session=True,
            env={
                **inherited,
                "TERM": "xterm",
                "LANG": "C.UTF-8",
                "PYTHONUTF8": "1",
                "XDG_STATE_HOME": str(directory / "state"),
                **environment,
            },
        )
        os.close(slave)
        self.seen = ""

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def wait_for(self, text: str, within_s: float = 60.0) -> str:
        """Return what was shown up to `text`, which was not shown before."""
        until = time.monotonic() + within_s
        while text not in self.seen:
            left_s = until - time.monotonic()
            assert left_s > 0, f"{text!r} was not shown, but: {self.seen[-500:]!r}"
            self.take_what_comes(left_s)
        shown, _, self.seen = self.seen.partition(text)
        return shown

    def take_what_comes(self, within_s: float) -> None:
        """Keep what is shown next, if anything, and answer the question where the cursor is."""
        if not select.select([self._master], [], [], within_s)[0]:
            return
        shown = os.read(self._master, 65536).decode(errors="replace")
        self.seen += shown
        for _ in range(shown.count(WHERE_IS_THE_CURSOR) * self.tells_cursor):
            self.type("\x1b[1;1R")

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def resize(self, rows: int) -> None:
        termios.tcsetwinsize(self._master, (rows, 80))
        self.process.send_signal(signal.SIGWINCH)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@contextmanager
def terminal(directory: Path, rows: int = 24, **environment: str) -> Iterator[Terminal]:
    shown = Terminal(directory, rows, **environment)
    try:
        yield shown
    finally:
        shown.close()


def test_a_session_on_a_terminal_shows_results_health_and_leaves(tmp_path: Path) -> None:
    with terminal(tmp_path) as screen:
        screen.wait_for(repl.GREETING)
        screen.wait_for("cloud>")
        screen.wait_for("workers 463 req/s")
        screen.type("ps web" + ENTER)
        screen.wait_for("\x1b[38;5;130mstarting\x1b[0m")
        screen.wait_for("cloud>")
        screen.type(CTRL_D)

        assert screen.process.wait(60) == 0


def test_a_terminal_that_does_not_tell_its_cursor_gets_no_warning_into_the_line(tmp_path: Path) -> None:
    with terminal(tmp_path) as screen:
        screen.tells_cursor = False
        asked = screen.wait_for("cloud>")
        until = time.monotonic() + Renderer.CPR_TIMEOUT + 0.5
        while (left_s := until - time.monotonic()) > 0:
            screen.take_what_comes(left_s)

        assert WHERE_IS_THE_CURSOR in asked + screen.seen
        assert "WARNING" not in screen.seen


def test_a_line_is_seen_on_a_terminal_of_five_rows(tmp_path: Path) -> None:
    with terminal(tmp_path, rows=5) as screen:
        screen.wait_for("cloud>")
        screen.type("echo five")
        shown = screen.wait_for("five")
        screen.type(ENTER)
        screen.wait_for("five\r\n")

        assert "Window too small" not in shown


def test_a_line_is_seen_on_a_terminal_that_has_become_small(tmp_path: Path) -> None:
    with terminal(tmp_path) as screen:
        screen.wait_for("workers 463 req/s")
        screen.resize(5)
        shown = screen.wait_for("workers 463 req/s")
        screen.type("echo five")
        shown += screen.wait_for("five")

        assert "Window too small" not in shown


def test_tab_completes_names_and_what_was_typed_can_be_had_again(tmp_path: Path) -> None:
    with terminal(tmp_path) as screen:
        screen.wait_for("workers 463 req/s")
        screen.type("echo one" + ENTER)
        screen.wait_for("one\r\n")
        screen.wait_for("cloud>")
        screen.type("ps po")
        screen.wait_for("1/1 ready")
        screen.type("\t" + ENTER)
        screen.wait_for("WORKER")  # the table's: the menu has names of workers, too
        screen.wait_for("cloud>")
        screen.type("\x12ec")  # Ctrl-R
        screen.wait_for("one")
        screen.type(ENTER + ENTER)
        screen.wait_for("one\r\n")


def test_ctrl_c_during_a_command_stops_waiting_and_says_how_to_follow(tmp_path: Path) -> None:
    with terminal(tmp_path) as screen:
        screen.wait_for("cloud>")
        screen.type("scale web=3" + ENTER)
        screen.wait_for("web.4  created 10.200.0.14")
        screen.interrupt()
        screen.wait_for("no longer waiting")
        screen.wait_for("cloud>")


def test_ctrl_d_instead_of_a_secret_sets_none(tmp_path: Path) -> None:
    with terminal(tmp_path) as screen:
        screen.wait_for("cloud>")
        screen.type("secret set db" + ENTER)
        screen.wait_for("db: ")
        screen.type(CTRL_D)
        screen.wait_for("secret set db: nothing was typed")
        screen.wait_for("cloud>")


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"NO_COLOR": "1"}], ids=["dumb", "no-color"])
def test_without_colour_there_is_none(tmp_path: Path, environment: Mapping[str, str]) -> None:
    with terminal(tmp_path, 24, **environment) as screen:
        screen.wait_for("cloud>")
        screen.type("ps" + ENTER)
        shown = screen.wait_for("pong.1") + screen.wait_for("cloud>")

        assert "starting" in shown
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]", shown)

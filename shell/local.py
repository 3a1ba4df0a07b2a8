"""Commands that the shell carries out itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from manager.api.arguments import bind
from manager.api.command import Command
from manager.api.commands import command_of, verbs
from manager.api.errors import UsageError
from manager.api.suggest import did_you_mean
from manager.api.typed import Params
from shell import pager, terminal
from shell.options import OPTIONS, near
from shell.outcome import Told

if TYPE_CHECKING:
    from shell.session import Session

_LOOK_UP_S = 0.5  # a ^C that comes just before the system call is answered when it returns


def perform(session: Session, row: Command, params: Params) -> None:
    """Carry out one of the shell's own commands; raises CloudError, or Told."""
    act_of(row.verb)(session, row, params)


def act_of(verb: str) -> Act:
    """Return the function that carries a verb out, its module loaded."""
    if verb not in _ELSEWHERE:
        return _ACTS[verb]
    module, name = _ELSEWHERE[verb]
    act: Act = getattr(import_module(module), name)
    return act


def _set(session: Session, row: Command, params: Params) -> None:
    arguments = bind(row, params)
    name, words = arguments.text("name"), arguments.texts("value")
    if name is None:
        _show_settings(session)
        return
    value = " ".join(words)
    if name in OPTIONS:
        session.options.change(name, value)
        return
    session.variables[name] = value
    meant = near(name)
    if meant is not None:
        session.note(f"{name} is a variable, and no option (did you mean {meant}?)")


def _show_settings(session: Session) -> None:
    values = {**session.options.shown(), **session.variables}
    widest = max(map(len, values))
    for name, value in values.items():
        print(f"{name:<{widest}}  {value}", file=session.out)


def _echo(session: Session, row: Command, params: Params) -> None:
    print(" ".join(bind(row, params).texts("word")), file=session.out)


def _sleep(session: Session, row: Command, params: Params) -> None:
    ends_at = time.monotonic() + (bind(row, params).number("duration") or 0.0)
    while (left_s := ends_at - time.monotonic()) > 0:
        time.sleep(min(left_s, _LOOK_UP_S))


def _source(session: Session, row: Command, params: Params) -> None:
    from shell import script

    code = script.run_file(session, bind(row, params).text("file") or "")
    if code:
        raise Told(code)


def _help(session: Session, row: Command, params: Params) -> None:
    from shell.manual.help import width_on

    verb = bind(row, params).text("verb")
    if params.get("output") == "man":
        _manual(session, verb)
    else:
        pager.show(session, _page(verb, width_on(session.out)).splitlines())


def _page(about: str | None, width: int) -> str:
    """Return the page on a verb or a topic, or the overview; raises UsageError where there is neither."""
    from shell.manual import help as pages
    from shell.manual.topics import TOPICS

    if about is None:
        return pages.overview(width)
    if about in TOPICS:
        return pages.topic(about, width)
    if command := command_of(about):
        return pages.page(command, width)
    guess = did_you_mean(about, (*verbs(), *TOPICS))
    raise UsageError(f'no command is named "{about}"', hint=f"help {guess}" if guess else "help", at=0)


def _manual(session: Session, verb: str | None) -> None:
    from shell.manual import man

    if verb is not None:
        raise UsageError("the manual is one page, of all commands", hint="help -o man", at=0)
    print(man.page(version()), file=session.out)


def _record(session: Session, row: Command, params: Params) -> None:
    from shell import recording

    path = bind(row, params).text("file")
    if path is None:
        told = session.recording.path if session.recording else "nothing"
        print(f"recording {told}", file=session.out)
        return
    if path != "off" and session.recording is not None:
        raise UsageError(f"{session.recording.path} is being recorded", hint="record off", at=0)
    if session.recording is not None:
        session.recording.end()
    session.recording = None if path == "off" else recording.begin(path)


def _version(session: Session, row: Command, params: Params) -> None:
    print(f"simplecloud {version()}", file=session.out)


def version() -> str:
    """Return the version that pyproject.toml, the one place for it, says."""
    import tomllib

    from shell.host import ROOT

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return str(project["project"]["version"])


def _clear(session: Session, row: Command, params: Params) -> None:
    terminal.clear(session.out)


def _exit(session: Session, row: Command, params: Params) -> None:
    session.leaving = True


def _completion(session: Session, row: Command, params: Params) -> None:
    from shell.manual import completion

    print(completion.script(bind(row, params).text("shell") or "bash"), end="", file=session.out)


Act = Callable[["Session", Command, Params], None]
_ACTS: Mapping[str, Act] = {
    "set": _set,
    "echo": _echo,
    "sleep": _sleep,
    "source": _source,
    "record": _record,
    "help": _help,
    "version": _version,
    "clear": _clear,
    "exit": _exit,
    "completion": _completion,
}
# With modules of their own, which other commands start faster without: where each is, and its function.
_ELSEWHERE: Mapping[str, tuple[str, str]] = {
    "wait": ("shell.waiting", "wait"),
    "expect": ("shell.waiting", "expect"),
    "load": ("shell.traffic.loading", "load"),
    "watch": ("shell.live.watch", "watch"),
    "apply": ("shell.apps.applying", "apply"),
    "diff": ("shell.apps.applying", "diff"),
    "export": ("shell.apps.applying", "export"),
    "import": ("shell.apps.applying", "import_"),
    "exec": ("shell.worker.inside", "execute"),
    "cp": ("shell.worker.copying", "copy"),
    "secret": ("shell.secret", "secret"),
}

"""`apply`, `diff`, `export` and `import`: apps as a file, made so by the commands an operator would type."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from manager.api.arguments import bind, option_words
from manager.api.command import Command
from manager.api.commands import known
from manager.api.documents import listing
from manager.api.errors import ProgramRejected, RouteTaken, UsageError
from manager.api.typed import Params
from manager.api.views import ChangeView
from shell import files, printing, remote
from shell.apps import app_file, changes, dotenv, together
from shell.apps.entry import Entry
from shell.apps.kept import from_kept
from shell.attempt import attempt, execute_words
from shell.file_errors import unreadable
from shell.language.quoting import join, quote
from shell.outcome import INTERRUPTED, Told
from shell.place import place_of_words
from shell.text.document import Document, items, number
from shell.text.glyphs import escaped

if TYPE_CHECKING:
    from shell.apps.compose import Services
    from shell.session import Session


_HOW = ("wait", "detach")
_READINESS = ("want", "done", "ready")
_STDIN = "-"
_LASTS_S = "2"  # by then a command that cannot run has ended, as it does at its first start


def export(session: Session, row: Command, params: Params) -> None:
    """Print the apps as the file that makes them."""
    entries, usual = _present(session, list(bind(row, params).texts("app")))
    if entries:
        print("\n\n".join(app_file.write(entry, usual) for entry in entries.values()), file=session.out)


def diff(session: Session, row: Command, params: Params) -> None:
    """Print what of the apps is not as the file says; raises Told when there is any."""
    wanted = _wanted(session, row, params)
    present, usual = _present(session)
    found = []
    for entry in wanted:
        current = present.get(entry.name)
        if current is None:
            found.append(ChangeView(entry.name, "app", "", " ".join(entry.command)))
            continue
        for each in changes.differences(current, entry, _own_files(entry), usual):
            found.append(ChangeView(entry.name, each.option, each.now, each.wanted))
    printing.result(session, listing("ChangeList", found), row, params)
    if found:
        raise Told(1)
    session.note("all is as the file says")


def apply(session: Session, row: Command, params: Params) -> None:
    """Print the commands that make the apps as the file says, and carry them out one by one."""
    _make(session, _wanted(session, row, params), params)


def import_(session: Session, row: Command, params: Params) -> None:
    """Do the same with a compose file, and tell what of it is ignored."""
    path = bind(row, params).text("file") or ""
    directory = os.path.dirname(path)
    text = _text_of(session, path)
    with _named_in_errors(path):
        services = _services(text, path)
        tables = {
            name: _with_variables(table, services.env_files[name], directory)
            for name, table in services.tables.items()
        }
        wanted = [app_file.read_entry(name, table, directory) for name, table in tables.items()]
        together.require_apart(wanted)
    for told in services.ignored:
        session.note(told)
    _make(session, wanted, params)


def _services(text: str, path: str) -> Services:
    """Return what a compose file asks for; raises UsageError."""
    from shell.apps import compose, yaml_file  # YAML's parser, which nothing else needs

    directory = os.path.dirname(path)
    try:
        return compose.read(
            text, _variables(directory), lambda path: Path(directory, path).is_file(), directory
        )
    except yaml_file.Unset as error:
        error.hint = f"{error.hint} {quote(path)}"
        raise


def _variables(directory: str) -> Mapping[str, str]:
    """Return what compose fills in: the variables of .env beside the file, and over them this process's."""
    return {**_variables_of(".env", directory, required=False), **os.environ}


def _with_variables(
    table: Mapping[str, object], env_files: Sequence[tuple[str, bool]], directory: str
) -> Mapping[str, object]:
    """Return the table of an app with the variables of files, below those that it sets itself."""
    found: dict[str, object] = {}
    for path, required in env_files:
        found |= _variables_of(path, directory, required=required)
    own = table.get("env")
    return {**table, "env": {**found, **own} if isinstance(own, dict) else found} if found else table


def _variables_of(path: str, directory: str, *, required: bool) -> dict[str, str]:
    """Return the variables of a file as compose reads it; raises CloudError where it has to be there."""
    place = os.path.join(directory, path)
    try:
        return dotenv.read(Path(place).read_text("utf-8"))
    except (OSError, ValueError) as error:
        if required:
            raise unreadable(place, error) from error
        return {}


@dataclass(frozen=True, slots=True)
class _There:
    """The apps there are, by name, what is usual, and the files of here that each wanted app copies."""

    present: Mapping[str, Entry]
    usual: Params
    own: Mapping[str, Mapping[str, str]]

    def commands(self, entry: Entry) -> list[list[str]]:
        """Return the commands that make the app as wanted."""
        return changes.commands(self.present.get(entry.name), entry, self.own[entry.name], self.usual)


def _make(session: Session, wanted: list[Entry], params: Params) -> None:
    """Make the apps as wanted, if all can be; raises Told when one cannot be, or does not get ready."""
    present, usual = _present(session)
    wanted = [from_kept(entry, present.get(entry.name), session.places.programs) for entry in wanted]
    there = _There(present, usual, {entry.name: _own_files(entry) for entry in wanted})
    plan = {
        entry.name: [[verb, *_how(verb, params), *rest] for verb, *rest in there.commands(entry)]
        for entry in together.in_order(wanted, there.present)
    }
    steps, only_tells = [*chain.from_iterable(plan.values())], params.get("dry_run") is True
    if only_tells:
        for words in steps:
            _show(session, words)
    if not steps:
        names = ", ".join(entry.name for entry in wanted)
        session.note(f"nothing to do: {names} {'is' if len(wanted) == 1 else 'are'} as the file says")
    _require_possible(session, wanted, there, params)
    if only_tells:
        return
    _carry_out_all(session, {name: commands for name, commands in plan.items() if commands})
    if params.get("detach") is not True:
        _await_ready(session, [name for name, commands in plan.items() if not _waits(commands)], params)


def _waits(commands: Sequence[Sequence[str]]) -> bool:
    """Tell whether the last of the commands returns once the app is ready."""
    return bool(commands) and known(commands[-1][0]).option("--wait") is not None


def _show(session: Session, words: Sequence[str]) -> None:
    print(_seen(join(words), session.out), file=session.out, flush=True)


def _carry_out_all(session: Session, plan: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """Carry the commands of each app out; where one fails, the apps are named that it leaves as they were."""
    waiting = list(plan)
    for name, commands in plan.items():
        waiting.remove(name)
        try:
            for words in commands:
                _show(session, words)
                _carry_out(session, words)
        except Told:
            if waiting:
                session.note(f"{', '.join(waiting)} {'is' if len(waiting) == 1 else 'are'} left as before")
            raise


def _carry_out(session: Session, words: Sequence[str]) -> None:
    if code := execute_words(session, words):
        raise Told(code)


def _require_possible(session: Session, wanted: list[Entry], there: _There, params: Params) -> None:
    """Raise Told when the manager refuses what can be foreseen: all are told, and nothing is changed."""
    aloud, names = params.get("dry_run") is True, {entry.name for entry in wanted}
    codes = []
    for entry in wanted:
        passing = (RouteTaken,) if together.may_be_given_up(entry, there.present, names) else ()
        alone = together.unreaching(entry, names - there.present.keys())  # those are made first
        for words in _foreseeable(there.commands(alone)):
            act = partial(remote.foresee, session, words, aloud=aloud, passing=passing)
            looks = [words[0], "--dry-run", *words[1:]]
            codes.append(attempt(session, act, looks, partial(place_of_words, given=words)))
            if codes[-1] == INTERRUPTED:
                raise Told(INTERRUPTED)
            if codes[-1]:
                break
    if any(codes):
        session.note("nothing was changed")
        raise Told(max(codes))


def _foreseeable(commands: Sequence[list[str]]) -> list[list[str]]:
    """Return those of an app's commands that are refused now if ever: an update makes no scale possible."""
    return [words for before, words in enumerate(commands) if not before or words[0] == "scale"]


def _await_ready(session: Session, names: list[str], params: Params) -> None:
    """Return once those that are as wanted are ready, too; raises Told when one does not get so.

    A scale to what an app has changes nothing and waits for that, as every command does: another one that
    comes meanwhile ends it.
    """
    if not names:
        return
    limit = [f"--timeout={params['wait']}"] if "wait" in params else []
    for app in items(session.client.call("apps", {"app": names}).get("items")):
        name, want, done, ready = (app["name"], *(number(app.get(key)) or 0.0 for key in _READINESS))
        if ready < want - done:
            waits = ["scale", *_how("scale", params), f"{name}={want:g}"]
            _carry_out(session, ["wait", str(name), "ready", *limit] if app["scaling"] == "auto" else waits)
    for worker in items(session.client.call("ps", {"app": names}).get("items")):
        if worker["state"] == "ready" and worker["restarts"]:  # it may end as soon again
            _carry_out(session, ["wait", str(worker["name"]), "age", ">", _LASTS_S, *limit])


def _how(verb: str, params: Params) -> list[str]:
    """Return the options that say how to wait, as words, of those that the verb has."""
    return option_words([option for option in known(verb).options if option.key in _HOW], params)


def _seen(command: str, out: TextIO) -> str:
    """Return a command as it is, on a terminal without what steers it: a person judges by what is seen."""
    return "\n".join(map(escaped, command.split("\n"))) if out.isatty() else command


def _wanted(session: Session, row: Command, params: Params) -> list[Entry]:
    path = bind(row, params).text("file") or ""
    text = _text_of(session, path)
    with _named_in_errors(path):
        return app_file.read(text, os.path.dirname(path))


def _text_of(session: Session, path: str) -> str:
    """Return what a file says; - is the standard input."""
    given = session.stdin if path == _STDIN else None
    if path == _STDIN and given is None:
        raise UsageError("a script has no standard input to read a file from", hint="help files")
    try:
        return (Path(path).read_bytes() if given is None else given.buffer.read()).decode()
    except UnicodeDecodeError as error:
        raise ProgramRejected(f"cannot read {_called(path)}: it is not UTF-8", hint="help files") from error
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def _called(path: str) -> str:
    return "standard input" if path == _STDIN else path


@contextmanager
def _named_in_errors(path: str) -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        error.message = f"{_called(path)}: {error.message}"
        raise


def _present(session: Session, names: list[str] | None = None) -> tuple[dict[str, Entry], Params]:
    """Return the apps there are, by name, and the parameters that are usual."""
    session.need_cloud()
    document = session.client.call("export", {"app": names} if names else {})
    usual, entries = document.get("usual"), map(_entry, items(document.get("items")))
    return {entry.name: entry for entry in entries}, usual if isinstance(usual, dict) else {}


def _entry(item: Document) -> Entry:
    params, copied = item.get("params"), item.get("files")
    assert isinstance(params, dict)
    assert isinstance(copied, dict)
    return Entry(params, copied)


def _own_files(entry: Entry) -> dict[str, str]:
    """Return the files of this machine that the app copies, as sha256 by their path in its workers."""
    with files.opened(entry.params) as handed:
        return {file.place: _sha256(file.descriptor) for file in handed if file.place}


def _sha256(descriptor: int) -> str:
    with open(descriptor, "rb", closefd=False) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()

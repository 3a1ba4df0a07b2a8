"""What can stand at the cursor, from the table of commands and the last snapshot of the cloud.

Pure: a text, a cursor and a snapshot in, suggestions out; the files of a directory come through a
function that the caller gives. 500 workers take a few milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from manager.api import values
from manager.api.command import Command, Operand, Option
from manager.api.commands import COMMANDS, command_of
from manager.api.listings import LISTINGS
from manager.api.rows.scripts import ANSWERS
from shell.files import is_path
from shell.language import grammar
from shell.language.comparison import OPERATORS
from shell.language.conditions import field_named, kind_of
from shell.live.repeated import is_listing, repeated
from shell.manual.topics import TOPICS
from shell.options import OPTIONS
from shell.prompt.named import PARTS, Named
from shell.prompt.offers import Completion, Directory, files, quoted, ranked
from shell.prompt.past import Past
from shell.prompt.position import Position, position_of
from shell.prompt.snapshot import Snapshot
from shell.prompt.typed import Word, spot, within
from shell.text.columns import choices
from shell.text.columns import names as column_names

_LOAD_FIELDS = ("sent", "ok", "failed", "p50_s", "p95_s", "p99_s", "rate_rps")
_VARIABLE = re.compile(r"(?<!\\)\$\{?\w*\Z")  # one that is being typed
_PARTS = tuple(Named(name, "a part of the cloud") for name in PARTS)
_MEANINGS = {
    "ls": "list them", "set": "keep one", "rm": "remove one", "off": "no longer",
    "http": "what a path of an app answers", "load": "what a load of this shell came to",
    "manager": "up or down", "error": "a command that fails", "done": "the load has ended",
    "ready": "as many as wanted", "gone": "removed, or stopped",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Here:
    """The word at the cursor, and where what it names can be: in the cloud, on this machine."""

    word: Word
    snapshot: Snapshot
    directory: Directory

    def ranked(self, candidates: Iterable[Named]) -> list[Completion]:
        return ranked(self.word, candidates)

    def files(self, suffixes: tuple[str, ...] = ()) -> list[Completion]:
        return files(self.word, self.directory, suffixes)


def complete(text: str, cursor: int, snapshot: Snapshot, directory: Directory) -> list[Completion]:
    """Return what can stand at the cursor, the best first.

    `directory`: lists the entries of a directory ('' is the current one), directories with a final /.
    """
    at, inside = spot(text, cursor), within(text[:cursor])
    if at.comment:
        return []
    if inside.start:
        found = complete(text[inside.start : cursor], cursor - inside.start, snapshot, directory)
        return [replace(completion, start=completion.start + inside.start) for completion in found]
    if at.before and inside.quote != "'" and (variable := _VARIABLE.search(text, 0, cursor)) is not None:
        return _variables(Word(variable.start(), cursor, variable.group()), snapshot)
    if not at.before:
        dash = at.word.value.startswith("-")
        word = Word(at.word.start + dash, at.word.end, at.word.value[dash:])
        return ranked(word, _verbs())
    position = _innermost(at.before)
    return _arguments(position, _Here(at.word, snapshot, directory)) if position is not None else []


def _variables(word: Word, snapshot: Snapshot) -> list[Completion]:
    """Return the variables that are set, in braces where one is open."""
    names = (replace(each, name=f"${{{each.name[1:]}}}") for each in snapshot.variables)
    return ranked(word, names if word.value.startswith("${") else snapshot.variables)


def _innermost(before: Sequence[str]) -> Position | None:
    """Return where the word after these stands: in the command that they begin, or in one inside that."""
    if command_of(before[0]) is None:
        return None
    position = position_of(grammar.row_of(before), before[1:])
    match position.command.verb, position.operands:
        case "watch", [verb, *inner] if (listing := command_of(verb)) is not None and is_listing(listing):
            return position_of(repeated(listing), inner)
        case "wait" | "expect", ["error", _, *inner] if inner:
            return _innermost(inner) or position
        case _:
            return position


def _arguments(position: Position, here: _Here) -> list[Completion]:
    if position.option is not None:
        return _values(position.option, position, here)
    word = here.word
    name, equals, value = word.value.partition("=")
    if equals and name.startswith("--") and not position.bare:
        option = position.command.option(name)
        inline = replace(here, word=Word(word.start + len(name) + 1, word.end, value))
        return _values(option, position, inline) if option else []
    if word.value.startswith("-") and not position.bare:
        return here.ranked(_options(position))
    found = _operands(position, here)
    if not word.value and not position.bare:
        found += here.ranked(_options(position))
    return found


def _words(given: Iterable[str]) -> Iterator[Named]:
    for word in given:
        yield Named(word, _MEANINGS.get(word, ""))


def _verbs() -> Iterator[Named]:
    for row in COMMANDS:
        yield Named(row.verb, row.summary)


def _options(position: Position) -> Iterator[Named]:
    of_others = ANSWERS if position.operands and position.operands[0] != "http" else ()
    for option in position.command.options:
        if option not in of_others and (option.many or option not in position.given):
            yield Named(f"--{option.name}", option.help)


def _values(option: Option, position: Position, here: _Here) -> list[Completion]:
    """Return what can be the value of an option."""
    if option.kind is None:
        return []
    if option.name in ("sort", "columns", "filter") and position.command.lists:
        return _columns(here.word, position.command, option)
    of_app: Mapping[str, Past] = {
        "revisions": here.snapshot.revisions,
        "decisions": here.snapshot.decisions,
        "variables": here.snapshot.environment,
    }
    if option.kind.completes in of_app:
        app = "".join(position.operands[:1])
        return here.ranked(of_app[option.kind.completes].get(app, ()))
    return _of_kind(option.kind, here)


def _columns(word: Word, command: Command, option: Option) -> list[Completion]:
    """Return the columns of a listing, or, behind the = of a filter, what the field of one can be."""
    name, equals, value = word.value.partition("=")
    if option.name == "filter" and equals:
        return _at_end(word, name + equals, value, map(Named, choices(command.lists, name)))
    earlier, comma, last = word.value.rpartition(",") if option.name == "columns" else ("", "", word.value)
    headers = {column.header.lower(): f"field {column.field}" for column in LISTINGS[command.lists].columns}
    suffix = "=" if option.name == "filter" else ""
    named = (Named(name + suffix, headers.get(name, "")) for name in column_names(command.lists))
    return _at_end(word, earlier + comma, last, named)


def _at_end(word: Word, kept: str, last: str, candidates: Iterable[Named]) -> list[Completion]:
    """Return what can be the last part of a word; one in quotes is written anew with what is kept of it."""
    is_plain = word.end - word.start == len(word.value)
    before, start = ("", word.start + len(kept)) if is_plain else (kept, word.start)
    found = ranked(Word(start, word.end, last), candidates)
    return [Completion(quoted(before + item.text), start, item.meta) for item in found]


def _operands(position: Position, here: _Here) -> list[Completion]:
    """Return what can be the next operand, where a verb has rules of its own."""
    command, given, snapshot = position.command, position.operands, here.snapshot
    match command.verb:
        case "help":
            topics = (Named(topic, "a page about it") for topic in TOPICS)
            return here.ranked([*_verbs(), *topics]) if not given else []
        case "set":
            return here.ranked(_setting(given))
        case "scale":
            scaled = {word.partition("=")[0] for word in given}
            left = (app for app in snapshot.apps if app.name not in scaled)
            return here.ranked(left) if not given or "=" in given[-1] else []
        case "wait" | "expect":
            return here.ranked(_condition(command.verb, given, snapshot))
        case "watch":
            draws = any(option.name in ("svg", "output") for option in position.given)
            listings = [Named(row.verb, row.summary) for row in COMMANDS if is_listing(row) and not draws]
            return here.ranked([*snapshot.apps, *listings]) if not given else []
        case "start":
            still = tuple(worker for worker in snapshot.workers if not worker.meta.startswith("ready"))
            return _usual_operands(command, given, replace(here, snapshot=replace(snapshot, workers=still)))
        case "crash" if not given:
            return here.ranked([*_PARTS, *snapshot.workers])
        case "crash" if given == ("etcd",):
            return here.ranked(snapshot.members)
        case _:
            return _usual_operands(command, given, here)


def _usual_operands(command: Command, given: Sequence[str], here: _Here) -> list[Completion]:
    """Return what the table says can be the next operand, without what was given."""
    if command.verbatim and given:
        # what a worker runs is not of this machine, unless a new one is made from it
        is_file = command.changes and (len(given) == 1 or is_path(here.word.value))
        return here.files() if is_file else []
    operand = _operand_at(command, len(given))
    if operand is None:
        return []
    left = replace(
        here.snapshot,
        apps=tuple(app for app in here.snapshot.apps if app.name not in given),
        workers=tuple(worker for worker in here.snapshot.workers if worker.name not in given),
    )
    return _of_kind(operand.kind, replace(here, snapshot=left))


def _operand_at(command: Command, index: int) -> Operand | None:
    if index < len(command.operands):
        return command.operands[index]
    last = command.operands[-1:]
    return last[0] if last and last[0].many else None


def _setting(given: Sequence[str]) -> Iterable[Named]:
    """Return what can go on with `set`: an option of this shell, then its value."""
    if not given:
        return [Named(name, does) for name, (_, does) in OPTIONS.items()]
    return map(Named, OPTIONS[given[0]][0].choices if given[0] in OPTIONS else ())


def _condition(verb: str, given: Sequence[str], snapshot: Snapshot) -> Iterable[Named]:
    """Return what can go on with a condition of wait or expect."""
    match [*given]:
        case []:
            return [*snapshot.apps, *_words(("http", "load", "manager", "error")), *snapshot.workers]
        case ["manager"]:
            return map(Named, ("up", "down"))
        case ["http" | "load"]:
            return snapshot.apps
        case ["load", _]:
            return _words(("done", *_LOAD_FIELDS) if verb == "wait" else _LOAD_FIELDS)
        case ["error", _]:
            return _verbs()
        case ["error"] | ["load", _, "done"] | ["http" | "manager", _]:
            return ()
        case ["load", _, _]:
            return map(Named, OPERATORS)
        case [str(target)]:
            fields = (name for name in column_names(kind_of(target)) if field_named(kind_of(target), name))
            return _words(dict.fromkeys(("ready", "gone", *fields)))
        case [str(target), str(field)]:
            return map(Named, OPERATORS) if field_named(kind_of(target), field) else ()
        case [str(target), str(field), "==" | "!="]:
            return map(Named, choices(kind_of(target), field))
        case _:
            return ()


def _of_kind(kind: values.Kind, here: _Here) -> list[Completion]:
    """Return the words that can be a value of a kind, and those of here or of the cloud that can."""
    return [*here.ranked(_words(kind.choices)), *_live(kind, here)]


def _live(kind: values.Kind, here: _Here) -> list[Completion]:
    match kind.completes:
        case "apps":
            return here.ranked(here.snapshot.apps)
        case "targets":
            return here.ranked([*here.snapshot.apps, *here.snapshot.workers])
        case "images":
            return here.ranked(here.snapshot.images)
        case "secrets":
            return here.ranked(here.snapshot.secrets)
        case "files":
            return here.files(kind.suffixes)
        case "places":
            inside = (Named(f"{worker.name}:", worker.meta) for worker in here.snapshot.workers)
            return [*here.ranked(inside), *here.files()]
        case "ports":
            number, slash, _ = here.word.value.partition("/")
            both = (Named(f"{number}/{protocol}") for protocol in ("http", "tcp"))
            return here.ranked(both) if slash and number.isdecimal() else []
        case _:
            return []

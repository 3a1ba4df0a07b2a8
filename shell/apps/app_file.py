"""Apps as a TOML file: what it says, how that differs from what there is, and the commands in between. Pure.

    [apps.web]
    command = ["./server.py", "--port", "8000"]
    workers = 3
    port = 8000

A key is an option of `run`, its value what is written behind it there; `env` may be a table. Files are
meant from the directory of the TOML file. What the file does not say has its default, save the number
of workers, which stays.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from manager.api.agreement import require_agreement
from manager.api.arguments import bind, option_words
from manager.api.command import Option
from manager.api.commands import known
from manager.api.errors import CloudError, UsageError
from manager.api.suggest import did_you_mean
from manager.api.taken import as_taken
from manager.api.typed import Param, Params
from shell.apps.scalars import word_of
from shell.apps.together import require_apart
from shell.apps.toml_lines import line_of
from shell.files import is_here, split_copy
from shell.language.parsing import parse, texts
from shell.text.tables import unsteering

EXAMPLE = "help files"
_NUMBER = re.compile(r"0|[1-9][0-9]*")  # as TOML has them: 007 is none, and may be a user
_HOW = ("wait", "detach", "dry_run", "env_file")
_SCALING = ("max", "min", "slo", "mode")


_RUN = known("run")
_OPTIONS = tuple(option for option in _RUN.options if option.key not in _HOW)
_TEMPLATE = {option.key for option in known("update").options} & {option.key for option in _OPTIONS}


@dataclass(frozen=True, slots=True)
class Entry:
    """One app: the parameters of the `run` that makes it, and its copied files as sha256 by their path."""

    params: Params
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.params["name"])

    @property
    def command(self) -> list[str]:
        return texts(self.params, "command")


@dataclass(frozen=True, slots=True)
class Difference:
    """One option of an app that the file wants otherwise; "" where it is not set."""

    option: str
    now: str
    wanted: str


def read(text: str, directory: str) -> list[Entry]:
    """Return the apps of a file in `directory`; raises UsageError with what is wrong in it."""
    try:
        document = tomllib.loads(text, parse_float=str)  # 1.10 is no 1.1
    except ValueError as error:  # TOMLDecodeError, and int's own for a number of thousands of digits
        raise UsageError(f"this is not TOML: {error}", hint=EXAMPLE) from None
    except RecursionError:
        raise UsageError("this is not TOML: it is nested too deeply", hint=EXAMPLE) from None
    apps = document.pop("apps", None)
    if not document and not apps:
        raise UsageError("there is no app in it", hint=EXAMPLE)
    if document or not isinstance(apps, dict):
        raise UsageError("an app is a table [apps.NAME], and there is nothing beside them", hint=EXAMPLE)
    entries = [_placed_entry(text, name, table, directory) for name, table in apps.items()]
    require_apart(entries)
    return entries


def _placed_entry(text: str, name: str, table: object, directory: str) -> Entry:
    try:
        return read_entry(name, table, directory)
    except UsageError as error:
        line = line_of(text, name, error.message)
        error.message = error.message if line is None else f"line {line}: {error.message}"
        raise


def read_entry(name: str, table: object, directory: str) -> Entry:
    """Return the app that a table of options is, as in a file in `directory`; raises UsageError."""
    if not isinstance(table, dict):
        raise UsageError(f"apps.{name} is not a table", hint=EXAMPLE)
    try:
        return _entry(name, table, directory)
    except ValueError as error:  # an open quote, a path that is none, a number of thousands of digits
        raise UsageError(f"{name}: {str(error).lower()}", hint=EXAMPLE) from None


def _entry(name: str, table: Mapping[str, object], directory: str) -> Entry:
    settings = dict(table)
    command, files = settings.pop("command", None), settings.pop("files", {})
    if isinstance(command, str):
        command = shlex.split(command)
    if not isinstance(command, list) or not command:
        raise UsageError(f'{name} has no command: command = ["./server.py"]', hint=EXAMPLE)
    words = [word for key, value in settings.items() for word in _words_of_key(name, key, value)]
    command = [_word(name, "command", word) for word in command]
    try:
        params = parse(_RUN, [*words, name, "--", *command])
        require_agreement(bind(_RUN, params))
    except UsageError as error:  # its hint is of what is typed
        raise UsageError(f"{name}: {error.message}", hint="help files") from None
    if "max" not in params and (beside := next((key for key in _SCALING if key in params), None)):
        raise UsageError(f"{name}: {beside} goes with max", hint="max = 6")
    if not isinstance(files, dict):
        raise UsageError(f'{name}: files = {{ "/app/x" = "SHA256" }}', hint=EXAMPLE)
    params = as_taken(_from_directory(params, directory))
    return Entry(params, {path: str(sha256) for path, sha256 in files.items()})


def _words_of_key(name: str, key: str, value: object) -> list[str]:
    option = next((option for option in _OPTIONS if option.name == key), None)
    if option is None:
        guess = did_you_mean(key, [option.name for option in _OPTIONS])
        meant = f" (did you mean {guess}?)" if guess else ""
        raise UsageError(f"{name}: run has no option --{key}{meant}", hint="help run")
    word = f"--{option.name}"
    match value:
        case bool() if option.kind is None:
            return [word] if value else []
        case str() | list() if option.key == "env" and any(
            isinstance(item, str) and "=" not in item
            for item in ([value] if isinstance(value, str) else value)
        ):
            raise UsageError(f"{name}: env is a table, or a list of NAME=VALUE", hint="help files")
        case str() | int() | float() if option.kind is not None and not isinstance(value, bool):
            return [word, str(value)]
        case list() if option.many:
            return [each for item in value for each in (word, _word(name, key, item))]
        case dict() if option.key == "env":
            pairs = [f"{variable}={_word(name, f'env {variable}', text)}" for variable, text in value.items()]
            return [each for pair in pairs for each in (word, pair)]
        case _:
            raise UsageError(f"{name}: {key} cannot be {value!r}", hint="help run")


def _word(name: str, place: str, value: object) -> str:
    try:
        return word_of(value)
    except ValueError as error:
        raise UsageError(f"{name}: {place}: {error}", hint=EXAMPLE) from None


def _from_directory(params: Params, directory: str) -> Params:
    """Return the parameters with files of `directory` named from where the shell is."""
    command, copies = texts(params, "command"), texts(params, "copy")
    if is_here(command[0]):
        command[0] = _named(command[0], directory)
    moved: Params = {**params, "command": command}
    if copies:
        moved["copy"] = [
            f"{_named(source, directory)}:{destination}" for source, destination in map(split_copy, copies)
        ]
    return moved


def _named(path: str, directory: str) -> str:
    if os.path.isabs(path):
        return path
    path = os.path.relpath(os.path.join(directory, path))
    return path if path.startswith("../") else f"./{path}"


def write(entry: Entry, usual: Params) -> str:
    """Return an app as its table in a file, without what is so by default."""
    lines = [f"[apps.{entry.name}]", f"command = {_toml(entry.command)}"]
    for option in _OPTIONS:
        value = entry.params.get(option.key)
        if value is not None and value != _usual(entry.params, usual).get(option.key):
            lines.append(f"{option.name} = {_setting(option, value)}")
    if entry.files:
        lines.append(f"files = {_table(entry.files.items())}")
    return "\n".join(lines)


def _setting(option: Option, value: Param) -> str:
    if option.key == "env" and isinstance(value, list):
        return _table((word.partition("=")[0], word.partition("=")[2]) for word in value)
    return value if isinstance(value, str) and _NUMBER.fullmatch(value) else _toml(value)


def _table(pairs: Iterable[tuple[str, str]]) -> str:
    inside = ", ".join(f"{_toml(key)} = {_toml(value)}" for key, value in pairs)
    return f"{{ {inside} }}"


def _toml(value: Param) -> str:
    """Return a value in TOML, whose strings, arrays and booleans are JSON's save for one character."""
    return unsteering(json.dumps(value, ensure_ascii=False))


def differences(current: Entry, wanted: Entry, own: Mapping[str, str], usual: Params) -> list[Difference]:
    """Return what of the app is not as wanted.  own: the files here that it copies, as sha256 by path."""
    before, after = _complete(current.params, usual), _complete(wanted.params, usual)
    found = [
        Difference(option.name, _shown(before.get(option.key)), _shown(after.get(option.key)))
        for option in _OPTIONS
        if option.key in _compared(current, wanted) and _value(before, option) != _value(after, option)
    ]
    if current.command != _inside(wanted.command):
        found.append(Difference("command", _shown(current.command), _shown(_inside(wanted.command))))
    for path, sha256 in own.items():
        if current.files.get(path) != sha256:
            found.append(Difference(path, current.files.get(path, "")[:12], sha256[:12]))
    return found


def _compared(current: Entry, wanted: Entry) -> Collection[str]:
    """Return the options that can differ: a number of workers stays unless it is asked for, by hand."""
    keys = {option.key for option in _OPTIONS} - {"copy", "pull"}
    by_hand = "workers" in wanted.params and "max" not in wanted.params and "workers" in current.params
    return keys if by_hand else keys - {"workers"}


def _complete(params: Params, usual: Params) -> Params:
    """Return the parameters with what is usual, and without a health check that goes with the port."""
    complete = {**_usual(params, usual), **params}
    port = str(complete.get("port", ""))
    if complete.get("health") == ("none" if not port else "tcp" if port.endswith("/tcp") else None):
        complete.pop("health", None)
    return complete


def _usual(params: Params, usual: Params) -> Params:
    """Return what holds where nothing is said beside these parameters."""
    return {**usual, "spares": "auto"} if "max" in params else usual


def _value(params: Params, option: Option) -> object:
    """Return what the words of an option mean, so that 1024M is 1G."""
    given = params.get(option.key)
    if not given:
        return None
    found = bind(_RUN, {option.key: given, "name": "x", "command": ["x"]}).values.get(option.key)
    return sorted(map(str, found)) if isinstance(found, tuple) and option.many else found


def _inside(command: Sequence[str]) -> list[str]:
    """Return the command as it is in the workers: a file of this machine is in /app there."""
    first = f"/app/{os.path.basename(command[0])}" if is_here(command[0]) else command[0]
    return [first, *command[1:]]


def _shown(value: Param | None) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return "yes" if value is True else str(value or "")


def commands(current: Entry | None, wanted: Entry, own: Mapping[str, str], usual: Params) -> list[list[str]]:
    """Return the commands that make the app as wanted, none when it is; as words.

    Raises CloudError when it needs a file that neither this machine nor the app has.
    """
    _require_files(current, wanted)
    if current is None:
        return [["run", *_words(wanted.params, [o.key for o in _OPTIONS]), *_called(wanted)]]
    options = {difference.option.replace("-", "_") for difference in differences(current, wanted, own, usual)}
    found = []
    if options - _by_scaling(current, wanted):
        found.append(["update", "--reset", *_words(wanted.params, _TEMPLATE), *_called(wanted)])
    if options & {*_SCALING}:
        found.append(_scaling(wanted, options, usual))
    if "workers" in options:
        found.append(["scale", f"{wanted.name}={wanted.params['workers']}"])
    return found


def _by_scaling(current: Entry, wanted: Entry) -> set[str]:
    """Return the options that another way of scaling brings with it."""
    changes = ("max" in current.params) != ("max" in wanted.params)
    return {"workers", *_SCALING, *(["spares"] if changes and "spares" not in wanted.params else [])}


def _scaling(wanted: Entry, differing: Collection[str], usual: Params) -> list[str]:
    """Return the command for the way of scaling: what is not as usual any more, is said to be so again."""
    if "max" in wanted.params:
        told = [key for key in _SCALING if key in wanted.params or key in differing]
        return ["autoscale", *_words({**usual, **wanted.params}, told), wanted.name]
    if "workers" in wanted.params:
        return ["scale", "--manual", f"{wanted.name}={wanted.params['workers']}"]
    return ["autoscale", wanted.name, "off"]


def _called(entry: Entry) -> list[str]:
    barrier = ["--"] if entry.command[0].startswith("-") else []
    return [entry.name, *barrier, *entry.command]


def _words(params: Params, keys: Collection[str]) -> list[str]:
    return option_words([option for option in _OPTIONS if option.key in keys], params)


def _require_files(current: Entry | None, wanted: Entry) -> None:
    there = current.files if current is not None else {}
    for path, sha256 in wanted.files.items():
        if there.get(path) != sha256:
            raise CloudError(
                f"{wanted.name} needs {path} ({sha256[:12]}), and a file of apps carries no files",
                hint=f'copy = ["./FILE:{path}"]    (or: restore FILE)',
            )

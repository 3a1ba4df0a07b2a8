"""Apps as a TOML file, read and written. Pure.

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
from collections.abc import Iterable, Mapping

from manager.api.agreement import canonical, require_agreement
from manager.api.arguments import bind
from manager.api.cite import cited
from manager.api.command import Option
from manager.api.errors import UsageError
from manager.api.suggest import did_you_mean
from manager.api.typed import Param, Params
from shell.apps.entry import OPTIONS, RUN, SCALING, Entry, usual_beside, word_of
from shell.apps.together import require_apart
from shell.apps.toml_lines import line_of
from shell.files import is_here, split_copy
from shell.language.parsing import parse, texts
from shell.text.tables import unsteering

_EXAMPLE = "help files"
_NUMBER = re.compile(r"0|[1-9][0-9]*")  # as TOML has them: 007 is none, and may be a user

# what compose files and those of Kubernetes call these
_ELSEWHERE = {
    "replicas": "workers",
    "scale": "workers",
    "ports": "port",
    "environment": "env",
    "mem_limit": "memory",
    "depends_on": "reach",
}


def read(text: str, directory: str) -> list[Entry]:
    """Return the apps of a file in `directory`; raises UsageError with what is wrong in it."""
    try:
        document = tomllib.loads(text, parse_float=str)  # 1.10 is no 1.1
    except ValueError as error:  # TOMLDecodeError, and int's own for a number of thousands of digits
        raise UsageError(f"this is not TOML: {error}", hint=_EXAMPLE) from None
    except RecursionError:
        raise UsageError("this is not TOML: it is nested too deeply", hint=_EXAMPLE) from None
    apps = document.pop("apps", None)
    if not document and not apps:
        raise UsageError("there is no app in it", hint=_EXAMPLE)
    if document or not isinstance(apps, dict):
        raise UsageError("an app is a table [apps.NAME], and there is nothing beside them", hint=_EXAMPLE)
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
        raise UsageError(f"apps.{name} is not a table", hint=_EXAMPLE)
    try:
        return _entry(name, table, directory)
    except ValueError as error:  # an open quote, a path that is none, a number of thousands of digits
        raise UsageError(f"{name}: {str(error).lower()}", hint=_EXAMPLE) from None


def _entry(name: str, table: Mapping[str, object], directory: str) -> Entry:
    settings = dict(table)
    command, files = settings.pop("command", None), settings.pop("files", {})
    if isinstance(command, str):
        command = shlex.split(command)
    if not isinstance(command, list) or not command:
        raise UsageError(f'{name} has no command: command = ["./server.py"]', hint=_EXAMPLE)
    if "max" not in settings and (beside := next((key for key in SCALING if key in settings), None)):
        raise UsageError(f"{name}: {beside} goes with max", hint="max = 6")
    words = [word for key, value in settings.items() for word in _words_of_key(name, key, value)]
    command = [_word(name, "command", word) for word in command]
    try:
        params = parse(RUN, [*words, name, "--", *command])
        require_agreement(bind(RUN, params))
    except UsageError as error:  # its hint is of what is typed
        raise UsageError(f"{name}: {error.message}", hint=_EXAMPLE) from None
    if not isinstance(files, dict):
        raise UsageError(f'{name}: files = {{ "/app/x" = "SHA256" }}', hint=_EXAMPLE)
    params = canonical(_from_directory(params, directory))
    return Entry(params, {path: str(sha256) for path, sha256 in files.items()})


def _words_of_key(name: str, key: str, value: object) -> list[str]:
    option = next((option for option in OPTIONS if option.name == key), None)
    if option is None:
        guess = _ELSEWHERE.get(key) or did_you_mean(key, [option.name for option in OPTIONS])
        meant = f" (did you mean {guess}?)" if guess else ""
        raise UsageError(f"{name}: run has no option --{key}{meant}", hint="help run")
    word = f"--{option.name}"
    if option.key == "env":
        value = _pairs(name, value)
    match value:
        case bool() if option.kind is None:
            return [word] if value else []
        case str() | int() | float() if option.kind is not None and not isinstance(value, bool):
            return [word, str(value)]
        case list() if option.many:
            return [each for item in value for each in (word, _word(name, key, item))]
        case _:
            raise UsageError(f"{name}: {key} cannot be {cited(value)}", hint="help run")


def _pairs(name: str, variables: object) -> object:
    """Return variables as NAME=VALUE, as a list or a text has them already; raises UsageError where not."""
    if isinstance(variables, dict):
        return [f"{variable}={_word(name, f'env {variable}', text)}" for variable, text in variables.items()]
    words = variables if isinstance(variables, list) else [variables]
    if any(isinstance(word, str) and "=" not in word for word in words):
        raise UsageError(f"{name}: env is a table, or a list of NAME=VALUE", hint=_EXAMPLE)
    return variables


def _word(name: str, place: str, value: object) -> str:
    try:
        return word_of(value)
    except ValueError as error:
        raise UsageError(f"{name}: {place}: {error}", hint=_EXAMPLE) from None


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
    for option in OPTIONS:
        value = entry.params.get(option.key)
        if value is not None and value != usual_beside(entry.params, usual).get(option.key):
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

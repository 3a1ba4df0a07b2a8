"""A YAML file as compose reads it: YAML 1.2, its ${VARIABLES} filled in. PyYAML is used here only.

By itself PyYAML reads YAML 1.1, where the port mapping 22:22 is 1342 and `restart: no` is false.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

import yaml

from manager.api.errors import UsageError

_BASE: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where it was built in
_RESOLVED = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("merge", r"<<", "<"),
)
_VARIABLE = re.compile(
    r"\$(?:(?P<plain>\w+)|\{(?P<name>\w+)(?:(?P<operator>:?[-?])(?P<word>[^}]*))?\}|(?P<dollar>\$))"
)


class _Loader(_BASE):  # type: ignore[misc]
    """Plain data only, by the rules of YAML 1.2."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


for tag, pattern, first in _RESOLVED:
    letters = [*first.replace("\0", ""), *([""] if "\0" in first else [])]
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), letters)


def read(text: str, variables: Mapping[str, str]) -> Mapping[str, object]:
    """Return the mapping that a file is, its variables filled in; raises UsageError."""
    try:
        document = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise UsageError(f"this is not YAML: {_where(error)}", hint="help files") from None
    if not isinstance(document, dict):
        raise UsageError("this is no compose file: there are no services in it", hint="help files")
    return {str(key): _filled(value, variables) for key, value in document.items()}


def _where(error: yaml.YAMLError) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    return f"line {mark.line + 1}: {problem}" if mark is not None else str(error).splitlines()[0]


def _filled(value: object, variables: Mapping[str, str]) -> object:
    match value:
        case str():
            return _VARIABLE.sub(lambda found: _value(found, variables), value)
        case list():
            return [_filled(item, variables) for item in value]
        case dict():
            return {str(key): _filled(item, variables) for key, item in value.items()}
        case _:
            return value


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    """Return what a reference stands for: $NAME, ${NAME}, ${NAME:-default}, ${NAME:?error} or $$."""
    if found["dollar"]:
        return "$"
    name, operator, word = found["plain"] or found["name"], found["operator"] or "", found["word"] or ""
    value = variables.get(name)
    if value or (value is not None and not operator.startswith(":")):
        return value
    if operator.endswith("-"):
        return word
    said = f": {word}" if word else ""
    raise UsageError(f"the variable {name} has no value{said}", hint=f"export {name}=...")

"""A YAML file as compose reads it: YAML 1.2, its ${VARIABLES} filled in. PyYAML is used here only.

By itself PyYAML reads YAML 1.1, where the port mapping 22:22 is 1342 and `restart: no` is false.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import yaml
from yaml.composer import ComposerError

from manager.api.cite import cited
from manager.api.errors import UsageError

_RESOLVED = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("merge", r"<<", "<"),
)
_MERGE = "tag:yaml.org,2002:merge"
_MOST_VALUES = 100_000  # a few lines of aliases of aliases stand for more than any machine holds
# PyYAML raises what its conversions do: a tag such as !!int stands before anything
_UNREADABLE = (yaml.YAMLError, ValueError, KeyError, AttributeError)
_REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|(?P<brace>\{)|(?P<plain>\w+))")
_INSIDE = re.compile(r"(?P<name>\w+)(?:(?P<operator>:?[-?+])(?P<word>.*))?", re.DOTALL)
_BRACE = re.compile(r"[{}]")


class Unset(UsageError):
    """A variable has no value; who knows the file's path completes the hint with it."""


class _Loader(yaml.SafeLoader):
    """Plain data only, by the rules of YAML 1.2.

    Not libyaml's, whose composer ends the process when a file is nested deeply.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}  # type: ignore[misc]

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Return the mapping; raises ComposerError for a key that is there twice, of which one would be lost.

        Here, where what it merges is not among its keys yet: those give way to its own.
        """
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            if key.value in seen:
                raise ComposerError(None, None, f"{cited(key.value)} is there twice", key.start_mark)
            seen.add(key.value)
        return node


for tag, pattern, first in _RESOLVED:
    letters = [*first.replace("\0", ""), *([""] if "\0" in first else [])]
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), letters)


def read(text: str, variables: Mapping[str, str]) -> Mapping[str, object]:
    """Return the mapping that a file is, its variables filled in; raises UsageError."""
    try:
        document = yaml.load(text, _Loader)
        _require_bounded(document)
        filled = _filled(document, variables)
    except _UNREADABLE as error:
        raise UsageError(f"this is not YAML: {_where(error)}", hint="help files") from None
    except RecursionError:
        raise UsageError("this is not YAML: it is nested too deeply", hint="help files") from None
    if not isinstance(filled, dict):
        raise UsageError("this is no compose file: there are no services in it", hint="help files")
    return filled


def _where(error: Exception) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    return f"line {mark.line + 1}: {problem}" if mark is not None else str(error).partition("\n")[0]


def _require_bounded(document: object) -> None:
    """Raise UsageError when the document is larger than any file of services, its aliases written out."""
    left, seen = [document], 0
    while left:
        seen += 1
        match left.pop():
            case dict() as mapping:
                left += mapping.values()
            case list() as items:
                left += items
        if seen + len(left) > _MOST_VALUES:
            raise UsageError(
                f"there are more than {_MOST_VALUES} values in it, its aliases written out", hint="help files"
            )


def _filled(value: object, variables: Mapping[str, str]) -> object:
    match value:
        case str():
            return _text(value, variables)
        case list():
            return [_filled(item, variables) for item in value]
        case dict():
            return {str(key): _filled(item, variables) for key, item in value.items()}
        case _:
            return value


def _text(text: str, variables: Mapping[str, str]) -> str:
    """Return a text with what its references stand for: $NAME, ${...}, or $$ for a dollar."""
    pieces, at = [], 0
    while found := _REFERENCE.search(text, at):
        pieces.append(text[at : found.start()])
        at = found.end()
        if found["brace"]:
            end = _end(text, at)
            pieces.append(_inside(text[at:end], variables))
            at = end + 1
        else:
            pieces.append("$" if found["dollar"] else _inside(found["plain"], variables))
    return "".join([*pieces, text[at:]])


def _end(text: str, start: int) -> int:
    """Return where the brace that is open at `start` is closed; there are others between."""
    depth = 1
    for brace in _BRACE.finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if not depth:
            return brace.start()
    raise _no_reference(text[start:])


def _no_reference(inside: str) -> UsageError:
    return UsageError(
        f"${{{inside[:40]} is no variable with a default", hint="${NAME:-DEFAULT}    (a dollar is $$)"
    )


def _inside(inside: str, variables: Mapping[str, str]) -> str:
    """Return what NAME, NAME:-DEFAULT, NAME:+WORD or NAME:?ERROR within braces stands for.

    Without the colon an empty variable has its value too. Another reference may stand behind the operator.
    """
    found = _INSIDE.fullmatch(inside)
    if found is None:
        raise _no_reference(f"{inside}}}")
    name, operator, word = found["name"], found["operator"] or "", found["word"] or ""
    value = variables.get(name)
    if operator.startswith(":"):
        value = value or None
    if operator.endswith("+"):
        return _text(word, variables) if value is not None else ""
    if value is not None:
        return value
    if operator.endswith("-"):
        return _text(word, variables)
    said = f": {_text(word, variables)}" if word else ""
    raise Unset(f"the variable {name} has no value{said}", hint=f"env {name}=VALUE simplecloud import")

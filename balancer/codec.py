"""Values as JSON text and back: rows of the fields' values in their order, without names.

It serves frozen dataclasses of numbers, texts, enums, tuples and further such dataclasses. The version in
front tells rows of another shape, which are refused, never guessed at.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

Value = TypeVar("Value")


def encode(value: object, version: int) -> str:
    """Return the text from which decode makes an equal value."""
    return json.dumps([version, _rows(value)], separators=(",", ":"))


def decode(kind: type[Value], text: str, version: int) -> Value:
    """Return the value of that kind in a text; raises ValueError for a text that encode did not write."""
    try:
        found, rows = json.loads(text)
    except (ValueError, TypeError) as error:
        raise ValueError(f"this is no {kind.__name__}") from error
    if found != version:
        raise ValueError(f"a {kind.__name__} has version {found}, not {version}")
    value = _value(kind, rows)
    assert isinstance(value, kind)
    return value


def _rows(value: object) -> object:
    if is_dataclass(value):
        return [_rows(getattr(value, each.name)) for each in fields(value)]
    if isinstance(value, Enum):
        return value.value
    return [_rows(item) for item in value] if isinstance(value, tuple) else value


def _value(kind: Any, rows: object) -> object:
    """Return the value of that type, or raise ValueError."""
    optional = type(None) in get_args(kind)
    if rows is None and optional:
        return None
    one = get_args(kind)[0] if optional else kind
    if is_dataclass(one):
        return _instance(one, rows)
    if isinstance(one, type) and issubclass(one, Enum):
        return one(rows)
    if get_origin(one) is tuple and isinstance(rows, list):
        return tuple(_value(get_args(one)[0], row) for row in rows)
    if type(rows) is one or (one is float and type(rows) is int):
        return rows
    raise ValueError(f"{rows!r} is no {one}")


def _instance(kind: Any, rows: object) -> object:
    names = [each.name for each in fields(kind)]
    if not isinstance(rows, list) or len(rows) != len(names):
        raise ValueError(f"{str(rows)[:40]} is no {kind.__name__}")
    hints = _hints(kind)
    return kind(**{name: _value(hints[name], row) for name, row in zip(names, rows, strict=True)})


@lru_cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)

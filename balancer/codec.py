"""Values as JSON text and back: rows of the fields' values in their order, without names.

It serves frozen dataclasses of numbers, texts, enums, tuples and further such dataclasses. The version in
front tells rows of another shape, which are refused, never guessed at.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, partial
from typing import Any, ClassVar, Self, get_args, get_origin, get_type_hints


class Stored:
    """A dataclass that is kept as text; VERSION tells the shape of its rows."""

    __slots__ = ()
    VERSION: ClassVar[int]

    def to_json(self) -> str:
        """Return it as text that from_json makes an equal value of."""
        return json.dumps([self.VERSION, _rows(self)], separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the value of a text; raises ValueError for a text that to_json did not write."""
        try:
            found, rows = json.loads(text)
        except (ValueError, TypeError) as error:
            raise ValueError(f"this is no {cls.__name__}") from error
        if found != cls.VERSION:
            raise ValueError(f"a {cls.__name__} has version {found}, not {cls.VERSION}")
        kind: Any = cls
        value = _reader(kind)(rows)
        assert isinstance(value, cls)
        return value


def _rows(value: Any) -> object:
    if isinstance(value, tuple):
        return [_rows(item) for item in value]
    kind: Any = type(value)
    names = _names(kind)
    if names is not None:
        return [_rows(getattr(value, name)) for name in names]
    return value.value if isinstance(value, Enum) else value


@cache
def _names(kind: Any) -> tuple[str, ...] | None:
    """Return the names of a dataclass's fields, None for a type that is none."""
    return tuple(each.name for each in fields(kind)) if is_dataclass(kind) else None


@cache
def _reader(kind: Any) -> Callable[[object], object]:
    """Return what makes a value of that type of its rows, or raises ValueError."""
    options, names = get_args(kind), _names(kind)
    if type(None) in options:
        return partial(_read_optional, _reader(options[0]))
    if names is not None:
        hints = get_type_hints(kind)
        return partial(_read_instance, kind, [_reader(hints[name]) for name in names])
    if get_origin(kind) is tuple:
        return partial(_read_tuple, _reader(options[0]))
    return kind if issubclass(kind, Enum) else partial(_read_plain, kind)


def _read_optional(read: Callable[[object], object], rows: object) -> object:
    return None if rows is None else read(rows)


def _read_instance(kind: Any, readers: list[Callable[[object], object]], rows: object) -> object:
    if not isinstance(rows, list) or len(rows) != len(readers):
        raise ValueError(f"{str(rows)[:40]} is no {kind.__name__}")
    return kind(*[read(row) for read, row in zip(readers, rows, strict=True)])


def _read_tuple(read: Callable[[object], object], rows: object) -> object:
    if not isinstance(rows, list):
        raise ValueError(f"{str(rows)[:40]} is no row of values")
    return tuple([read(row) for row in rows])


def _read_plain(kind: type, rows: object) -> object:
    if type(rows) is kind or (kind is float and type(rows) is int):
        return rows
    raise ValueError(f"{rows!r} is no {kind}")

"""Reading the JSON documents that the manager answers: what is not there, or of another kind, is nothing."""

from __future__ import annotations

from collections.abc import Mapping

Document = Mapping[str, object]


def fields(value: object) -> Document:
    """Return an object's fields, none when it is no object."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> list[Document]:
    """Return the objects of a list, none when it is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def words(value: object) -> list[str]:
    """Return what is in a list as words, none when it is no list."""
    return [str(word) for word in value] if isinstance(value, list) else []


def number(value: object) -> float | None:
    """Return a number, None when it is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

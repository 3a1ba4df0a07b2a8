"""Which columns and rows of a listing are meant: names of columns, --columns, --filter, --sort."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Literal, get_args, get_origin, get_type_hints

from manager.api.cite import cited
from manager.api.errors import UsageError
from manager.api.listings import LISTINGS, Column, Format
from manager.api.suggest import did_you_mean
from manager.api.typed import Params
from shell.text.cells import cell
from shell.text.document import Document

_COMPARISON = r"(?s)([^=!<>~]*)([!<>~]=?|=[=~]?)(.*)"

_FORMATS: Mapping[str, Format] = {
    "rps": "rate",
    "s": "seconds",
    "ratio": "ratio",
    "cores": "cores",
    "bytes": "bytes",
    "at": "age",
}


def field_names(kind: str) -> tuple[str, ...]:
    """Return the fields of an item of a listing, in the order of its JSON."""
    from manager.api.views import ITEMS  # making these types takes longer than a plain table does

    return tuple(field.name for field in fields(ITEMS[kind]))


def choices(kind: str, field: str) -> tuple[str, ...]:
    """Return what a field of an item can be, where that is a choice: the states of a worker."""
    from manager.api.views import ITEMS  # as above

    hint = get_type_hints(ITEMS[kind]).get(field.casefold()) if kind in ITEMS else None
    return get_args(hint) if get_origin(hint) is Literal else ()


def refused(kind: str, field: str, word: str) -> tuple[str, str] | None:
    """Return why a field can never be `word`, and what it can be instead; None when it can be that."""
    possible = choices(kind, field)
    if not possible or word in possible:
        return None
    told = f"{field}: {cited(word)} is none of {', '.join(possible)}"
    lower = {each.casefold(): each for each in possible}
    return told, lower.get(did_you_mean(word.casefold(), lower) or "", possible[0])


def names(kind: str) -> tuple[str, ...]:
    """Return every name that a column goes by: its header, its field, and its field without unit."""
    headers = [column.header.lower() for column in LISTINGS[kind].columns]
    return tuple(dict.fromkeys([*headers, *field_names(kind), *map(_without_unit, field_names(kind))]))


def named(kind: str, word: str, value: str) -> Column:
    """Return the column that `word`, a part of the value of an option, names.

    Raises UsageError about the whole value.
    """
    name = word.casefold()
    for column in LISTINGS[kind].columns:
        if name == column.header.casefold():
            return column
    for field in field_names(kind):
        if name in (field, _without_unit(field)):
            return _column_of(kind, field)
    raise _unknown(kind, word, value)


def _column_of(kind: str, field: str) -> Column:
    """Return the column of a field alone: one that shows another beside it goes by its header."""
    for column in LISTINGS[kind].columns:
        if column.field == field and not column.beside:
            return column
    return Column(field.upper(), field, _FORMATS.get(field.rpartition("_")[2], "text"))


def _without_unit(field: str) -> str:
    start, _, unit = field.rpartition("_")
    return start if start and unit in _FORMATS else field


def _unknown(kind: str, word: str, value: str) -> UsageError:
    headers = [column.header.lower() for column in LISTINGS[kind].columns]
    guess = did_you_mean(word.casefold(), names(kind))
    right = value.replace(word, guess, 1) if guess else ""
    told = f"no column is called {cited(word)}: there are {', '.join(headers)}"
    return UsageError(told, word=value, meant=right)


def check(kind: str, params: Params) -> None:
    """Raise UsageError, as `named` does, when a listing's parameters name a column that it does not have."""
    words, sort, conditions = (params.get(key) for key in ("columns", "sort", "filter"))
    if isinstance(words, str):
        chosen(kind, words)
    if isinstance(sort, str):
        ordered(kind, (), sort)
    for condition in conditions if isinstance(conditions, list) else ():
        _condition(kind, condition)


def chosen(kind: str, words: str) -> tuple[Column, ...]:
    """Return the columns that a list such as `name,ready` names, in its order."""
    return tuple(named(kind, word.strip(), words) for word in words.split(","))


def filtered(kind: str, items: Sequence[Document], filters: Sequence[str], now: float) -> Sequence[Document]:
    """Return the items for which every COLUMN=VALUE of `filters` is true."""
    for condition in filters:
        column, wanted = _condition(kind, condition)
        found = [item for item in items if _is(item.get(column.field), wanted, column, now)]
        if not found and (off := refused(kind, column.field, wanted)):
            told, right = off
            if right.casefold() != wanted.casefold():
                meant = condition.removesuffix(wanted) + right
                raise UsageError(told, hint="help json", word=condition, meant=meant)
        items = found
    return items


def _condition(kind: str, condition: str) -> tuple[Column, str]:
    """Return what COLUMN=VALUE compares; raises UsageError as `named` does."""
    found = re.fullmatch(_COMPARISON, condition)
    if found is None:
        raise UsageError(f"--filter: {cited(condition)} is not COLUMN=VALUE", word=condition)
    word, operator, wanted = found.groups()
    if operator != "=":
        told, right = f"--filter knows only =, not {operator}", f"{word}={wanted}"
        raise UsageError(told, word=condition, meant=right)
    return named(kind, word, condition), wanted


def _is(value: object, wanted: str, column: Column, now: float) -> bool:
    if isinstance(value, list) and wanted in map(str, value):
        return True
    if isinstance(value, int | float) and not isinstance(value, bool) and _number(wanted) == value:
        return True
    return wanted.casefold() in (str(value).casefold(), cell(value, column.format, now).casefold())


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def ordered(kind: str, items: Sequence[Document], sort: str) -> Sequence[Document]:
    """Return the items by a column, from low to high (`-COLUMN`: from high to low).

    What has no value comes last either way; web.2 comes before web.10.
    """
    name = sort.removeprefix("-")
    column = named(kind, name, sort)
    field = column.field
    # An age grows as the time behind it falls: AGE is the one, started_at the other.
    is_age = column.format == "age" and name.casefold() == column.header.casefold()
    falling = sort.startswith("-") != is_age
    there = [item for item in items if item.get(field) not in (None, "", [])]
    missing = [item for item in items if item.get(field) in (None, "", [])]
    return [*sorted(there, key=lambda item: _rank(item[field]), reverse=falling), *missing]


def _rank(value: object) -> tuple[tuple[float, str], ...]:
    if isinstance(value, int | float):
        return ((float(value), ""),)
    parts = re.split(r"([0-9]+)", str(value))
    return tuple((float(part), "") if part.isdecimal() else (-1.0, part) for part in parts)

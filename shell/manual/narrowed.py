"""A page that was written for 80 columns, in fewer: sentences flow, code stays whole. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

WIDTH = 80
TEXT_COLUMNS = 30  # with fewer beside its head, a text stands below it
_BELOW = "    "
_ROW = re.compile(r"(?P<head>.*\S)(?P<gap> {2,})(?P<text>\S.*)")  # what is typed, and what it does
_CONTINUED = re.compile(r" {8,}\S.*")  # a row's text, in its next line


def narrowed(page: str, width: int) -> str:
    """Return the page in so many columns; only code, which is pasted, may be wider."""
    kinds = groupby(_blocks(page.splitlines()), key=lambda block: _is_sentence(block[0]))
    return "\n".join(line for flows, blocks in kinds for line in _lines([*blocks], width, flows=flows))


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield each line with those that go on with its text in a column of their own."""
    block: list[str] = []
    for line in lines:
        if block and _ROW.fullmatch(block[0]) and _CONTINUED.fullmatch(line):
            block.append(line)
            continue
        if block:
            yield block
        block = [line]
    yield block


def _is_sentence(line: str) -> bool:
    """Tell whether a line flows on into the next: neither empty, nor code, nor a row."""
    return bool(line) and line[0] != " " and _ROW.fullmatch(line) is None


def _lines(blocks: Sequence[list[str]], width: int, *, flows: bool) -> Iterator[str]:
    if flows and width < WIDTH:
        yield from filled(" ".join(line for block in blocks for line in block), width)
        return
    for block in blocks:
        yield from _row(block, width)


def _row(block: list[str], width: int) -> Iterator[str]:
    """Yield what a row is about and its text: beside it where there is room enough, else below it."""
    row = _ROW.fullmatch(block[0])
    if row is None or row["text"].startswith("#"):
        yield from block
        return
    text = " ".join([row["text"], *(line.strip() for line in block[1:])])
    if width - row.start("text") >= TEXT_COLUMNS:
        first, *more = filled(text, width, *2 * [" " * row.start("text")])
        yield from [row["head"] + row["gap"] + first.lstrip(), *more]
    else:
        yield from [row["head"], *filled(text, width, *2 * [" " * _indent(row["head"]) + _BELOW])]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def filled(text: str, width: int, first: str = "", then: str = "") -> list[str]:
    """Return the text in lines of so many columns, none broken within a word."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )

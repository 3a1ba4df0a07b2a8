"""What is offered for a word: candidates ranked by what was typed of it, and files. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from shell.prompt.named import Named
from shell.prompt.typed import Word

Directory = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Completion:
    """Put `text` where the line now has what stands from `start` to the cursor."""

    text: str
    start: int
    meta: str = ""


def files(word: Word, directory: Directory, suffixes: tuple[str, ...] = ()) -> list[Completion]:
    """Return the entries of the directory that the word is in; hidden ones only for a leading dot.

    Those that end in one of the suffixes come first, then directories.
    """
    parent, slash, start = word.value.rpartition("/")
    entries = (entry for entry in directory(parent + slash) if start.startswith(".") or entry[0] != ".")
    named = [Named(entry, "directory" if entry.endswith("/") else "") for entry in entries]
    if suffixes:
        named.sort(key=lambda entry: (not entry.name.endswith(suffixes), not entry.meta))
    found = ranked(Word(word.start, word.end, start), named)
    return [Completion(quoted(parent + slash + item.text), word.start, item.meta) for item in found]


def quoted(value: str) -> str:
    return value if re.fullmatch(r"[\w@%+=:,./-]+", value) else shlex.quote(value)


def ranked(word: Word, candidates: Iterable[Named]) -> list[Completion]:
    """Return the candidates that start with the word; where none does, those that are like it.

    Those with its very case come first. What is like it contains it, or else has its letters in their order,
    the nearest first; equals keep their order. What is offered alone is put in whole, so one that is far must
    not stand beside a near one.
    """
    rated = [(rank, named) for named in candidates if (rank := _rank(word.value, named.name)) is not None]
    rated.sort(key=lambda pair: pair[0])
    best = [named for (likeness, _), named in rated if likeness == rated[0][0][0]]
    return [Completion(named.name, word.start, named.meta) for named in best]


def _rank(typed: str, name: str) -> tuple[int, int] | None:
    wanted, offered = typed.casefold(), name.casefold()
    if offered.startswith(wanted):
        return 0, not name.startswith(typed)
    if (at := offered.find(wanted)) >= 0:
        return 1, at
    at, first = -1, -1
    for char in wanted:
        at = offered.find(char, at + 1)
        if at < 0:
            return None
        first = at if first < 0 else first
    return 2, at - first

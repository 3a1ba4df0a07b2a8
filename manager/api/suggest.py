"""Did you mean: the known word that a mistyped one is nearest to, and what a wrong one tells."""

from __future__ import annotations

from collections.abc import Iterable


class Meant(ValueError):
    """What is wrong with a word that tells nearly enough what was meant: `right` would do."""

    def __init__(self, message: str, right: str) -> None:
        super().__init__(message)
        self.right = right


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the known word nearest to `word`, or None when none is a slip of the keys away."""
    from difflib import get_close_matches  # only on an error: its import costs 5 ms

    names = list(known)
    near = (name for name in get_close_matches(word, names, n=3, cutoff=0.6) if _is_slip(word, name))
    starts = [name for name in names if word and name.startswith(word)]
    return next(near, starts[0] if len(starts) == 1 else None)


def _is_slip(word: str, name: str) -> bool:
    """Tell whether at most one key in three was missed, added, mistaken or struck too early."""
    return slips(word, name) <= max(1, max(len(word), len(name)) // 3)


def slips(word: str, name: str) -> int:
    """Return how many keys a word is away from a name: the optimal string alignment distance."""
    before: list[int] = []
    row = list(range(len(name) + 1))
    for at, char in enumerate(word):
        before, last, row = row, before, [at + 1]
        for to, wanted in enumerate(name):
            least = min(before[to] + (char != wanted), before[to + 1] + 1, row[to] + 1)
            if at and to and (word[at - 1], char) == (wanted, name[to - 1]):
                least = min(least, last[to - 1] + 1)
            row.append(least)
    return row[-1]

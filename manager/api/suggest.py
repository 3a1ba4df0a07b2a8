"""Did you mean: the known word that a mistyped one is nearest to."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the known word nearest to `word`, or None when none is near."""
    from difflib import get_close_matches  # only on an error: its import costs 5 ms

    names = list(known)
    near = get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return near[0]
    starts = [name for name in names if word and name.startswith(word)]
    return starts[0] if len(starts) == 1 else None

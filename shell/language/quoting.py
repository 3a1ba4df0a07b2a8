"""Words as they must be written to be read back."""

from __future__ import annotations

from collections.abc import Iterable

_SAFE = frozenset("@%+=:,./-_")


def quote(word: str) -> str:
    """Return the word as it must be written to be read back as it is."""
    plain = word and all((char.isascii() and char.isalnum()) or char in _SAFE for char in word)
    return word if plain else "'" + word.replace("'", "'\\''") + "'"


def join(words: Iterable[str]) -> str:
    """Return the words as a command that is typed."""
    return " ".join(map(quote, words))

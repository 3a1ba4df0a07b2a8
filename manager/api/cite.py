"""How a message names what somebody typed: between double quotes, on one line."""

from __future__ import annotations


def cited(word: object) -> str:
    """Return a word as a message names it, such as `"web"`; what is no word, as it is written."""
    if not isinstance(word, str):
        return str(word)
    shown = repr(f"'{word}")  # around a ' Python puts ", where the word has none itself
    return f'"{shown[2:]}' if shown.startswith('"') else shown[2:]

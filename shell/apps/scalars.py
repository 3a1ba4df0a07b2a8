"""Values of a file as words of a command: as they stand in the file, not as Python shows them. Pure."""

from __future__ import annotations


def word_of(value: object) -> str:
    """Return the word that a value is; raises ValueError when it is no single one."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)
        case _:
            raise ValueError("a value is a text, a number, true or false")

"""How much room text takes on a terminal, text in colour, and text that cannot harm one."""

from __future__ import annotations

import re
import unicodedata

# CSI, OSC and the two-character sequences: what a worker's output may use to steer a terminal.
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
# Marks that turn the direction of the text after them: they can make one line read as another.
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": " "}


def stripped(text: str) -> str:
    """Return `text` without terminal sequences and control characters; tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char for char in _SEQUENCE.sub("", text) if char == "\t" or not _steers(char))


def escaped(text: str) -> str:
    """Return `text` on one line without its colours, every control character written out, such as `\\x1b`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(visible(char) for char in _COLOUR.sub("", text))


def visible(char: str) -> str:
    """Return one character as it can be shown: itself, or written out when it steers a terminal."""
    if not _steers(char):
        return char
    if char in _ESCAPES:
        return _ESCAPES[char]
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"


def _steers(char: str) -> bool:
    return char in TURNING or unicodedata.category(char) in ("Cc", "Cs")


def paint(text: str, colour: str) -> str:
    """Return `text` in a colour (the numbers of an SGR sequence); without one, as it is."""
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text


def columns(text: str) -> int:
    """Return how many columns printable text takes on a terminal."""
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def _columns_of(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def mark(utf8: bool) -> str:
    """Return what tells that the end of a text is lost."""
    return "…" if utf8 else "..."


def cut(text: str, limit: int, mark: str = "…") -> str:
    """Return printable text in at most `limit` columns, its lost end told by `mark`."""
    if columns(text) <= limit:
        return text
    room = limit - len(mark)
    kept = 0
    for char in text:
        room -= _columns_of(char)
        if room < 0:
            break
        kept += 1
    return (text[:kept] + mark)[: max(limit, 0)]


def ascii_only(line: str) -> str:
    """Return the line with every other character as its escape."""
    return line.encode("ascii", "backslashreplace").decode()

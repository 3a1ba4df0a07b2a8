"""An error as people read it: what is wrong, where in the input, and the next command to try.

error: unknown command "sacle"
       sacle web=3
       ^^^^^
hint:  scale web=3
"""

from __future__ import annotations

import json
from textwrap import wrap

from manager.api.errors import CloudError
from shell.text.glyphs import columns, escaped, paint, visible

_INDENT = " " * 7
_WINDOW = 100
_LEAST = 20
_TAB = " " * 4
_MORE = "..."


def explain(
    error: CloudError,
    *,
    line: str = "",
    span: tuple[int, int] | None = None,
    where: str = "",
    colour: bool = False,
    width: int | None = None,
) -> str:
    """Return the lines of an error for stderr, without a last newline.

    `span`: the characters of `line` to point at, end excluded; an empty one, such as behind the last
    word, gets one caret. Without it the input is not repeated.  `where`: such as `demo.sc:7: `.
    `width`: of the terminal; sentences are wrapped there, the input is cut, and nothing that may be pasted.
    """
    room = None if width is None else max(width - len(where) - len(_INDENT), _LEAST)
    first, *rest = _wrapped(error.message, room) or [error.kind]
    red = "1;31" if colour else ""
    lines = [f"{where}{paint('error:', red)} {first}"]
    lines += [_INDENT + more for more in rest]
    if line and span is not None:
        window = _WINDOW if width is None else max(min(width - len(_INDENT), _WINDOW), _LEAST)
        shown, before, pointed = _pointed(line, *span, window)
        lines += [_INDENT + shown, _INDENT + " " * before + paint("^" * pointed, red)]
    if error.hint:
        lines.append(f"{paint('hint:', '36' if colour else '')}  {escaped(error.hint)}")
    return "\n".join(lines)


def as_json(error: CloudError) -> str:
    """Return the error as the JSON object that programs read."""
    return json.dumps({"error": {"kind": error.kind, "message": error.message, "hint": error.hint}})


def _wrapped(message: str, room: int | None) -> list[str]:
    lines = [escaped(line) for line in message.splitlines()]
    if room is None:
        return lines
    return [
        part for line in lines for part in wrap(line, room, break_long_words=False, break_on_hyphens=False)
    ]


def _pointed(line: str, start: int, end: int, window: int) -> tuple[str, int, int]:
    """Return what to show of the input, the columns before the carets, and how many carets.

    window: the characters that there is room for.
    """
    row_start = line.rfind("\n", 0, start) + 1
    row_end = line.find("\n", start)
    row = line[row_start : row_end if row_end >= 0 else len(line)]
    start, end = max(0, start - row_start), max(0, end - row_start)
    before, marked, after = (_shown(part) for part in (row[:start], row[start:end], row[end:]))
    return _windowed(before + marked + after, len(before), len(before) + len(marked), window)


def _windowed(text: str, start: int, end: int, window: int) -> tuple[str, int, int]:
    """Return the part of `text` around start..end that fits, and where the carets go under it."""
    end = min(end, start + window // 2)
    left = max(0, min(start - (window - (end - start)) // 2, len(text) - window))
    shown = text[left : left + window]
    if left > 0:
        shown = _MORE + shown[len(_MORE) :]
    if left + window < len(text):
        shown = shown[: -len(_MORE)] + _MORE
    pointed = shown[start - left : end - left]
    return shown.rstrip(), columns(shown[: start - left]), max(1, columns(pointed))


def _shown(text: str) -> str:
    return "".join(_TAB if char == "\t" else visible(char) for char in text)

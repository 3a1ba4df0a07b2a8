"""Where in a file of apps something stands, which TOML's parser does not tell. Pure."""

from __future__ import annotations

import re
from itertools import takewhile

_TABLE = re.compile(r"\s*\[")
_KEY = re.compile(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*=")


def line_of(text: str, app: str, message: str) -> int | None:
    """Return the number of the line that an error of an app is about: of the key named first, or the table.

    None where the app has no table of its own, such as an inline one.
    """
    head = re.compile(rf"\s*\[\s*apps\s*\.\s*[\"']?{re.escape(app)}[\"']?\s*\]")
    lines = text.split("\n")
    first = next((number for number, line in enumerate(lines, 1) if head.match(line)), None)
    if first is None:
        return None
    inside = takewhile(lambda line: not _TABLE.match(line), lines[first:])
    keys = [(number, key[1]) for number, line in enumerate(inside, first + 1) if (key := _KEY.match(line))]
    named = [
        (found.start(), number)
        for number, key in keys
        if (found := re.search(rf"(?<!\w)(--)?{re.escape(key)}(?![\w-])", message))
    ]
    return min(named)[1] if named else first

"""The variables of a .env file, as compose reads them: NAME=VALUE, a line each. Pure."""

from __future__ import annotations

import re

_PAIR = re.compile(r"\s*(?:export\s+)?(\w[\w.-]*)\s*=(.*)")
_QUOTED = re.compile(r"""'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)\"""")
_COMMENT = re.compile(r"\s#.*")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def read(text: str) -> dict[str, str]:
    """Return the variables; a line that sets none is passed over."""
    found = map(_PAIR.match, text.splitlines())
    return {pair[1]: _value(pair[2]) for pair in found if pair is not None}


def _value(written: str) -> str:
    """Return what a value means: an apostrophe inside of it opens no quote, a # behind a blank ends it."""
    quoted = _QUOTED.match(written.lstrip())
    if quoted is None:
        return _COMMENT.sub("", written).strip()
    if quoted["single"] is not None:
        return quoted["single"]
    return re.sub(r"\\(.)", lambda escape: _ESCAPED.get(escape[1], escape[1]), quoted["double"])

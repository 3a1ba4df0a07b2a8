"""Values as people read them in a table's cell or a sentence: `12.3M`, `4 ms`, `3h`, `-`."""

from __future__ import annotations

import shlex
from typing import assert_never

from manager.api.documents import unix_seconds
from manager.api.listings import Format
from shell.text.glyphs import escaped

NOTHING = "-"
RIGHT = frozenset({"count", "cores", "bytes", "rate", "seconds", "ratio", "age"})


def cell(value: object, form: Format, now: float) -> str:
    """Return the text of a value; `now` in unix seconds is what ages are relative to."""
    match value:
        case None | "" | []:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return _number(value, form)
        case list() | tuple():
            return escaped(shlex.join(str(word) for word in value))
        case str() if form == "age":
            return _age_of(value, now)
        case _:
            return escaped(str(value))


def _number(value: float, form: Format) -> str:
    match form:
        case "cores":
            return f"{value:.2f}"
        case "bytes":
            return size(value)
        case "rate":
            return rate(value)
        case "seconds":
            return seconds(value)
        case "ratio":
            return ratio(value)
        case "text" | "count" | "age" | "list" | "state" | "yes":
            return f"{value:g}" if isinstance(value, float) else str(value)
        case _:
            assert_never(form)


def size(size_bytes: float) -> str:
    """Return bytes as 12.3M, in powers of 1024."""
    scaled, unit = size_bytes, "B"
    for larger in "KMGT":
        if scaled < 1000:
            break
        scaled, unit = scaled / 1024, larger
    return f"{scaled:.0f}{unit}" if unit == "B" or scaled >= 99.95 else f"{scaled:.1f}{unit}"


def rate(rate_rps: float) -> str:
    """Return requests per second as 463, below ten as 4.2."""
    return f"{rate_rps:.0f}" if rate_rps == 0 or rate_rps >= 9.95 else f"{rate_rps:.1f}"


def seconds(duration_s: float) -> str:
    """Return a duration as 0.4 ms, 4 ms, 1.2 s or 90 s."""
    if duration_s < 0.00095:
        return f"{duration_s * 1000:.1f} ms"
    if duration_s < 0.9995:
        return f"{duration_s * 1000:.0f} ms"
    return f"{duration_s:.1f} s" if duration_s < 59.95 else f"{duration_s:.0f} s"


def ratio(share: float) -> str:
    """Return a share of one as 0.3%; what is not nothing does not read as nothing."""
    if share == 0:
        return "0%"
    return "<0.1%" if share < 0.0005 else f"{share * 100:.1f}%"


def age(passed_s: float) -> str:
    """Return elapsed time in its largest whole unit: 12s 4m 3h 2d."""
    whole_s = max(0, int(passed_s))
    for unit_s, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if whole_s >= unit_s:
            return f"{whole_s // unit_s}{unit}"
    return f"{whole_s}s"


def _age_of(moment: str, now: float) -> str:
    try:
        return age(now - unix_seconds(moment))
    except ValueError:
        return escaped(moment)

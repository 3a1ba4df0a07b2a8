"""A short history as one line of blocks, and a share of a whole as a bar. Pure."""

from __future__ import annotations

from collections.abc import Sequence

Moments = Sequence[tuple[float, float]]  # when (unix seconds), and what was seen then; oldest first

_BLOCKS, _ASCII_BLOCKS = " ▁▂▃▄▅▆▇█", " .:-=+*#@"


def by_time(history: Moments, now: float, span_s: float, columns: int) -> list[float]:
    """Return the means of the last `span_s` seconds in `columns` equal parts; 0 where nobody looked."""
    parts: list[list[float]] = [[] for _ in range(columns)]
    for moment, value in history:
        at = columns - 1 - int((now - moment) / span_s * columns)
        if 0 <= at < columns:
            parts[at].append(value)
    return [sum(part) / len(part) if part else 0.0 for part in parts]


def sparkline(values: Sequence[float], columns: int, *, utf8: bool = True) -> str:
    """Return the last `columns` values as blocks from nothing to the largest of them."""
    blocks = _BLOCKS if utf8 else _ASCII_BLOCKS
    shown = values[-columns:]
    largest = max(shown, default=0.0)
    if largest <= 0:
        return "".join(blocks[0] for _ in shown).rjust(columns)
    steps = [max(1, round(value / largest * (len(blocks) - 1))) if value > 0 else 0 for value in shown]
    return "".join(blocks[step] for step in steps).rjust(columns)


def bar(share: float, columns: int, *, utf8: bool = True) -> str:
    """Return a bar of `columns` that is filled to `share` (0 to 1)."""
    full, empty = ("█", "░") if utf8 else ("#", ".")
    filled = round(min(1.0, max(0.0, share)) * columns)
    return full * filled + empty * (columns - filled)

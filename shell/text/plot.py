"""A curve through measured points: shares of one over something that begins at 0. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Point = tuple[float, float]

_COLUMNS, _ROWS = 56, 8
_LEAST = 10  # columns in which a curve can still be seen


@dataclass(frozen=True, slots=True)
class Plot:
    """seen: the points that the curve was fitted to.  marks: places across, and what they are."""

    title: str
    across: str
    curve: Sequence[Point]
    seen: Sequence[Point]
    marks: Sequence[tuple[float, str]] = ()

    @property
    def widest(self) -> float:
        """Return where the axis across ends."""
        return max([at for at, _ in (*self.curve, *self.seen)] + [at for at, _ in self.marks], default=0.0)

    @property
    def highest(self) -> float:
        """Return the share that the upright axis ends at, so that the highest point is seen well."""
        share = max((share for _, share in (*self.curve, *self.seen)), default=0.0)
        return next((top for top in (0.05, 0.1, 0.2, 0.5) if share <= top), 1.0)


def as_text(plot: Plot, width: int, *, utf8: bool = True) -> Iterator[str]:
    """Yield the plot as lines of at most `width` columns; nothing where there is no curve."""
    if len(plot.curve) < 2 or plot.widest <= 0:
        return
    line, dot = ("·", "●") if utf8 else (".", "o")
    across = f"{plot.widest:.0f} {plot.across}"
    columns = max(_LEAST, min(_COLUMNS, width - len(f"     + {across}")))
    labels = {0: f"{plot.highest * 100:g}%", _ROWS - 1: "0%"}
    yield from textwrap.wrap(f"{plot.title} ({dot} seen, {line} fitted)", max(_LEAST, width))
    for number, cells in enumerate(_cells(plot, columns, line, dot)):
        yield f"{labels.get(number, ''):>4} |{''.join(cells)}".rstrip()
    yield f"     +{'-' * columns} {across}"


def _cells(plot: Plot, columns: int, line: str, dot: str) -> Sequence[Sequence[str]]:
    """Return the rows of the plot from the top, a character a column; what was seen covers the curve."""
    rows = [[" "] * columns for _ in range(_ROWS)]
    for mark, points in ((line, plot.curve), (dot, plot.seen)):
        for at, share in points:
            column = min(columns - 1, round(at / plot.widest * (columns - 1)))
            row = min(_ROWS - 1, round(share / plot.highest * (_ROWS - 1)))
            rows[_ROWS - 1 - row][column] = mark
    return rows

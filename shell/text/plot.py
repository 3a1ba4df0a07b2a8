"""A curve through measured points: shares of one over something that begins at 0. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Point = tuple[float, float]

_COLUMNS, _ROWS = 56, 8


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


def as_text(plot: Plot, *, utf8: bool = True) -> Iterator[str]:
    """Yield the plot as lines of a terminal; nothing where there is no curve."""
    if len(plot.curve) < 2 or plot.widest <= 0:
        return
    line, dot = ("·", "●") if utf8 else (".", "o")
    rows = [[" "] * _COLUMNS for _ in range(_ROWS)]
    for mark, points in ((line, plot.curve), (dot, plot.seen)):
        for at, share in points:
            column = min(_COLUMNS - 1, round(at / plot.widest * (_COLUMNS - 1)))
            row = min(_ROWS - 1, round(share / plot.highest * (_ROWS - 1)))
            rows[_ROWS - 1 - row][column] = mark
    labels = {0: f"{plot.highest * 100:g}%", _ROWS - 1: "0%"}
    yield f"{plot.title} ({dot} seen, {line} fitted)"
    for number, cells in enumerate(rows):
        yield f"{labels.get(number, ''):>4} |{''.join(cells)}".rstrip()
    yield f"     +{'-' * _COLUMNS} {plot.widest:.0f} {plot.across}"

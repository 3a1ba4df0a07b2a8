"""Measurements as a Markdown table: medians, and ours over the rival's. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Unit = Literal["s", "ms", "%", "MB", ""]
_HEAD = ("what", "simplecloud", "rival", "ratio", "aim")


@dataclass(frozen=True, slots=True)
class Result:
    """What one line of the benchmark measured, a number a round.  theirs: empty without a rival."""

    what: str
    ours: Sequence[float]
    theirs: Sequence[float] = ()
    rival: str = ""
    unit: Unit = "s"
    aim: str = ""

    @property
    def ratio(self) -> float | None:
        """Return the median of ours over that of theirs."""
        return median(self.ours) / median(self.theirs) if self.theirs and median(self.theirs) else None


def markdown(results: Iterable[Result]) -> str:
    rows = [_HEAD, tuple("---" for _ in _HEAD), *map(_row, results)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(result: Result) -> tuple[str, ...]:
    theirs = f"{result.rival}: {_spread(result.theirs, result.unit)}" if result.theirs else "-"
    ratio = "-" if result.ratio is None else f"{result.ratio:.2f}"
    return result.what, _spread(result.ours, result.unit), theirs, ratio, result.aim or "-"


def _spread(numbers: Sequence[float], unit: Unit) -> str:
    """Return the median, and the least and the most where there is more than one number."""
    shown = [_number(number, unit) for number in (median(numbers), min(numbers), max(numbers))]
    text = shown[0] if len(numbers) == 1 else f"{shown[0]} ({shown[1]} to {shown[2]})"
    return f"{text} {unit}".rstrip()


def _number(number: float, unit: Unit) -> str:
    scaled = 1000 * number if unit == "ms" else number
    return f"{scaled:.0f}" if scaled >= 100 or scaled == int(scaled) else f"{scaled:.3g}"

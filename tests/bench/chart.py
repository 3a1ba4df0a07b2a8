"""Small plots side by side as one picture: numbers over the number of workers, both axes from 0. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from shell.text import svg

_WIDTH, _HEIGHT = 210, 150  # pixels of a panel, with its words
_LEFT, _TOP, _BOTTOM = 44, 30, 118
_RIGHT = _WIDTH - 14


@dataclass(frozen=True, slots=True)
class Panel:
    """points: the number of workers, and what was measured with so many, in `unit`."""

    title: str
    unit: str
    points: Sequence[tuple[float, float]]


def chart(title: str, panels: Sequence[Panel]) -> str:
    """Return the panels in a row, as SVG."""
    body = [
        f'<g transform="translate({number * _WIDTH} 0)">{"".join(_drawn(panel))}</g>'
        for number, panel in enumerate(panels)
    ]
    return svg.document(len(panels) * _WIDTH, _HEIGHT, title, body)


def _drawn(panel: Panel) -> Iterator[str]:
    widest, highest = (max(numbers) for numbers in zip(*panel.points, strict=True))
    places = [
        (_LEFT + across / widest * (_RIGHT - _LEFT), _BOTTOM - up / highest * (_BOTTOM - _TOP))
        for across, up in panel.points
    ]
    yield f'<text class="head" x="8" y="18" font-size="11">{escape(panel.title)}</text>'
    yield f'<path class="axis" fill="none" d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}"/>'
    yield f'<text class="dim end" x="{_LEFT - 4}" y="{_TOP + 8}">{highest:.3g}</text>'
    yield f'<text class="dim end" x="{_LEFT - 4}" y="{_TOP + 24}">{panel.unit}</text>'
    yield f'<text class="dim end" x="{_LEFT - 4}" y="{_BOTTOM}">0</text>'
    yield f'<text class="dim end" x="{_RIGHT}" y="{_BOTTOM + 18}">{widest:g} workers</text>'
    yield f'<polyline class="curve" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'
    yield from (f'<circle class="seen" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places)

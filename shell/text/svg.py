"""Pictures as SVG: lines of a terminal, and a curve through measured points. Pure; text stays text.

They are readable on light and on dark: the colours follow the reader's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from string import Template

from shell.text.glyphs import columns
from shell.text.plot import Plot
from shell.text.styled import Line, text_of

_COLUMN, _ROW, _MARGIN = 8, 18, 12  # pixels
_PART = re.compile(r"\S+(?: \S+)*")  # several blanks would become one
_WIDTH, _HEIGHT, _AXIS = 640, 280, 52
_RIGHT, _BOTTOM = _WIDTH - _MARGIN, _HEIGHT - _AXIS
# By the names of the styles, and of what is under them: on light, and on dark.
_COLOURS = {
    "paper": ("#ffffff", "#0d1117"),
    "ink": ("#1f2328", "#e6edf3"),
    "dim": ("#59636e", "#9198a1"),
    "well": ("#1a7f37", "#3fb950"),
    "busy": ("#9a6700", "#d29922"),
    "bad": ("#d1242f", "#f85149"),
    "idle": ("#1b7c83", "#39c5cf"),
}
_RULES = Template("""\
text { font: 13px ui-monospace, Menlo, "DejaVu Sans Mono", monospace; fill: $ink; }
.head, .chosen { font-weight: bold; }
.axis { stroke: $dim; }
.mark { stroke: $busy; stroke-dasharray: 4 3; }
.curve { stroke: $well; stroke-width: 2; fill: none; }
.seen { fill: $ink; fill-opacity: 0.6; }
.middle { text-anchor: middle; }
.end { text-anchor: end; }""")


def screen(lines: Sequence[Line], title: str) -> str:
    """Return lines of a terminal as a picture."""
    widest = max((columns(text_of(line)) for line in lines), default=0)
    width, height = widest * _COLUMN + 2 * _MARGIN, len(lines) * _ROW + 2 * _MARGIN
    rows = (_row(line, _MARGIN + (at + 1) * _ROW - 5) for at, line in enumerate(lines))
    return document(width, height, title, [row for row in rows if row])


def _row(line: Line, y: int) -> str:
    """Return a line as text whose parts stand in their columns, whatever font there is."""
    spans: list[str] = []
    column = 0
    for style, text in line:
        spans += [
            _span(style, found[0], column + columns(text[: found.start()])) for found in _PART.finditer(text)
        ]
        column += columns(text)
    return f'<text y="{y}">{"".join(spans)}</text>' if spans else ""


def _span(style: str, text: str, column: int) -> str:
    named = f' class="{style}"' if style else ""
    place = f'x="{_MARGIN + column * _COLUMN}" textLength="{columns(text) * _COLUMN}"'
    return f'<tspan{named} {place} lengthAdjust="spacingAndGlyphs">{escape(text)}</tspan>'


def plot(drawn: Plot) -> str:
    """Return a curve with its points as a picture."""
    axes = _Axes(drawn.widest or 1.0, drawn.highest)
    body = [f'<text class="head" x="{_AXIS}" y="22">{escape(drawn.title)}</text>', *axes.drawn(drawn.across)]
    body += [part for at, mark in enumerate(drawn.marks) for part in axes.mark(at, *mark)]
    curve = " ".join(f"{axes.x(at):.1f},{axes.y(share):.1f}" for at, share in drawn.curve)
    body += [f'<polyline class="curve" points="{curve}"/>']
    body += [
        f'<circle class="seen" cx="{axes.x(at):.1f}" cy="{axes.y(share):.1f}" r="3.5"/>'
        for at, share in drawn.seen
    ]
    return document(_WIDTH, _HEIGHT, drawn.title, body)


@dataclass(frozen=True, slots=True)
class _Axes:
    """Where things stand in a plot that goes to `widest` across and to `highest` up."""

    widest: float
    highest: float

    def x(self, at: float) -> float:
        return _AXIS + at / self.widest * (_RIGHT - _AXIS)

    def y(self, share: float) -> float:
        return _BOTTOM - share / self.highest * (_BOTTOM - _AXIS)

    def drawn(self, across: str) -> Iterator[str]:
        yield f'<path class="axis" fill="none" d="M{_AXIS} {_AXIS}V{_BOTTOM}H{_RIGHT}"/>'
        for share in (0.0, self.highest / 2, self.highest):
            y = self.y(share) + 4
            yield f'<text class="dim end" x="{_AXIS - 6}" y="{y:.0f}">{share * 100:g}%</text>'
        for at in (0.0, self.widest / 2, self.widest):
            side = "end" if at == self.widest else "middle"
            yield f'<text class="dim {side}" x="{self.x(at):.0f}" y="{_BOTTOM + 18}">{at:.3g}</text>'
        middle = (_AXIS + _RIGHT) // 2
        yield f'<text class="dim middle" x="{middle}" y="{_BOTTOM + 36}">{escape(across)}</text>'

    def mark(self, number: int, at: float, told: str) -> Iterator[str]:
        """Yield an upright line and what it is; numbers keep the words of several apart."""
        x = self.x(at)
        yield f'<path class="mark" d="M{x:.1f} {_AXIS}V{_BOTTOM}"/>'
        yield f'<text class="busy end" x="{x - 5:.1f}" y="{_AXIS + 10 + number * _ROW}">{escape(told)}</text>'


def document(width: int, height: int, title: str, body: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    head += f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
    paper = f'<rect class="paper" width="{width}" height="{height}" rx="6"/>'
    parts = [
        head,
        f"<title>{escape(title)}</title>",
        f"<style>\n{_style()}\n</style>",
        paper,
        *body,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _style() -> str:
    """Return the rules with the light colours, and again with the dark ones where the reader wants those.

    Many a viewer knows no variables, and would show a black picture.
    """
    light, dark = (_coloured(scheme) for scheme in (0, 1))
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"


def _coloured(scheme: int) -> str:
    colours = {name: each[scheme] for name, each in _COLOURS.items()}
    fills = (f".{name} {{ fill: {colour}; }}" for name, colour in colours.items())
    return "\n".join([_RULES.substitute(colours), *fills])

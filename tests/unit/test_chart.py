"""The benchmark's picture of how things grow: one panel beside the other, each from 0 to its most."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.bench.chart import Panel, chart

PANELS = [
    Panel("run -n N", "s", [(10, 1.5), (200, 30)]),
    Panel("memory <b>", "MB", [(10, 80), (200, 100)]),
]


def test_each_panel_says_what_it_shows_and_its_most() -> None:
    drawn = ElementTree.fromstring(chart("growth", PANELS))
    words = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]

    assert words == ["run -n N", "30", "s", "0", "200 workers", "memory <b>", "100", "MB", "0", "200 workers"]


def test_the_largest_number_stands_at_the_top_right_of_its_panel() -> None:
    drawn = ElementTree.fromstring(chart("growth", PANELS))
    lines = [line.get("points", "").split() for line in drawn.iter("{http://www.w3.org/2000/svg}polyline")]

    assert [points[-1] for points in lines] == ["196.0,30.0"] * 2

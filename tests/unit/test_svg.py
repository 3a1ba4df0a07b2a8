"""Pictures of the live view and of a fitted curve: well-formed, text as text, each thing in its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

from manager.api.documents import document
from shell.text import svg
from shell.text.plot import Plot, as_text
from shell.text.styled import STYLES, Line
from tests.fakes.replies import serving, town
from tests.fakes.shells import shell_at

NAMESPACE = "{http://www.w3.org/2000/svg}"
PLOT = Plot(
    "slow <requests>",
    "req/s",
    [(1.0, 0.01), (20.0, 0.1)],
    [(10.0, 0.05)],
    [(8.0, "safe 8.0"), (20.0, "full 20")],
)
MODEL = {
    "safe_rate_rps": 8.0,
    "curve": [{"worker_rps": 1.0, "slow_share": 0.01}, {"worker_rps": 20.0, "slow_share": 0.1}],
    "seen": [{"worker_rps": 10.0, "slow_share": 0.05}],
}


def parts(picture: str, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(picture).iter(f"{NAMESPACE}{tag}"))


def texts(picture: str, tag: str) -> list[str]:
    return ["".join(part.itertext()) for part in parts(picture, tag)]


def test_each_part_of_a_line_stands_in_its_column() -> None:
    line: Line = (("head", "web"), ("", "    2/2  "), ("bad", "a b"))

    spans = parts(svg.screen([line], "watch"), "tspan")

    assert [(span.text, span.get("class"), int(span.get("x", "")) // 8) for span in spans] == [
        ("web", "head", 1),
        ("2/2", None, 8),
        ("a b", "bad", 13),
    ]


def test_what_a_worker_says_is_text_in_a_picture() -> None:
    picture = svg.screen([(("", "<script>&"),)], "a & b")

    assert texts(picture, "tspan") == ["<script>&"]
    assert texts(picture, "title") == ["a & b"]


def test_a_wide_character_takes_its_columns_and_an_empty_line_its_height() -> None:
    picture = svg.screen([(("", "世界"), ("", "x")), (), (("", "y"),)], "watch")

    assert [span.get("x") for span in parts(picture, "tspan")] == ["12", "44", "12"]
    assert [int(text.get("y", "")) for text in parts(picture, "text")] == [25, 61]


def test_a_picture_is_readable_on_light_and_on_dark() -> None:
    [style] = texts(svg.screen([], "nothing"), "style")

    assert "prefers-color-scheme: dark" in style
    assert style.count(".ink {") == style.count(".paper {") == 2
    assert "var(" not in style  # viewers outside of browsers show such a picture black


def test_every_style_of_a_line_has_its_look() -> None:
    [rules] = texts(svg.screen([], "nothing"), "style")

    assert all(re.search(rf"\.{name}\b[^{{}}]*{{", rules) for name in STYLES)


def test_a_plot_has_its_curve_its_points_and_its_marks() -> None:
    picture = svg.plot(PLOT)

    assert len(parts(picture, "polyline")) == len(parts(picture, "circle")) == 1
    assert {"slow <requests>", "req/s", "safe 8.0", "full 20", "10%", "0%", "20"} <= {*texts(picture, "text")}


def test_a_point_is_inside_the_axes_and_higher_when_it_is_slower() -> None:
    low, high = parts(svg.plot(Plot("t", "x", PLOT.curve, [(5.0, 0.0), (20.0, 0.1)])), "circle")

    assert float(low.get("cx", "")) < float(high.get("cx", "")) <= 640
    assert 52 <= float(high.get("cy", "")) < float(low.get("cy", "")) <= 228


@pytest.mark.parametrize(("share", "top"), [(0.0, 0.05), (0.05, 0.05), (0.06, 0.1), (0.3, 0.5), (0.9, 1.0)])
def test_an_axis_ends_where_the_highest_point_is_seen_well(share: float, top: float) -> None:
    assert Plot("t", "x", [], [(1.0, share)]).highest == top


def test_a_plot_as_text_says_how_high_it_goes() -> None:
    lines = [*as_text(PLOT, 80, utf8=False)]

    assert lines[1].startswith(" 10% |")
    assert lines[1].endswith(".")
    assert lines[-1].endswith(" 20 req/s")
    assert [*as_text(Plot("t", "x", [], []), 80)] == []


def test_watch_and_explain_write_their_pictures(tmp_path: Path) -> None:
    replies, view, curve = town(), tmp_path / "view.svg", tmp_path / "curve.svg"
    asked: list[Mapping[str, object]] = []

    def explain(params: Mapping[str, object]) -> Mapping[str, object]:
        asked.append(params)
        return document("Decision", {"model": MODEL})

    replies.answers["explain"] = explain
    with serving(tmp_path, replies):
        shell = shell_at(tmp_path)
        assert shell.run(f"watch --svg {view} --interval 20ms --for 10ms") == 0
        assert shell.run(f"explain web --svg {curve}") == 0

    assert "starting web.4" in " ".join(texts(view.read_text(), "tspan"))
    assert "safe 8.0" in texts(curve.read_text(), "text")
    assert asked == [{"app": "web"}]
    assert shell.out.getvalue() == ""


def test_a_picture_that_cannot_be_drawn_or_written_is_an_error(tmp_path: Path) -> None:
    replies = town()
    replies.answers["explain"] = lambda params: document("Decision", {"model": {}})
    with serving(tmp_path, replies):
        shell = shell_at(tmp_path)
        assert shell.run(f"explain web --svg {tmp_path}/x.svg") == 1
        assert not (tmp_path / "x.svg").exists()

    assert "web has no curve yet" in shell.err.getvalue()


def test_a_picture_that_cannot_be_written_is_not_looked_for(tmp_path: Path) -> None:
    with serving(tmp_path, town()):
        shell = shell_at(tmp_path)
        assert shell.run(f"watch web --svg {tmp_path}/no/x.svg --for 1h") == 1
        assert shell.run(f"explain nosuch --svg {tmp_path}") == 1

    told = shell.err.getvalue()
    assert f"cannot write {tmp_path}/no/x.svg: there is no directory {tmp_path}/no\n" in told
    assert "hint:  watch web --svg x.svg\n" in told
    assert f"cannot write {tmp_path}: it is a directory\n" in told

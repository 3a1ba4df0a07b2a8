"""What the benchmark prints: medians side by side, and ours over the rival's."""

from __future__ import annotations

from tests.bench.table import Result, markdown


def test_a_line_with_a_rival_shows_medians_spread_and_ratio() -> None:
    result = Result("start", [1.0, 3.0, 2.0], [4.0, 4.0, 8.0], "docker run", aim="<= 0.75")

    assert markdown([result]).splitlines() == [
        "| what | simplecloud | rival | ratio | aim |",
        "| --- | --- | --- | --- | --- |",
        "| start | 2 (1 to 3) s | docker run: 4 (4 to 8) s | 0.50 | <= 0.75 |",
    ]


def test_a_line_without_one_shows_what_was_seen() -> None:
    assert markdown([Result("failed", [0], unit="")]).splitlines()[-1] == "| failed | 0 | - | - | - |"
    assert "| 12.3 ms |" in markdown([Result("ps", [0.0123], unit="ms")])


def test_a_rival_that_needs_nothing_has_no_ratio() -> None:
    assert Result("idle", [1.0], [0.0]).ratio is None

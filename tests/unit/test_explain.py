"""A stored decision as a person reads it: every number is the record's."""

from __future__ import annotations

from typing import cast

import pytest

from shell.text import explain
from shell.text.tables import Options

RECORD: dict[str, object] = {
    "id": 418,
    "app": "web",
    "at": "2026-01-02T13:04:09.000Z",
    "from": 3,
    "to": 3,
    "ready": 3,
    "action": "hold",
    "reason": "enough",
    "inputs": {
        "age_s": 1.0,
        "level_rps": 412.0,
        "slope_rps_per_s": 1.0,
        "ahead_rps": 430.0,
        "lead_s": 1.9,
        "starts": 11,
        "host_cores": 2.0,
        "changed_ago_s": 240.0,
    },
    "model": {
        "trusted": "good",
        "n": 140,
        "r2": 0.95,
        "safe_rate_rps": 167.0,
        "requests_per_replica_rps": 200.0,
        "curve": [{"worker_rps": 10.0, "slow_share": 0.0}, {"worker_rps": 200.0, "slow_share": 1.0}],
        "seen": [{"worker_rps": 100.0, "slow_share": 0.1}],
    },
    "raw": 3,
    "costs": [{"workers": 3, "slow": 0.5, "unmet": 0.0, "effort": 0.0}],
    "limits": [{"name": "max", "before": 7, "after": 3}],
    "thresholds": {"adds_above_rps": 456.0, "removes_below_rps": 258.0},
    "removes_after_s": 24.0,
}


def told(record: dict[str, object], *, plot: bool = True, utf8: bool = True, width: int | None = None) -> str:
    return "\n".join(explain.lines(record, Options(utf8=utf8, width=width, quiet=not plot)))


def test_every_part_of_the_arithmetic_is_told() -> None:
    text = told(RECORD)

    for part in (
        "web wants 3 workers (now 3): hold: enough   decision 418, 13:04:09Z",
        "412.0 req/s, rising 60.0 req/s per minute",
        "from the proxy, 1.0 s old",
        "167.0 req/s per worker keeps the objective",
        "model: good (R2 0.95, 140 windows)",
        "430.0 req/s in 1.9 s -> 3   (cost by workers 3:3.50)",
        "max: 7 -> 3",
        "host 2.0 cores",
        "ready in 1.9 s (of 11 starts); last change 4m ago",
        "would add above 456.0 req/s   would remove below 258.0 req/s for 24 s",
    ):
        assert part in text


def test_workers_only_for_what_waits_are_told_apart() -> None:
    assert "430.0 req/s in 1.9 s -> 3, 2 once what waits is served" in told({**RECORD, "lasting": 2})
    assert "waits" not in told({**RECORD, "lasting": 3})


def test_what_others_on_the_host_keep_is_told_where_it_is_worth_a_word() -> None:
    inputs = RECORD["inputs"]
    assert isinstance(inputs, dict)

    assert "host 2.0 cores, 1.2 kept by others" in told(
        {**RECORD, "inputs": {**inputs, "neighbours_cores": 1.24}}
    )
    assert "kept" not in told({**RECORD, "inputs": {**inputs, "neighbours_cores": 0.04}})


def test_a_start_that_nobody_has_seen_is_said_to_be_assumed() -> None:
    inputs = RECORD["inputs"]
    assert isinstance(inputs, dict)

    assert "ready in 1.9 s (assumed, no start seen yet)" in told(
        {**RECORD, "inputs": {**inputs, "starts": 0}}
    )
    assert "ready in 1.9 s (of 1 start)" in told({**RECORD, "inputs": {**inputs, "starts": 1}})


def test_the_share_of_slow_requests_is_told_while_there_are_some() -> None:
    inputs = RECORD["inputs"]
    assert isinstance(inputs, dict)

    slow = told({**RECORD, "inputs": {**inputs, "slow_share": 0.25}})

    assert "slow        25.0% of the last requests took longer than the objective" in slow
    assert "last requests" not in told({**RECORD, "inputs": {**inputs, "slow_share": 0.0}})


def test_an_objective_that_no_rate_keeps_is_told_as_such() -> None:
    model = {**cast(dict[str, object], RECORD["model"]), "safe_rate_rps": 0.0}

    assert "no rate keeps the objective, full at 200.0 req/s" in told({**RECORD, "model": model})


def test_workers_that_wait_for_something_else_are_told_to_have_cpu_left() -> None:
    model = {**cast(dict[str, object], RECORD["model"]), "limited_by": "waiting"}

    assert "full at 200.0 req/s with CPU left" in told({**RECORD, "model": model})


def test_a_trial_of_more_workers_is_told_with_its_reason_and_how_it_ended() -> None:
    inputs = {**cast(dict[str, object], RECORD["inputs"]), "slow_before_trial": 0.21}
    on, failed = ({**inputs, name: 24.0} for name in ("trial_ago_s", "trial_failed_ago_s"))

    why = "as 21.0% of the requests were slow with CPU left"
    assert f"more workers wanted for 24.0 s now, {why}" in told({**RECORD, "inputs": on})
    assert f"more workers until 24.0 s ago, {why}: they did not help" in told({**RECORD, "inputs": failed})
    assert "trial" not in told({**RECORD, "inputs": inputs})


def test_a_tcp_app_is_told_in_connections() -> None:
    inputs = RECORD["inputs"]
    assert isinstance(inputs, dict)

    text = told({**RECORD, "inputs": {**inputs, "connections": 412.0}}, plot=False)

    assert "167.0 connections per worker leave room, full at 200.0 connections" in text
    assert "would add above 456.0 connections" in text
    assert "req/s" not in text


def test_spares_are_told_where_some_were_chosen() -> None:
    assert "spares      2 stand by: 5 workers within reach" in told({**RECORD, "spares": 2})
    assert "spares" not in told({**RECORD, "spares": 0})


def test_no_terminal_is_too_narrow_for_a_decision() -> None:
    assert "safe rate" in told(RECORD, width=1, plot=False)


def test_a_narrow_terminal_has_below_each_other_what_stands_behind() -> None:
    lines = told(RECORD, width=80, plot=False).splitlines()

    assert max(map(len, lines)) <= 80
    assert lines[:6] == [
        "web wants 3 workers (now 3): hold: enough   decision 418, 13:04:09Z",
        "  load        412.0 req/s, rising 60.0 req/s per minute",
        "              from the proxy, 1.0 s old",
        "  safe rate   167.0 req/s per worker keeps the objective, full at 200.0 req/s",
        "              model: good (R2 0.95, 140 windows)",
        "  need        430.0 req/s in 1.9 s -> 3   (cost by workers 3:3.50)",
    ]


def test_one_worker_is_no_plural() -> None:
    assert told({**RECORD, "to": 1}).startswith("web wants 1 worker (now 3): ")


def test_one_window_is_no_plural() -> None:
    assert "a plain rule decides (1 window)" in told({**RECORD, "model": {"trusted": "rule", "n": 1}})


def test_the_curve_is_drawn_from_nothing_to_all() -> None:
    drawn = told(RECORD).splitlines()

    assert any(line.strip().startswith("100% |") and line.endswith("·") for line in drawn)
    assert any("●" in line for line in drawn)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_drawing_is_no_wider_than_the_terminal(width: int) -> None:
    lines = told(RECORD, width=width).splitlines()

    assert max(map(len, lines)) <= width
    assert sum("●" in line for line in lines) == 2  # what it means, and the point that was seen


def test_the_drawing_can_be_left_out_and_does_without_unicode() -> None:
    assert "|" not in told(RECORD, plot=False)
    assert told(RECORD, utf8=False).isascii()


def test_a_decision_on_nothing_known_says_so() -> None:
    bare: dict[str, object] = {
        "id": 1,
        "app": "web",
        "from": 1,
        "to": 1,
        "action": "hold",
        "reason": "first look",
    }

    text = told(bare)

    assert "not known" in text
    assert "not learned yet" in text
    assert "would" not in text


@pytest.mark.parametrize(
    ("bounded_by", "words"),
    [("max", "its max"), ("host", "the host"), (None, "its max or the host")],  # None: of an older manager
)
def test_a_number_that_nothing_would_raise_is_told_as_the_most(bounded_by: str | None, words: str) -> None:
    at = {"adds_above_rps": None, "removes_below_rps": 258.0}
    text = told({**RECORD, "to": 3, "thresholds": at, "bounded_by": bounded_by})

    assert f"would not add: {words} allows no more than 3   would remove below 258.0 req/s" in text


def test_of_workers_that_nothing_was_learned_of_yet_it_is_told_when_fewer_are_taken() -> None:
    inputs, model = RECORD["inputs"], RECORD["model"]
    assert isinstance(inputs, dict)
    assert isinstance(model, dict)
    unread = {**RECORD, "inputs": {**inputs, "unread": True}}

    words = "nothing yet of the workers that there are: fewer of them only after 24 s"
    assert words in told(unread)
    assert "learning" not in told(RECORD)
    assert "learning" not in told({**unread, "model": {**model, "trusted": "rule"}})

"""What is said of an app's next moment, in the live view."""

from __future__ import annotations

import pytest

from shell.live.upcoming import upcoming
from shell.text.document import Document

NOW = 1000.0
TWO_SECONDS_AGO = "1970-01-01T00:16:38Z"
LONG_AGO = "1970-01-01T00:16:10Z"
AUTO = {"scaling": "auto", "note": "the note"}


def starting(slot: int, started_at: str | None = TWO_SECONDS_AGO) -> Document:
    return {"name": f"web.{slot}", "state": "starting", "started_at": started_at, "reason": "no answer"}


def hold(**fields: object) -> Document:
    usual = {"inputs": {"level_rps": 79.0}, "thresholds": {"adds_above_rps": 100.0}}
    return {"action": "hold", "reason": "enough", **usual, **fields}


def test_a_start_is_told_with_how_long_it_takes_and_usually_does() -> None:
    decision = {"inputs": {"lead_s": 1.9}}

    assert upcoming({}, [starting(4)], decision, NOW) == ("busy", "starting web.4 (2 s of ~2 s)")
    assert upcoming({}, [starting(4), starting(5)], {}, NOW) == ("busy", "starting web.4 and 1 more (2 s)")
    assert upcoming({}, [starting(4, None)], {}, NOW) == ("busy", "starting web.4 (0 s)")


def test_a_start_that_takes_long_says_what_it_waits_for() -> None:
    assert upcoming({}, [starting(4, LONG_AGO)], {}, NOW) == ("busy", "starting web.4 (30 s): no answer")


def test_a_worker_that_leaves_is_told_with_its_open_requests() -> None:
    leaving = {"name": "web.4", "state": "draining", "inflight": 2}

    assert upcoming({}, [leaving], {}, NOW) == ("busy", "stopping web.4 after 2 open requests")
    assert upcoming({}, [{**leaving, "inflight": 0}], {}, NOW) == ("busy", "stopping web.4")


def test_a_worker_of_a_tcp_app_leaves_after_its_open_connections() -> None:
    app, leaving = {"urls": ["tcp://127.0.0.1:9000"]}, {"name": "db.1", "state": "draining", "inflight": 1}

    assert upcoming(app, [leaving], {}, NOW) == ("busy", "stopping db.1 after 1 open connection")


def test_an_update_is_told_with_how_far_it_is() -> None:
    app = {"note": "updating to revision 2: 1 of 3"}

    assert upcoming(app, [], {}, NOW) == ("busy", "revision 2: 1 of 3")
    assert upcoming(app, [starting(2)], {}, NOW) == ("busy", "revision 2: 1 of 3; starting web.2 (2 s)")


@pytest.mark.parametrize("state", ["failed", "backoff", "unready"])
def test_trouble_comes_before_all_else(state: str) -> None:
    workers = [starting(4), {"name": "web.1", "state": state}]

    assert upcoming({"note": "web.1 is ill"}, workers, {}, NOW) == ("bad", "web.1 is ill")


def test_a_scaler_that_holds_says_how_much_more_load_that_is_good_for() -> None:
    assert upcoming(AUTO, [], hold(), NOW) == ("", "hold: 21 % headroom; enough")
    assert upcoming(AUTO, [], hold(inputs={"rate_rps": 150.0}), NOW) == ("", "hold: 0 % headroom; enough")
    assert upcoming(AUTO, [], hold(thresholds=None), NOW) == ("", "hold: enough")


def test_a_scaler_that_acts_says_what_it_does() -> None:
    assert upcoming(AUTO, [], hold(action="add", reason="80/s to come"), NOW) == ("busy", "add: 80/s to come")


def test_a_frozen_app_and_one_scaled_by_hand_have_their_note() -> None:
    assert upcoming({**AUTO, "frozen": True}, [], hold(), NOW) == ("", "the note")
    assert upcoming({"scaling": "manual", "note": "a note"}, [], {}, NOW) == ("", "a note")

"""What a step failed at is told for as long as it is due, and noted once when it is no accident."""

from __future__ import annotations

from manager.api.errors import EngineAway, EngineError
from manager.engine.contract import NameTaken
from manager.loop.hindrances import Hindrances
from manager.state.model import WorkerKey

WEB_1, WEB_2 = WorkerKey("web", 1, 1), WorkerKey("web", 2, 1)
TOLD = "another container has the name x (docker rename x x-other)"


def test_it_is_noted_when_it_happens_for_the_second_time_in_a_row_and_not_again() -> None:
    hindrances = Hindrances()

    assert [hindrances.add(WEB_1, NameTaken("x")) for _ in range(4)] == ["", TOLD, "", ""]
    assert hindrances.add(WEB_1, EngineError("no")) == ""
    assert hindrances.add(WEB_2, EngineError("no")) == ""


def test_it_is_told_until_a_step_is_done() -> None:
    hindrances = Hindrances()
    hindrances.add(WEB_1, NameTaken("x"))

    before = hindrances.of({WEB_1, WEB_2})
    hindrances.remove(WEB_1)

    assert (before, hindrances.of({WEB_1, WEB_2})) == ({WEB_1: TOLD}, {})


def test_it_is_forgotten_once_no_step_is_due() -> None:
    hindrances = Hindrances()
    hindrances.add(WEB_1, NameTaken("x"))

    assert hindrances.of({WEB_2}) == hindrances.of({WEB_1}) == {}


def test_a_docker_that_is_away_hinders_no_single_worker() -> None:
    hindrances = Hindrances()
    hindrances.add(WEB_1, EngineAway("docker cannot be reached"))

    assert hindrances.of({WEB_1}) == {}

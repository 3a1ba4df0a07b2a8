"""Of two who want to start or end a cloud, one waits until the other is done."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

from manager.api.places import Places
from manager.host.turn import is_taken, our_turn, taken_turns, turn_file, turn_if_free
from tests.fakes.manager import PlacesAt


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return PlacesAt("test", directory=tmp_path / "test")


def test_the_second_says_that_it_waits_and_then_has_its_turn(places: Places) -> None:
    said: list[str] = []
    waits, done = threading.Event(), threading.Event()

    def hear(text: str) -> None:
        said.append(text)
        waits.set()

    def second() -> None:
        with our_turn(places, hear):
            done.set()

    thread = threading.Thread(target=second)
    with our_turn(places, said.append):
        thread.start()
        assert waits.wait(60)
        assert not done.is_set()

    assert done.wait(60)
    thread.join()
    assert said == ['another up or down of the cloud "test" is at work: waiting for it']


def test_who_does_not_wait_is_told_that_the_turn_is_taken(places: Places) -> None:
    with our_turn(places, print), turn_if_free(places) as ours:
        assert not ours

    with turn_if_free(places) as ours:
        assert ours


def test_who_looks_sees_which_turns_are_taken_and_changes_nothing(places: Places) -> None:
    file = turn_file(places)
    killed = file.with_name("killed.turn")
    killed.touch()

    with our_turn(places, print):
        taken = taken_turns(file.parent)

    assert taken == {"test"}
    assert not is_taken(file)
    assert [*file.parent.iterdir()] == [killed]


def test_nothing_is_left_of_a_turn_that_is_over(places: Places) -> None:
    with our_turn(places, print):
        assert turn_file(places).exists()

    assert not turn_file(places).exists()


def test_a_turn_that_is_given_back_this_moment_is_free(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock

    def give_back_first(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        turn_file(places).unlink()
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", give_back_first)
    with turn_if_free(places) as ours:
        assert ours


def test_a_file_without_an_owner_holds_nobody_up(places: Places) -> None:
    turn_file(places).touch()

    with turn_if_free(places) as ours:
        assert ours

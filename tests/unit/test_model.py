"""Slots, names, endings and the back-off."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.state.ending import STEADY_S, Ending, backoff_s, exit_words, starts_again
from manager.state.model import WorkerKey, container_name
from tests.simulation.worlds import NOW, a_worker, an_app

ENDING = Ending(NOW, "abc", 1, "exit code 1")


def test_the_back_off_is_0_1_2_4_to_60_seconds() -> None:
    assert [backoff_s(count) for count in range(1, 10)] == [0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_a_worker_that_fails_for_a_thousand_years_still_waits_60_seconds() -> None:
    assert backoff_s(500_000) == 60


@pytest.mark.parametrize(
    ("restart", "exit_code", "failures", "again"),
    [
        ("always", 0, 99, True),
        ("always", 1, 1, True),
        ("on-failure", 0, 1, False),
        ("on-failure", 1, 99, True),
        ("on-failure:2", 1, 2, True),
        ("on-failure:2", 1, 3, False),
        ("no", 1, 1, False),
    ],
)
def test_when_the_policy_wants_another_container(
    restart: str, exit_code: int, failures: int, again: bool
) -> None:
    assert starts_again(restart, exit_code, failures) is again


def test_an_ending_is_counted_and_gives_the_next_time() -> None:
    third = replace(a_worker(1), failures=2, restarts=2).after(ENDING, "always", ran_s=1)

    assert (third.failures, third.restarts, third.retry_at) == (3, 3, NOW + 2)


def test_a_worker_that_ran_steadily_failed_anew() -> None:
    again = replace(a_worker(1), failures=6).after(ENDING, "always", ran_s=STEADY_S)

    assert (again.failures, again.retry_at) == (1, NOW)


def test_a_worker_that_shall_not_start_again_has_no_next_time() -> None:
    over = a_worker(1).after(ENDING, "no", ran_s=1)

    assert (over.retry_at, over.restarts, over.ending) == (None, 0, ENDING)


@pytest.mark.parametrize(
    ("exit_code", "oom_killed", "memory_bytes", "words"),
    [
        (0, False, None, "exit code 0: the command ended"),
        (3, False, None, "exit code 3"),
        (127, False, None, "exit code 127: the command was not found"),
        (137, False, None, "exit code 137: killed"),
        (137, True, 256 << 20, "exit code 137: killed, memory limit 256M reached"),
        (137, True, None, "exit code 137: killed, memory limit reached"),
    ],
)
def test_an_exit_code_is_explained(
    exit_code: int, oom_killed: bool, memory_bytes: int | None, words: str
) -> None:
    assert exit_words(exit_code, oom_killed, memory_bytes) == words


@given(want=st.integers(0, 50), stopped=st.frozensets(st.integers(1, 60), max_size=10))
def test_an_app_has_as_many_slots_as_it_wants_and_none_that_was_emptied(
    want: int, stopped: frozenset[int]
) -> None:
    spec = replace(an_app(want=want), stopped_slots=stopped)

    assert len(spec.slots) == want
    assert not spec.slots & stopped


def test_an_app_that_is_stopped_or_removed_has_no_slots() -> None:
    assert replace(an_app(), stopped=True).slots == frozenset()
    assert replace(an_app(), removing=True).slots == frozenset()


def test_names_of_workers_of_similar_apps_differ() -> None:
    keys = [
        WorkerKey("web", 1, 11),
        WorkerKey("web", 11, 1),
        WorkerKey("web-1", 1, 1),
        WorkerKey("web", 1, 1),
    ]

    assert len({container_name("default", key) for key in keys}) == 4
    assert len({key.port_name("ab12") for key in keys}) == 4

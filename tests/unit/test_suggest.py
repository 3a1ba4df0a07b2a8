"""Did you mean: what is a slip of the keys, and what is another word."""

from __future__ import annotations

import pytest

from manager.api.commands import verbs
from manager.api.suggest import did_you_mean, slips


@pytest.mark.parametrize(
    ("word", "name", "count"),
    [
        ("", "ps", 2),
        ("ps", "ps", 0),
        ("sp", "ps", 1),
        ("sacle", "scale", 1),
        ("bogus", "logs", 2),
        ("it", "wait", 2),
    ],
)
def test_a_slip_is_a_key_missed_added_mistaken_or_struck_too_early(word: str, name: str, count: int) -> None:
    assert slips(word, name) == slips(name, word) == count


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("sacle", "scale"),
        ("pss", "ps"),
        ("lgos", "logs"),
        ("autoscle", "autoscale"),
        ("desc", "describe"),
        ("wathc", "watch"),
    ],
)
def test_a_near_miss_is_told(word: str, meant: str) -> None:
    assert did_you_mean(word, verbs()) == meant


@pytest.mark.parametrize("word", ["bogus", "it", "x", "", "bus", "frobnicate"])
def test_what_is_near_to_nothing_has_no_suggestion(word: str) -> None:
    assert did_you_mean(word, verbs()) is None


def test_a_word_of_any_length_is_answered_in_the_time_that_a_test_has() -> None:
    assert did_you_mean("x" * 1_000_000, verbs()) is None

"""What of the input an error points at, and the command with what was meant in its place."""

from __future__ import annotations

import pytest

from manager.api.errors import AppNotFound, CloudError, UsageError, WorkerNotFound
from shell.language.scanner import statements
from shell.place import PROMPT, Place, place_of

MISTYPED = AppNotFound("no app is named 'wbe'", hint="ps web", word="wbe", meant="web")


def place_in(line: str, error: CloudError, nth: int = 0) -> Place:
    return place_of(error, statements(line)[nth], line, PROMPT)


@pytest.mark.parametrize(
    ("line", "pointed", "mended"),
    [
        ("logs wbe", "wbe", "logs web"),
        ("scale api=2 wbe=3", "wbe", "scale api=2 web=3"),
        ("cp wbe.1:/tmp/f .", "wbe", "cp web.1:/tmp/f ."),
        ("run --reach=wbe api ./wbe.py", "wbe", "run --reach=web api ./wbe.py"),
        ("rm 'wbe' -y", "'wbe'", "rm web -y"),
    ],
)
def test_a_mistyped_name_is_pointed_at_and_the_command_offered_with_the_right_one(
    line: str, pointed: str, mended: str
) -> None:
    place = place_in(line, MISTYPED)

    assert place.span is not None
    assert line[slice(*place.span)] == pointed
    assert place.mended == mended


def test_only_the_statement_that_failed_is_offered() -> None:
    assert place_in("ps; logs wbe; apps", MISTYPED, nth=1).mended == "logs web"


@pytest.mark.parametrize("line", ["logs web-wbe", "logs $app", "wbe"])
def test_a_name_that_was_not_typed_is_not_pointed_at(line: str) -> None:
    assert place_in(line, MISTYPED) == Place(line)


def test_a_worker_that_there_is_not_is_pointed_at() -> None:
    place = place_in("logs web.9 -f", WorkerNotFound("web has no worker 9", word="web.9"))

    assert (place.span, place.mended) == ((5, 10), "")


def test_the_index_of_a_word_tells_more_than_its_text() -> None:
    place = place_in("ps web web", UsageError("twice", at=1, word="web"))

    assert place.span == (7, 10)


def test_a_command_of_several_lines_is_not_offered() -> None:
    assert place_in("logs \\\nwbe", MISTYPED).mended == ""

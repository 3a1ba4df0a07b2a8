"""What of the input an error points at, and the command with what was meant in its place."""

from __future__ import annotations

import pytest

from manager.api.errors import (
    AppExists,
    AppNotFound,
    CloudError,
    ProgramRejected,
    RouteTaken,
    UsageError,
    WorkerNotFound,
)
from shell.language.scanner import statements
from shell.place import PROMPT, Place, place_of

MISTYPED = AppNotFound('no app is named "wbe"', hint="ps web", word="wbe", meant="web")


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


def test_a_name_that_stands_there_already_is_not_offered_again() -> None:
    place = place_in("scale web=1 wbe=2", MISTYPED)

    assert (place.span, place.mended) == ((12, 15), "")


def test_only_the_statement_that_failed_is_offered() -> None:
    assert place_in("ps; logs wbe; apps", MISTYPED, nth=1).mended == "logs web"


@pytest.mark.parametrize("line", ["logs web-wbe", "logs $app", "wbe"])
def test_a_name_that_was_not_typed_is_not_pointed_at(line: str) -> None:
    assert place_in(line, MISTYPED) == Place(line)


@pytest.mark.parametrize(
    ("line", "error", "pointed"),
    [
        ("run -n 2 a1 ./an", AppExists("an app is named a1 already"), "a1"),
        ("run a1 './x y'", ProgramRejected("./x y has no run bit"), "'./x y'"),
        ("run --cpus 100 a1 ls", UsageError("--cpus 100 is more than there is"), "--cpus"),
        ("run --path /web/ a ls", RouteTaken("web has the route /web already"), "/web/"),
        ("run web.py web", ProgramRejected("there is no file web.py"), "web.py"),
        ("crash web.9 --for 5s", WorkerNotFound("web.9 has no running worker"), "web.9"),
    ],
)
def test_what_is_off_about_the_input_is_pointed_at_where_it_is_named_first(
    line: str, error: CloudError, pointed: str
) -> None:
    span = place_in(line, error).span

    assert span is not None
    assert line[slice(*span)] == pointed


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("logs web", CloudError("web is away")),
        ("run a1 ls", ProgramRejected("./a1 and a1.py have no run bit")),
        ("ls", UsageError("ls is off")),
    ],
)
def test_nothing_is_pointed_at_for_another_failure_or_what_is_not_named(line: str, error: CloudError) -> None:
    assert place_in(line, error).span is None


def test_a_number_is_pointed_at_with_its_sign() -> None:
    line = "scale web -9"

    assert place_in(line, UsageError("not so many", word="9")).span == (10, 12)


def test_what_is_off_within_a_substitution_is_pointed_at() -> None:
    line = "echo a$(echo $(ps wbe))"

    assert place_in(line, MISTYPED).span == (18, 21)


def test_a_worker_that_there_is_not_is_pointed_at() -> None:
    place = place_in("logs web.9 -f", WorkerNotFound("web has no worker 9", word="web.9"))

    assert (place.span, place.mended) == ((5, 10), "")


def test_the_index_of_a_word_tells_more_than_its_text() -> None:
    place = place_in("ps web web", UsageError("twice", at=1, word="web"))

    assert place.span == (7, 10)


def test_a_command_of_several_lines_is_not_offered() -> None:
    assert place_in("logs \\\nwbe", MISTYPED).mended == ""

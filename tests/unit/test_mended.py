"""A hint is the command that was typed, put right: it is accepted, and carets stand where that was off."""

from __future__ import annotations

import pytest

from shell.language import grammar
from shell.language.scanner import statements
from tests.unit.test_habits import refused

MENDED = [
    ("load web --rps 10 --for ^10", "load web --rps 10 --for 10s"),
    ("wait web ready == 10 --timeout ^10", "wait web ready == 10 --timeout 10s"),
    ("scale web 5 ^--wait=5", "scale web 5 --wait=5s"),
    ("scale web=5 ^-w5", "scale web=5 -w5s"),
    ("logs web --tail 5 --since ^5", "logs web --tail 5 --since 5s"),
    ("run -e x=250 -p 80 --max 4 --slo ^250 web x=250", "run -e x=250 -p 80 --max 4 --slo 250ms web x=250"),
    ("run --reach b --reach ^b.1 -e A=b.1 b b.1", "run --reach b --reach b -e A=b.1 b b.1"),
    ("load web ^api --rps 50", "load web --rps 50"),
    ("apps -q -o ^json web", "apps -q web"),
    ("ps ^-ojson -aq", "ps -aq"),
    ("events --output ^wide -q", "events -q"),
    ("apply ^a.toml --dry-run", "apply -f a.toml --dry-run"),
    ("diff -o json ^a.toml b.toml", "diff -f a.toml -o json"),
    ("apply -f a.toml ^b.toml", "apply -f a.toml"),
    ("up ^3", "up"),
    ("history web ^api -o json", "history web -o json"),
    ("history -o json web ^api other", "history -o json web"),
    ("ps web-stat --sort ^stat", "ps web-stat --sort state"),
    (
        "ps stae --columns worker,state --filter ^stae=ready",
        "ps stae --columns worker,state --filter state=ready",
    ),
]


@pytest.mark.parametrize(("typed", "right"), MENDED)
def test_a_hint_is_what_was_typed_put_right_where_it_was_off(typed: str, right: str) -> None:
    words = typed.split()

    error = refused(typed.replace("^", ""))

    assert error.at is not None
    assert words[error.at + 1].startswith("^")
    assert error.hint == right


def test_a_command_that_changes_a_whole_app_is_not_offered_for_one_worker() -> None:
    error = refused("rm web.1 -y")

    assert (error.message, error.hint) == (
        'APP: "web.1" cannot name an app: it is a worker (stop, start and restart take one)',
        "help rm",
    )


@pytest.mark.parametrize("right", [right for _, right in MENDED])
def test_a_hint_is_itself_accepted(right: str) -> None:
    (statement,) = statements(right)

    grammar.check(statement)

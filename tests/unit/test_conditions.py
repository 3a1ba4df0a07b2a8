"""What wait and expect understand, and how values compare."""

from __future__ import annotations

import pytest

from manager.api import arguments
from manager.api.commands import known
from manager.api.errors import UsageError
from shell.language import grammar, scanner
from shell.language.comparison import Comparison, holds, quantity
from shell.language.conditions import (
    Answers,
    Condition,
    Fails,
    FieldIs,
    Gone,
    LoadDone,
    LoadIs,
    ManagerIs,
    Ready,
    field_named,
    parse,
)
from shell.language.quoting import quote
from shell.place import span_of


def condition(*words: str, verb: str = "expect") -> Condition:
    row = grammar.row_of([verb, *words])
    return parse(row, arguments.bind(row, grammar.params_of(row, words)))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("web ready", Ready("web")),
        ("web.2 gone", Gone("web.2")),
        ("web ready == 3", FieldIs("web", Comparison("ready", "==", "3"))),
        ("web ready = 3", FieldIs("web", Comparison("ready", "==", "3"))),
        ("web P95 < 250ms", FieldIs("web", Comparison("p95_s", "<", "250ms"))),
        ("web req/s > 10", FieldIs("web", Comparison("rate_rps", ">", "10"))),
        ("web.1 age > 5s", FieldIs("web.1", Comparison("age_s", ">", "5s"))),
        ("manager down", ManagerIs(up=False)),
        ("load web done", LoadDone("web")),
        ("load web failed == 0", LoadIs("web", Comparison("failed", "==", "0"))),
        ("http web /x --contains a --count 9 --failed 1", Answers("web", "/x", "a", 9, 1)),
        ("error text rm web -y", Fails("text", ("rm", "web", "-y"))),
        ("--timeout 5s error text ps --all", Fails("text", ("ps", "--all"))),
        ("error ready == 3", FieldIs("error", Comparison("ready", "==", "3"))),
        ("load ready", Ready("load")),
    ],
)
@pytest.mark.parametrize("verb", ["wait", "expect"])
def test_conditions_are_understood(words: str, expected: Condition, verb: str) -> None:
    assert condition(*words.split(), verb=verb) == expected


@pytest.mark.parametrize(
    "words",
    [
        "web",
        "web redy == 3",
        "web ready ~ 3",
        "web state == ready",
        "WEB ready",
        "web ready == 3 4",
        "http web x",
        "error text",
        "manager",
    ],
)
def test_what_is_no_condition_is_refused(words: str) -> None:
    with pytest.raises(UsageError) as refused:
        condition(*words.split())
    assert refused.value.hint


@pytest.mark.parametrize("option", ["--contains a", "--count=2", "--failed 0"])
@pytest.mark.parametrize("words", ["web ready", "web want == 3", "load web failed == 0", "manager up"])
def test_what_an_answer_is_asked_for_goes_with_no_other_condition(words: str, option: str) -> None:
    (statement,) = scanner.statements(f"wait {words} {option}")
    with pytest.raises(UsageError, match="goes with http APP PATH") as refused:
        grammar.check(statement)

    span = span_of(refused.value, statement)
    name = option.partition("=")[0].split()[0]
    assert span == (len(f"wait {words} "), len(f"wait {words} {name}"))
    assert refused.value.hint == f"wait {words}"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("wait error 'no app' rm web --timeout 1s", "wait --timeout 1s error 'no app' rm web"),
        ("expect error text ps --timeout=1s -a", "expect --timeout=1s error text ps -a"),
    ],
)
def test_an_option_behind_the_command_that_is_carried_out_is_put_in_its_place(text: str, hint: str) -> None:
    with pytest.raises(UsageError, match="options come before it") as refused:
        grammar.check(scanner.statements(text)[0])

    assert refused.value.hint == hint


@pytest.mark.parametrize(
    "text",
    [
        "wait error text crash etcd --for 1s",
        "wait error text load web --for 1s",
        "expect error text run web sleep --timeout",
        "expect error 'unknown command' sacle --timeout",
        "expect error text exec web.1 -- ls --count",
    ],
)
def test_an_option_that_the_carried_out_command_has_or_its_own_command_takes_is_left_to_it(text: str) -> None:
    grammar.check(scanner.statements(text)[0])


def test_a_field_of_workers_is_not_looked_for_in_an_app() -> None:
    with pytest.raises(UsageError, match=r"state is a field of a worker: web\.1 state"):
        condition("web", "state", "==", "ready")


@pytest.mark.parametrize(
    ("field", "observed", "operator", "value", "expected"),
    [
        ("ready", 3, "==", "3", True),
        ("ready", 3, "!=", "3", False),
        ("ready", 3, ">=", "3", True),
        ("ready", 3, "<", "3", False),
        ("ready", 3, "<=", "2", False),
        ("p95_s", 0.25, "<=", "250ms", True),
        ("p95_s", 0.25, "==", "0.25", True),
        ("memory_bytes", 64 * 2**20, "==", "64M", True),
        ("error_ratio", 0.5, "<", "60%", True),
        ("oom", True, "==", "true", True),
        ("oom", True, "==", "yes", True),
        ("oom", False, "!=", "true", True),
        ("oom", False, "==", "no", True),
        ("oom", False, "!=", "-", True),
        ("p95_s", None, "==", "-", True),
        ("p95_s", None, "!=", "-", False),
        ("p95_s", None, "==", "0", False),
        ("p95_s", None, "<", "1s", False),
        ("state", "ready", "==", "ready", True),
        ("state", "ready", "contains", "ead", True),
        ("urls", ["http://a/", "http://b/"], "contains", "http://b/", True),
        ("command", ["./x", "-y"], "==", "./x -y", True),
        ("note", "", "==", "", True),
        ("note", "", "==", "-", True),
        ("note", "", "!=", "-", False),
        ("note", "", "contains", "-", False),
        ("note", "stopped: web.1", "==", "-", False),
        ("urls", [], "==", "-", True),
        ("p95_s", None, "==", "", True),
    ],
)
def test_values_compare_in_the_unit_of_their_field(
    field: str, observed: object, operator: str, value: str, expected: bool
) -> None:
    assert holds(Comparison(field, operator, value), observed) is expected


@pytest.mark.parametrize("operator", ["==", "!="])
def test_what_is_neither_true_nor_false_is_compared_with_neither(operator: str) -> None:
    said = Comparison("frozen", operator, "foo", ("expect", "web", "frozen"))
    with pytest.raises(UsageError, match='frozen: "foo" is none of yes, true, no, false') as refused:
        holds(said, False)
    assert refused.value.hint == f"expect web frozen {quote(operator)} yes"


def test_text_has_no_order() -> None:
    with pytest.raises(UsageError, match="has no order"):
        holds(Comparison("state", "<", "ready"), "ready")


@pytest.mark.parametrize(("field", "word"), [("ready", "many"), ("p95_s", "5x"), ("ready", "5s"), ("x", "%")])
def test_a_word_without_a_number_is_refused(field: str, word: str) -> None:
    with pytest.raises(UsageError):
        quantity(Comparison(field, "==", word))


def test_every_header_of_a_listing_names_a_field() -> None:
    assert field_named("AppList", "REQ/S") == field_named("AppList", "rate_rps") == "rate_rps"
    assert field_named("WorkerList", "worker") == "name"
    assert field_named("AppList", "nosuch") is None


def test_examples_of_the_table_are_conditions() -> None:
    row = known("wait")
    for example in row.examples:
        condition(*example.split()[1:], verb="wait")


@pytest.mark.parametrize(
    ("typed", "word", "right"),
    [
        ("wait web", "web", "wait web ready"),
        ("wait web redy", "redy", "wait web ready"),
        ("wait api goen", "goen", "wait api gone"),
        ("expect web ready 4", "4", "expect web ready == 4"),
        ("wait web ready ==", "==", "wait web ready == 1"),
        ("wait web.1 state ==", "==", "wait web.1 state == ready"),
        ("expect web ready == 4 5", "5", "expect web ready == 4"),
        ("expect http", "http", "expect http web /"),
        ("wait http api", "api", "wait http api /"),
        ("expect load api", "api", "expect load api failed == 0"),
        ("wait load api", "api", "wait load api done"),
        ("expect manager", "manager", "expect manager up"),
        ("expect error", "error", "expect error 'no app' ps nosuch"),
    ],
)
def test_what_is_no_condition_is_pointed_at_and_the_nearest_is_offered(
    typed: str, word: str, right: str
) -> None:
    verb, *words = typed.split()

    with pytest.raises(UsageError) as refused:
        condition(*words, verb=verb)

    assert refused.value.word == word
    assert refused.value.hint == f"{right}    (or: help {verb})"
    offered = [*scanner.statements(right)[0].words]
    assert condition(*(str(each.literal) for each in offered[1:]), verb=verb)


def test_no_command_in_quotes_is_expected_to_fail_for_it_would_as_one_that_is_unknown() -> None:
    with pytest.raises(UsageError) as refused:
        condition("error", "no app", "stop web --now")

    assert refused.value.word == "stop web --now"
    assert refused.value.hint == "expect error 'no app' stop web --now"


def test_a_mistyped_field_is_pointed_at_with_the_one_that_was_meant() -> None:
    with pytest.raises(UsageError) as refused:
        condition("web", "memry", "<", "64M")

    assert (refused.value.word, refused.value.meant) == ("memry", "memory")


@pytest.mark.parametrize(
    ("typed", "observed", "right"),
    [
        ("expect web.1 address < 3", "ready", "expect web.1 address == 3"),
        ("wait web command >= 'a b'", ["a"], "wait web command == 'a b'"),
        ("expect load web failed < abc", 0, "expect load web failed < 1"),
        ("expect load web failed == abc", 0, "expect load web failed == 1"),
        ("wait api P95 < 5x", 0.1, "wait api P95 < 1"),
    ],
)
def test_what_cannot_be_compared_is_told_with_the_condition_that_can(
    typed: str, observed: object, right: str
) -> None:
    said = said_by(typed)

    with pytest.raises(UsageError) as refused:
        holds(said, observed)

    assert unquoted(refused.value.hint) == unquoted(right)
    assert holds(said_by(refused.value.hint), observed) in (True, False)


def said_by(typed: str) -> Comparison:
    """Return what is compared in a condition as it is typed."""
    verb, *words = unquoted(typed)
    found = condition(*words, verb=verb)
    assert isinstance(found, FieldIs | LoadIs)
    return found.comparison


def unquoted(typed: str) -> list[str]:
    return [str(word.literal) for word in scanner.statements(typed)[0].words]


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("web ^want=4", "expect web want == 4"),
        ("^web=3", "expect web ready == 3"),
        ("web want ^=3", "expect web want == 3"),
        ("web p95 ^250ms", "expect web p95 == 250ms"),
        ("web want=3 ^want=3", "expect web want == 3"),
        ("load web ^web", "expect load web failed == 0"),
        ("^manager=up", "expect manager up"),
        ("--timeout 5s web ^rdy", "expect web ready"),
    ],
)
def test_carets_stand_under_what_is_no_condition_and_the_nearest_is_offered(typed: str, right: str) -> None:
    rejected, pointed = off("expect " + typed)

    assert pointed == typed.partition("^")[2]
    assert rejected.hint.startswith(f"{right}    (or")


@pytest.mark.parametrize("typed", ["web ^web == 3", "web.1 ^want == 1", "http http ^x", "web want ^eq want"])
def test_a_word_is_pointed_at_where_it_is_off_not_where_else_it_stands(typed: str) -> None:
    assert off("expect " + typed)[1] == typed.partition("^")[2].split()[0]


def off(typed: str) -> tuple[UsageError, str]:
    """Return the error of a statement and what of it is pointed at; it must begin where ^ stands."""
    text = typed.replace("^", "")
    (statement,) = scanner.statements(text)
    with pytest.raises(UsageError) as rejected:
        grammar.check(statement)
    span = span_of(rejected.value, statement)
    assert span is not None
    assert span[0] == typed.index("^")
    return rejected.value, text[slice(*span)]


@pytest.mark.parametrize(
    ("words", "at"), [("web want == web", 3), ("--timeout 1s web want < ready", 3), ("web image < image", 2)]
)
def test_what_cannot_be_compared_is_known_by_its_place(words: str, at: int) -> None:
    said = condition(*words.split())
    assert isinstance(said, FieldIs)
    with pytest.raises(UsageError) as rejected:
        holds(said.comparison, "image" if "image" in words else 3)
    assert rejected.value.at == at


def test_a_worker_with_a_leading_zero_is_none_and_the_one_meant_is_offered() -> None:
    with pytest.raises(UsageError, match="leading zero") as refused:
        condition("web.01", "ready", verb="wait")

    assert (refused.value.word, refused.value.meant) == ("web.01", "web.1")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("web.1", "state", "==", "redy"), "expect web.1 state == ready"),
        (("web.1", "state", "!=", "FAILED"), "expect web.1 state '!=' failed"),
        (("web", "scaling", "==", "atuo"), "expect web scaling == auto"),
    ],
)
def test_what_a_field_can_never_be_is_not_waited_for(words: tuple[str, ...], hint: str) -> None:
    with pytest.raises(UsageError, match=" is none of ") as refused:
        condition(*words)

    assert refused.value.hint == hint

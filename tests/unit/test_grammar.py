"""Which words of a statement are the command's own, and which those of a command that it carries out."""

from __future__ import annotations

import pytest

from manager.api.commands import known
from manager.api.errors import UsageError
from shell.language import grammar, parsing
from shell.language.scanner import statements


@pytest.mark.parametrize(
    "text",
    [
        "ps --help",
        "ps -h",
        "ps web --help",
        "run --help",
        "run -n 3 --help",
        "run -dn 3 --help",
        "run --wait --help",
        "run web --help",
        "run web -n 3 --help",
        "update web --help",
        "update web -e A=1 --help",
        "exec -it web.1 --help",
        "watch -n 2s --help",
        "watch web --help",
        "wait --timeout 5s --help",
        "expect web ready --help",
        "run -n $count --help",
        "run $name --help",
    ],
)
def test_help_is_asked_for_before_the_command_of_a_worker_begins(text: str) -> None:
    assert asks(text)
    grammar.check(statements(text)[0])


@pytest.mark.parametrize(
    "text",
    [
        "ps -- --help",
        "run web ls --help",
        "run -n 3 web ls --help",
        "run -dn 3 web ls --help",
        "run web -- --help",
        "run --wait web ls --help",
        "update web ls --help",
        "exec web.1 ls --help",
        "watch ps --help",
        "expect error usage ps --help",
        "run $name ls --help",
        "run -n $count web ls --help",
    ],
)
def test_behind_that_it_is_a_word_of_the_command(text: str) -> None:
    assert not asks(text)


def asks(text: str) -> bool:
    literals = [word.literal for word in statements(text)[0].words]
    return grammar.asks_for_help(grammar.row_of(literals), literals[1:])


@pytest.mark.parametrize(
    "text",
    [
        "expect --contains error http web / --count 3",
        "wait --contains error http web / --timeout 30s",
        "expect http error / --count 3",
        "expect load error failed == 0 --timeout 5s",
        "expect error text ps --all",
        "expect --timeout 5s error text ps --all",
        "expect --timeout $limit error text ps --all",
        "wait error text rm web -y",
    ],
)
def test_what_fails_is_a_command_of_its_own_only_behind_the_condition_error(text: str) -> None:
    grammar.check(statements(text)[0])


@pytest.mark.parametrize(
    ("text", "at"), [("run web -n 3 ls", 1), ("run web -dn 3 ls", 1), ("exec web -it sh", 1)]
)
def test_options_behind_the_name_are_put_before_it_with_their_values(text: str, at: int) -> None:
    with pytest.raises(UsageError) as refused:
        grammar.check(statements(text)[0])

    assert refused.value.at == at
    grammar.check(statements(refused.value.hint)[0])


@pytest.mark.parametrize(
    ("text", "name", "at"),
    [
        ("run -p 8000 -p 9000 web ./x", "-p", 2),
        ("run -p 8000 --port=9000 web ./x", "--port", 2),
        ("scale -w --wait=5s web=3", "--wait", 1),
        ("ps web -qo json -o csv", "-o", 3),
    ],
)
def test_an_option_that_takes_one_value_is_given_once(text: str, name: str, at: int) -> None:
    with pytest.raises(UsageError, match=f"^{name} is given twice, and takes one value$") as refused:
        grammar.check(statements(text)[0])

    assert refused.value.at == at


def test_an_option_that_collects_and_a_flag_may_be_given_again() -> None:
    grammar.check(statements("run -p 80 -e A=1 -e B=2 --host a.b --host c.d -d -d web ./x")[0])


@pytest.mark.parametrize("option", ["-n", "--workers"])
def test_a_value_that_is_off_is_told_by_its_option_as_it_was_typed(option: str) -> None:
    with pytest.raises(UsageError, match=f'^{option}: "x" is not a whole number'):
        grammar.check(statements(f"run {option} x web ./x")[0])


def test_an_app_does_not_begin_with_more_workers_than_it_may_have() -> None:
    with pytest.raises(UsageError, match="5 workers are above --max 3") as refused:
        grammar.check(statements("run -n 5 --max 3 web ./x")[0])

    assert refused.value.hint == "run --max 5 web ..."
    grammar.check(statements("run -n 3 -p 80 --max 3 web ./x")[0])
    grammar.check(statements("run -n 5 -p 80 --max 3 --mode recommend web ./x")[0])


def test_a_number_before_an_app_is_put_behind_it_unless_that_has_one() -> None:
    with pytest.raises(UsageError) as swapped:
        grammar.check(statements("scale 3 web")[0])

    assert swapped.value.hint == "scale web=3"
    with pytest.raises(UsageError, match='"3" is not the name of an app'):
        grammar.check(statements("scale 3 web=2")[0])


def test_a_very_long_word_that_is_no_command_is_told_by_its_beginning() -> None:
    with pytest.raises(UsageError) as refused:
        grammar.row_of(["a" * 400])

    assert refused.value.message == f'unknown command "{"a" * 40}"'


def test_a_command_that_lacks_an_operand_says_so_in_the_words_of_its_usage() -> None:
    with pytest.raises(UsageError, match=r"^scale needs APP=N\.\.\. \| APP N"):
        grammar.check(statements("scale")[0])
    with pytest.raises(UsageError, match=r"^run needs COMMAND$"):
        grammar.check(statements("run web")[0])


@pytest.mark.parametrize("host", ["'a b'", "a..b", "-a", "a/b"])
def test_what_is_no_host_name_is_told_once_and_before_it_is_sent(host: str) -> None:
    with pytest.raises(UsageError, match=r'^--host: "[^"]*" is not a host name: letters, [a-z ,]+$'):
        grammar.check(statements(f"run -p 80 --host {host} web ./x")[0])


@pytest.mark.parametrize(
    ("option", "word", "hint"),
    [
        ("--bind", "localhost", "up --bind 127.0.0.1"),
        ("--bind", "10.0.0.256", "up --bind 127.0.0.1"),
        ("--bind", "10.0.0.01", "up --bind 127.0.0.1"),
        ("--tcp-ports", "9000", "up --tcp-ports 9000-9015"),
        ("--tcp-ports", "9015-9000", "up --tcp-ports 9000-9015"),
        ("--tcp-ports", "65530-65536", "up --tcp-ports 9000-9015"),
        ("--tcp-ports", "1000-2000", "up --tcp-ports 9000-9015"),
        ("--etcd", "one:2379", "up --etcd https://10.0.0.5:2379"),
        ("--etcd", "https://one, https://two", "up --etcd https://10.0.0.5:2379"),
        ("--etcd", "https://one,http://two", "up --etcd https://10.0.0.5:2379"),
    ],
)
def test_what_up_cannot_mean_is_told_before_anything_is_set_up(option: str, word: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f'^{option}: "{word}" is not ') as refused:
        parsing.parse(known("up"), [option, word])

    assert (refused.value.at, refused.value.hint) == (1, hint)


def test_of_two_words_that_are_off_the_first_is_told() -> None:
    with pytest.raises(UsageError, match=r'^images: "rm" is not ls$') as refused:
        parsing.parse(known("images"), ["rm", "x"])

    assert (refused.value.at, refused.value.hint) == (0, "images")


@pytest.mark.parametrize(
    ("verb", "words", "hint"),
    [
        ("rollback", ["web", "3"], "rollback --to 3 web"),
        ("explain", ["web", "12"], "explain --decision 12 web"),
        ("rollback", ["web", "api"], "rollback web"),
        ("diff", ["apps.toml"], "diff -f apps.toml"),
    ],
)
def test_a_word_too_many_is_hinted_at_as_what_it_must_be_meant_for(
    verb: str, words: list[str], hint: str
) -> None:
    with pytest.raises(UsageError, match="one word too many") as refused:
        parsing.parse(known(verb), words)

    assert refused.value.hint == hint

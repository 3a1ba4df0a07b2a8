"""The lexer: what becomes a word, where it stands, and what cannot be read."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import pytest

from shell.language.quoting import quote
from shell.language.scanner import goes_on, joined, statements
from shell.language.words import (
    Statement,
    Substitution,
    SyntaxRejected,
    Variable,
    Word,
    as_typed,
    expand,
)


def literals(text: str) -> list[list[str | None]]:
    return [[word.literal for word in statement.words] for statement in statements(text)]


def filled(text: str, **variables: str) -> list[str]:
    (statement,) = statements(text)
    return [text for word in statement.words for text in _expand(word, variables)]


def _expand(word: Word, variables: dict[str, str]) -> Sequence[str]:
    return expand(word, lambda variable: variables[variable.name], lambda inner: f"<{_shown(inner)}>")


def _shown(inner: Substitution) -> str:
    return "; ".join(" ".join(word.literal or "?" for word in one.words) for one in inner.statements)


def test_statements_end_at_semicolons_and_words_at_blanks() -> None:
    assert literals("run web ./x;  ps\t-a ;") == [["run", "web", "./x"], ["ps", "-a"]]


@pytest.mark.parametrize("text", ["", "   ", ";", "; ;", "# a comment", "  # '$x \\"])
def test_nothing_is_no_statement(text: str) -> None:
    assert literals(text) == []


def test_a_comment_begins_only_where_a_word_does() -> None:
    assert literals("echo a#b # c; ps") == [["echo", "a#b"]]


@pytest.mark.parametrize(
    "text",
    [
        r"echo a\ b 'c d' \"e\" f\'g",
        r"""echo "a \\ \" \$ \` \n b" 'a\b' '"' "'" """,
        r"""echo '' "" a''b 'x'"y"z \;\# """,
        "echo 'é ü' \"日本\"",
    ],
)
def test_quoting_is_that_of_a_posix_shell(text: str) -> None:
    expected = shlex.split(text.replace(r"\$", "$").replace(r"\`", "`"), comments=False)
    assert literals(text) == [expected]


def test_single_quotes_never_expand() -> None:
    assert literals("echo '$x ${y} $(ps)'") == [["echo", "$x ${y} $(ps)"]]


def test_a_filled_in_value_is_one_word_and_never_split_again() -> None:
    assert filled('echo $a "x $a y" ${a}b', a="1 ; 2 'q' $b") == [
        "echo",
        "1 ; 2 'q' $b",
        "x 1 ; 2 'q' $b y",
        "1 ; 2 'q' $bb",
    ]


def test_environment_variables_have_names_of_their_own() -> None:
    (statement,) = statements("echo $env.HOME ${env.USER}.txt $env.HOME.txt")
    names = [part.name for word in statement.words for part in word.parts if isinstance(part, Variable)]
    assert names == ["env.HOME", "env.USER", "env.HOME"]


def test_a_dollar_before_no_name_is_itself() -> None:
    assert literals("logs web --grep 'x$' a$ $/ \"$\"") == [["logs", "web", "--grep", "x$", "a$", "$/", "$"]]


def test_a_substitution_holds_statements_of_its_own() -> None:
    assert filled("echo a$(ps -q ')' ; apps)b $(echo $(ps))") == ["echo", "a<ps -q ); apps>b", "<echo ?>"]


def test_a_leading_dash_makes_a_statement_tolerant() -> None:
    first, second, third = statements("-rm web -y; - ps; ps")
    assert [first.tolerant, second.tolerant, third.tolerant] == [True, True, False]
    assert [word.literal for word in first.words] == ["rm", "web", "-y"]


def test_a_backslash_at_the_end_of_a_line_continues_it() -> None:
    assert literals("run web \\\n  ./x \\\r\n 'a'\\\nb \"c\\\nd\"") == [["run", "web", "./x", "ab", "cd"]]


def test_a_last_backslash_takes_the_next_line() -> None:
    assert joined("ps \\", iter(["b \\", "c", "d"]).__next__) == "ps \\\nb \\\nc"


@pytest.mark.parametrize("text", ["ps \\", 'echo "a \\'])
def test_nothing_follows_the_backslash_that_ends_a_text(text: str) -> None:
    assert joined(text, lambda: None) == text
    with pytest.raises(SyntaxRejected, match="nothing follows the last backslash"):
        statements(text)


@pytest.mark.parametrize("text", ["# \\", "echo a\\\\", "ps", "echo '\\'", "# it's", "echo \\'"])
def test_a_line_in_which_nothing_is_open_goes_on_in_no_other(text: str) -> None:
    assert not goes_on(text)
    assert joined(text, iter(["b"]).__next__) == text


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        (["echo 'a", "", "it is; # b \\", "c'"], "a\n\nit is; # b \\\nc"),
        (['echo "a', " 'b\\\\", "c\\", 'd"'], "a\n 'b\\\ncd"),
        (["echo \"a'", "\"'b", "c'"], "a'\nb\nc"),
    ],
)
def test_an_open_quote_goes_on_in_the_next_line(lines: list[str], word: str) -> None:
    first, *more = lines
    text = joined(first, iter([*more, "ps"]).__next__)

    assert text == "\n".join(lines)
    assert literals(text) == [["echo", word]]
    assert [goes_on("\n".join(lines[:count])) for count in range(1, len(lines) + 1)][-2:] == [True, False]


@pytest.mark.parametrize("off", ["$1", "${x", "${a b}", "| x", "; -;"])
def test_no_line_of_an_open_quote_is_taken_for_a_command_whatever_else_is_off(off: str) -> None:
    text = joined(f"echo {off} 'a", iter(["rm web -y", "'", "ps"]).__next__)

    assert text.endswith("rm web -y\n'")
    with pytest.raises(SyntaxRejected):
        statements(text)


def test_an_open_substitution_goes_on_in_the_next_line() -> None:
    assert goes_on('echo "$(ps')
    assert joined("echo $(ps", iter(["apps ')' # )", ")", "ps"]).__next__) == "echo $(ps\napps ')' # )\n)"


@pytest.mark.parametrize(
    ("first", "line"),
    [
        ("a \\", "b \\"),
        ("a \\", "'b' \"b\\\"\\"),
        ("a \\", "\\"),
        ("'", "b \\"),
        ('"', "$a \\\\ b"),
        ("$(", "'a' \"b\""),
    ],
)
def test_a_text_of_very_many_lines_is_read_in_the_time_that_a_test_has(first: str, line: str) -> None:
    lines = iter([line] * 20_000)

    assert joined(first, lambda: next(lines, None)).count("\n") == 20_000


@pytest.mark.parametrize(
    ("text", "span", "message"),
    [
        ("echo 'abc", (5, 9), "unterminated ' quote"),
        ('echo "abc', (5, 9), 'unterminated " quote'),
        ("ps\necho 'a\nb", (8, 10), "unterminated ' quote"),
        ('ps\necho "a\nb', (8, 10), 'unterminated " quote'),
        ("echo $(ps", (5, 9), "$( without its )"),
        ("echo ${x", (5, 8), "${ without its }"),
        ("echo ${a b}", (5, 11), '"a b" is not the name of a variable'),
        ("echo $10", (5, 8), '"10" is not the name of a variable'),
        ("echo $1", (5, 7), "there is no $1 here, only in the shell that calls simplecloud"),
        ("echo a$?", (6, 8), "there is no $? here, only in the shell that calls simplecloud"),
        ("ps; -", (4, 5), "no command after the -"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(text: str, span: tuple[int, int], message: str) -> None:
    with pytest.raises(SyntaxRejected) as rejected:
        statements(text)
    assert (rejected.value.message, rejected.value.span) == (message, span)


@pytest.mark.parametrize(
    ("text", "span", "hint"),
    [
        ("set n $(apps -q | cat)", (16, 17), "simplecloud apps -q | cat"),
        ("set n $(ps | grep $(apps -q))", (11, 12), "simplecloud ps | grep $(apps -q)"),
        ("set n $(ps && apps -q)", (11, 13), "ps; apps -q"),
        ("ps; apps -q | wc -l; ps", (12, 13), "simplecloud apps -q | wc -l"),
        ("ps -a \\\n | cat", (9, 10), "simplecloud ps -a | cat"),
    ],
)
def test_the_statement_with_an_operator_is_offered_where_that_can_be_pasted(
    text: str, span: tuple[int, int], hint: str
) -> None:
    with pytest.raises(SyntaxRejected, match="only in the shell that calls simplecloud") as rejected:
        statements(text)
    assert (rejected.value.span, rejected.value.hint) == (span, hint)


def test_words_know_where_they_stand() -> None:
    text = "ps;  scale 'we b'=3 $n"
    _, statement = statements(text)
    assert [text[word.start : word.end] for word in statement.words] == ["scale", "'we b'=3", "$n"]
    assert text[statement.start : statement.end] == "scale 'we b'=3 $n"


@pytest.mark.parametrize("word", ["", "web=3", "a b", "it's", "$x", "#", "-y", "é", "\\", "a\tb"])
def test_a_quoted_word_is_read_back_as_it_was(word: str) -> None:
    (statement,) = statements(f"echo {quote(word)}")
    assert statement.words[1].literal == word


def test_ready_words_are_a_statement_whose_places_fit_its_text() -> None:
    arguments = ["run", "w", "sh", "-c", "echo $HOSTNAME; it's"]
    text, statement = as_typed(arguments)
    assert [word.literal for word in statement.words] == arguments
    assert [shlex.split(text[word.start : word.end])[0] for word in statement.words] == arguments
    assert isinstance(statement, Statement)

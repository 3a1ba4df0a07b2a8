"""An error names what is wrong, points at it, and ends with the next command."""

from __future__ import annotations

import json

from manager.api.errors import AppNotFound, UsageError
from shell.text.complaint import as_json, explain

UNKNOWN = UsageError('unknown command "sacle"', hint="scale web=3")


def pointed(line: str, start: int, end: int) -> tuple[str, str]:
    """Return the repeated input and the carets under it, without their indent."""
    _, shown, carets, _ = explain(UNKNOWN, line=line, span=(start, end)).split("\n")
    assert shown.startswith(" " * 7)
    assert carets.startswith(" " * 7)
    return shown[7:], carets[7:]


def test_an_error_has_the_form_that_people_know() -> None:
    told = explain(UNKNOWN, line="sacle web=3", span=(0, 5))

    assert told == (
        'error: unknown command "sacle"\n'
        "       sacle web=3\n"
        "       ^^^^^\n"
        "hint:  scale web=3"
    )  # fmt: skip


def test_in_a_script_it_begins_with_the_place() -> None:
    told = explain(UNKNOWN, where="demo.sc:7: ")

    assert told == 'demo.sc:7: error: unknown command "sacle"\nhint:  scale web=3'


def test_a_long_sentence_is_wrapped_between_words_where_the_terminal_ends() -> None:
    told = explain(UsageError("one two three four five six", hint="help " + "x" * 40), width=30)

    assert told == "error: one two three four five\n       six\nhint:  help " + "x" * 40


def test_the_input_is_cut_where_the_terminal_ends() -> None:
    line = "run web " + "a" * 60 + " --bogus"
    told = explain(UNKNOWN, line=line, span=(69, 76), width=60).splitlines()

    assert max(map(len, told)) <= 60
    assert told[1].startswith("       ...aa")
    assert told[1].index("--bogus") == told[2].index("^^^^^^^")


def test_off_a_terminal_a_sentence_is_one_line() -> None:
    assert explain(UsageError("word " * 40 + "end")).count("\n") == 0


def test_without_a_hint_there_is_no_hint_line() -> None:
    assert explain(AppNotFound('no app is named "x"')) == 'error: no app is named "x"'


def test_a_missing_word_gets_one_caret_behind_the_line() -> None:
    assert pointed("stop", 4, 4) == ("stop", "    ^")


def test_carets_stand_under_the_span_after_tabs() -> None:
    assert pointed("\tsacle", 1, 6) == ("    sacle", "    ^^^^^")


def test_wide_and_combining_characters_take_the_columns_they_take() -> None:
    assert pointed("日本 sacle", 3, 8) == ("日本 sacle", "     ^^^^^")
    assert pointed("e\u0301 日本", 3, 5) == ("e\u0301 日本", "  ^^^^")


def test_control_characters_are_written_out() -> None:
    assert pointed("a\x1b[2J b", 6, 7) == ("a\\x1b[2J b", "         ^")
    assert "\x1b" not in explain(UsageError("no \x1b[31mapp", hint="x\x07"))


def test_of_several_lines_only_the_one_that_is_off_is_shown() -> None:
    text = "run web \\\n  --foo \\\n  x"

    assert pointed(text, 12, 17) == ("  --foo \\", "  ^^^^^")


def test_a_long_line_is_shown_around_what_is_off() -> None:
    shown, carets = pointed("x" * 500 + " sacle " + "y" * 500, 501, 506)

    assert len(shown) <= 100
    assert shown.startswith("...")
    assert shown.endswith("...")
    start = carets.index("^")
    assert shown[start : start + 5] == "sacle"


def test_a_long_word_does_not_make_a_long_line() -> None:
    shown, carets = pointed("run " + "x" * 5000, 4, 5004)

    assert len(shown) <= 100
    assert carets == "    " + "^" * 50


def test_further_lines_of_a_message_are_indented() -> None:
    told = explain(UsageError("the plan fails:\nno image"))

    assert told == "error: the plan fails:\n       no image"


def test_colour_changes_no_word() -> None:
    plain = explain(UNKNOWN, line="sacle", span=(0, 5))
    coloured = explain(UNKNOWN, line="sacle", span=(0, 5), colour=True)

    for sgr in ("\x1b[1;31m", "\x1b[36m", "\x1b[0m"):
        coloured = coloured.replace(sgr, "")
    assert coloured == plain


def test_programs_read_kind_message_and_hint() -> None:
    told = json.loads(as_json(AppNotFound('no app is named "x"', hint="apps")))

    assert told == {"error": {"kind": "app-not-found", "message": 'no app is named "x"', "hint": "apps"}}

"""A message names a word as the contract's example does, whatever is in it."""

from __future__ import annotations

import pytest

from manager.api.cite import cited


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("web", '"web"'),
        ("", '""'),
        ("it's", '"it\'s"'),
        ('a"b', "'a\"b'"),
        ("a\nb\x1b[2J\u200b", '"a\\nb\\x1b[2J\\u200b"'),
        ("größe", '"größe"'),
        (5, "5"),
    ],
)
def test_a_word_stands_between_double_quotes_on_one_line_and_steers_no_terminal(
    word: object, shown: str
) -> None:
    assert cited(word) == shown

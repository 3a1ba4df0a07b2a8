"""The examples of a property are the same in every run, whatever else its process has done by then."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st


def examples() -> list[tuple[str, int]]:
    """Return all examples of a property."""
    seen = []

    @given(st.text(), st.integers())
    def holds(text: str, number: int) -> None:
        seen.append((text, number))

    holds()
    return seen


def test_no_words_of_what_was_imported_meanwhile_are_among_the_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = examples()
    (tmp_path / "another.py").write_text(f"WORDS = {[f'word{number}' for number in range(1000)]}\n")
    monkeypatch.syspath_prepend(tmp_path)
    import_module("another")

    assert examples() == before

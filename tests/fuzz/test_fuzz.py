"""Whatever is read, a value or an error for people comes of it; FUZZ=deep makes up a thousand times more."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import CORPUS
from tests.fuzz.samples import PIECES, SAMPLES
from tests.fuzz.targets import TARGETS

DEEP = os.environ.get("FUZZ") == "deep"
EXTENT = settings(
    max_examples=20_000 if DEEP else 20,
    derandomize=not DEEP,
    database=None,
    suppress_health_check=list(HealthCheck),
)
MOST_EDITS = 6


def edited(text: str, edits: list[tuple[int, int, str]]) -> bytes:
    """Return the text with pieces instead of some of its parts."""
    for at, length, piece in edits:
        start = at % (len(text) + 1)
        text = text[:start] + piece + text[start + length :]
    return text.encode(errors="replace")


def odd(name: str) -> st.SearchStrategy[bytes]:
    """Return input of a target that is nearly valid, or nothing of the kind."""
    piece = st.sampled_from(PIECES) | st.sampled_from(SAMPLES[name]) | st.text(max_size=5)
    edit = st.tuples(st.integers(0, 10_000), st.integers(0, 20), piece)
    nearly = st.builds(edited, st.sampled_from(SAMPLES[name]), st.lists(edit, max_size=MOST_EDITS))
    return nearly | nearly | st.binary(max_size=200)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.timeout(3600 if DEEP else 120)
def test_odd_input_is_read_or_refused(name: str) -> None:
    given(odd(name))(EXTENT(TARGETS[name]))()


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in SAMPLES.items() for text in texts]
)
def test_what_it_is_made_from_is_valid(name: str, text: str) -> None:
    TARGETS[name](text.encode())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(name, text, id=f"{name} {number}")
        for name, texts in CORPUS.items()
        for number, text in enumerate(texts)
    ],
)
@pytest.mark.timeout(60)
def test_what_once_broke_something_is_read_or_refused(name: str, text: str) -> None:
    TARGETS[name](text.encode())

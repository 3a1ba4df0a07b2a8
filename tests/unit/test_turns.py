"""The order of tests is told by places in the tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.turns import ALONE, LONG, TOGETHER

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("place", [*ALONE, *LONG, *TOGETHER])
def test_every_place_that_has_a_turn_of_its_own_is_there(place: str) -> None:
    assert (ROOT / place).exists()

"""The simulation is worth something: it finds every fault that is put into the product on purpose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.faults import Broken, Script
from tests.simulation.histories import SCENARIOS, live, play, settled
from tests.simulation.mutants import MUTANTS, Mutant

ENOUGH = 400  # each is found within the first 100; a change of the histories may move that


@pytest.fixture(autouse=True)
def _nothing_from_another_product() -> Iterator[None]:
    """What histories begin with is played with the fault, and not kept for those without it."""
    settled.cache_clear()
    yield
    settled.cache_clear()


def play_many() -> None:
    for scenario in SCENARIOS:
        play(scenario, Script())
    for seed in range(ENOUGH):
        live(seed)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_fault_of_the_product_is_found(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.apply(monkeypatch)

    with pytest.raises(Broken):
        play_many()

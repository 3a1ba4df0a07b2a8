from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.histories import collecting_seldom, silence

HERE = Path(__file__).parent


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Return a process for every core where nothing but the simulation is played, else no opinion."""
    alone = {Path(arg).resolve() for arg in config.args} == {HERE}
    return len(os.sched_getaffinity(0)) if alone else None


@pytest.fixture(autouse=True)
def _undisturbed() -> Iterator[None]:
    with silence(), collecting_seldom():
        yield

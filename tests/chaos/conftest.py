"""Which seeds are played: a short one and those that broke something once, or one for as long as asked."""

from __future__ import annotations

from collections.abc import Collection
from secrets import randbelow

import pytest

from manager.api.quantities import seconds

# seed, seconds, and the faults that are left out: a seed makes another history of every set of faults
SHORT = (1, 25.0, ())
DOCKER = ("docker away", "docker deaf to changes", "docker's answers lost", "docker silent")
DISKS = ("an etcd member's disk full", "all of etcd's disks full")
LATER = ("a manager by hand", "etcd out of space", "dockerd killed", *DISKS, *DOCKER)
FOUND = ((70069, 25.0, LATER), (5, 15.0, LATER))  # something was broken in these once
AROUND_S = 300.0  # for the cloud to come up, settle and go


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    duration, seed = metafunc.config.getoption("chaos"), metafunc.config.getoption("chaos_seed")
    played: list[tuple[int, float, Collection[str]]] = [SHORT, *FOUND]
    if duration is not None:
        played = [(randbelow(100_000) if seed is None else seed, seconds(duration), ())]
    marked = [pytest.param(*each, marks=pytest.mark.timeout(each[1] + AROUND_S)) for each in played]
    metafunc.parametrize(("seed", "duration_s", "left_out"), marked)

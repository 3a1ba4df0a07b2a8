"""Which seeds are played: a short one and those that broke something once, or one for as long as asked."""

from __future__ import annotations

from secrets import randbelow

import pytest

from manager.api.values import seconds

SHORT = (1, 25.0)  # seed, seconds
FOUND: tuple[tuple[int, float], ...] = ()  # something was broken in these once
AROUND_S = 300.0  # for the cloud to come up, settle and go


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    duration, seed = metafunc.config.getoption("chaos"), metafunc.config.getoption("chaos_seed")
    played = [SHORT, *FOUND]
    if duration is not None:
        played = [(randbelow(100_000) if seed is None else seed, seconds(duration))]
    marked = [pytest.param(*each, marks=pytest.mark.timeout(each[1] + AROUND_S)) for each in played]
    metafunc.parametrize(("seed", "duration_s"), marked)

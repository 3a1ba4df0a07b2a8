"""Whatever befalls a cloud, and however much at once: it loses nothing, and ends as it was asked to be."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.ground import ground
from tests.chaos.parts import UNCLOSED
from tests.chaos.scene import COSTS, play
from tests.chaos.schedule import schedule
from tests.chaos.verdict import broken, line
from tests.real.cloud import SERVER
from tests.real.dockerd import OwnDockerd, machines_base, own_dockerd

Tell = Callable[[str], None]


@pytest.fixture(scope="module")
def dockerd() -> Iterator[OwnDockerd]:
    with own_dockerd(machines_base) as own:
        yield own


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Return what says a sentence to whoever started the tests, at once."""

    def said(words: str) -> None:
        with capsys.disabled():
            print(f"\n{words}", flush=True)

    return said


@pytest.fixture
def faults(pytestconfig: pytest.Config, left_out: Collection[str]) -> Collection[str]:
    """Return the names of the faults that there are, without those that nobody wants."""
    unwanted = pytestconfig.getoption("chaos_without")
    wanted = [name for name in FAULTS if name not in left_out]
    return [name for name in wanted if unwanted is None or not re.search(unwanted, name)]


@pytest.mark.filterwarnings(UNCLOSED)
def test_a_history_of_faults_breaks_nothing(
    seed: int, duration_s: float, faults: Collection[str], dockerd: OwnDockerd, tmp_path: Path, tell: Tell
) -> None:
    tell(f"chaos for {duration_s:g} s: seed {seed}")

    with ground(tmp_path, dockerd) as cloud:
        course = play(cloud, schedule(seed, duration_s, faults, SERVER), tmp_path)

    tell(f"{line(course, COSTS)}\nreport: {tmp_path}")
    assert broken(course, COSTS) == []

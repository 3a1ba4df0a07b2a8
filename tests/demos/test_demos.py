"""Every demo plays to its end and leaves no app: what its `wait` and `expect` lines say is true."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.real.cloud import PROOF, ROOT, Cloud, Outcome, running_cloud

TOUR = ROOT / "demos" / "tour.sc"
DEMOS = sorted(path for path in (ROOT / "demos").glob("*.sc") if path != TOUR)
LONGEST_S = 280

pytestmark = pytest.mark.timeout(2 * LONGEST_S)


def play(cloud: Cloud, demo: Path) -> Outcome:
    """Return what a demo does that is piped into the shell, in the repository's directory."""
    return cloud.run(given=demo.read_bytes(), cwd=ROOT, within_s=LONGEST_S)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("first")) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("second")) as cloud:
        yield cloud


@pytest.fixture
def between(first: Cloud) -> Iterator[Cloud]:
    """Lend a cloud without apps, whatever became of the demo before."""
    yield first
    if left := first.app_names():
        first.ok("rm", *left, "-y", "--now")


@pytest.mark.parametrize("demo", DEMOS, ids=[path.name for path in DEMOS])
def test_a_demo_plays_to_its_end_and_leaves_no_app(demo: Path, between: Cloud) -> None:
    outcome = play(between, demo)

    assert outcome.code == 0, str(outcome)
    assert between.app_names() == []


def test_two_clouds_play_the_tour_side_by_side_one_of_which_was_taken_down(
    first: Cloud, second: Cloud
) -> None:
    first.ok("down")

    with ThreadPoolExecutor(2) as players:
        outcomes = list(players.map(play, (first, second), (TOUR, TOUR)))

    assert [outcome.code for outcome in outcomes] == [0, 0], "\n".join(map(str, outcomes))
    assert [outcome.stdout.splitlines()[-1] for outcome in outcomes] == [PROOF, PROOF]
    assert ["is down: starting it" in outcome.stderr for outcome in outcomes] == [True, False]

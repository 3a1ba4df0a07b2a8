"""Every demo is a test: each line of it that waits or expects must be true on real containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.cloud import PROOF, ROOT, Cloud, running_cloud

DEMOS = sorted((ROOT / "demos").glob("[0-9]*.sc"), key=lambda file: file.name)
TOUR = ROOT / "demos" / "tour.sc"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("demo", DEMOS, ids=lambda file: file.stem)
def test_the_demo_holds(demo: Path, cloud: Cloud) -> None:
    outcome = cloud.run("-x", given=demo.read_bytes(), cwd=ROOT, within_s=150)

    assert outcome.code == 0, outcome


@pytest.mark.timeout(400)
def test_the_tour_holds_twice_in_a_row_beside_another_cloud(cloud: Cloud, tmp_path: Path) -> None:
    with running_cloud(tmp_path) as other:
        first = other.run("-x", given=TOUR.read_bytes(), cwd=ROOT, within_s=180)
        assert first.code == 0, first
        assert PROOF in first.stdout

        second = other.run("-x", given=TOUR.read_bytes(), cwd=ROOT, within_s=180)
        assert second.code == 0, second
        assert PROOF in second.stdout

    assert cloud.status()["manager"]["pid"]

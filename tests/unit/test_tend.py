"""The parts of the cloud are kept running, each for itself."""

from __future__ import annotations

import time
from pathlib import Path

from manager.engine.orders import PartOrder
from manager.tend import PartsTender
from tests.fakes.engine import FakeEngine, fake_image
from tests.fakes.manager import PlacesAt


def test_a_part_that_cannot_start_keeps_no_other_from_starting(tmp_path: Path) -> None:
    engine = FakeEngine(now=time.time, images=[fake_image("proxy")])
    orders = [PartOrder(name=name, part=name, image=name, command=("run",)) for name in ("etcd", "proxy")]
    tender = PartsTender(PlacesAt("test", directory=tmp_path), engine, orders)

    tender.look()

    assert engine.parts.states() == {"proxy": "running"}

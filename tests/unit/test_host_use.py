"""What of this machine is in use."""

from __future__ import annotations

import os
import time

from manager.observe.host_use import CpuMeter, memory


def test_cores_in_use_are_known_between_two_looks() -> None:
    meter, now = CpuMeter(), time.monotonic()

    assert meter.used_cores(now) is None
    used = meter.used_cores(now + 60.0)

    assert used is not None
    assert 0 <= used <= (os.cpu_count() or 1)


def test_a_clock_that_stands_tells_nothing() -> None:
    meter = CpuMeter()
    meter.used_cores(5.0)

    assert meter.used_cores(5.0) is None


def test_memory_that_is_available_is_part_of_all() -> None:
    has = memory()

    assert 0 < has.available_bytes < has.total_bytes

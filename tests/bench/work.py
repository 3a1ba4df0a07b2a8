"""What the benchmark has a cloud do: one app, started, scaled and removed as an operator does it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from tests.bench.rivals import answers
from tests.bench.table import Result, Unit
from tests.real.cloud import SERVER, Cloud, containers_of, eventually

APP = "bench"
WITHIN_S = 300.0


def seconds_of(act: Callable[[], object]) -> float:
    began_at = time.perf_counter()
    act()
    return time.perf_counter() - began_at


@dataclass(frozen=True, slots=True)
class Race:
    """What we and a rival did in turns, and the seconds that each time took."""

    what: str
    rival: str
    aim: str = ""
    unit: Unit = "s"
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    def go(self, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
        """One more round."""
        self.ours.append(seconds_of(ours))
        self.theirs.append(seconds_of(theirs))

    @property
    def result(self) -> Result:
        return Result(self.what, self.ours, self.theirs, self.rival, self.unit, self.aim)


def run(cloud: Cloud, count: int, *options: str) -> None:
    """So many workers run, and each has answered through the proxy."""
    cloud.ok("run", "-n", str(count), "-p", "8000", *options, APP, SERVER, "8000", within_s=WITHIN_S)
    await_answers(cloud, count)


def scale_up(cloud: Cloud, count: int) -> None:
    """There are so many workers now, and each has answered through the proxy."""
    cloud.ok("scale", f"{APP}={count}", within_s=WITHIN_S)
    await_answers(cloud, count)


def scale_down(cloud: Cloud, count: int) -> None:
    """There are so many workers now; the others drained, and Docker has none of them."""
    cloud.ok("scale", f"{APP}={count}", within_s=WITHIN_S)
    eventually(lambda: len(containers_of(cloud)) == count, within_s=WITHIN_S)


def remove(cloud: Cloud, *options: str) -> None:
    """The app is gone, and Docker has none of its workers."""
    cloud.ok("rm", APP, "-y", *options, within_s=WITHIN_S)
    eventually(lambda: not containers_of(cloud), within_s=WITHIN_S)


def await_spares(cloud: Cloud, count: int) -> None:
    eventually(partial(_has_spares, cloud, count), within_s=WITHIN_S)


def await_answers(cloud: Cloud, count: int) -> None:
    """Return when each of so many workers has answered through the proxy."""
    address, seen = cloud.settings.bind, set[str]()
    while len(seen - {""}) < count:
        seen.add(answers(address, cloud.settings.http_port, f"{APP}.localhost"))


def _has_spares(cloud: Cloud, count: int) -> bool:
    return cloud.app(APP).spares == count

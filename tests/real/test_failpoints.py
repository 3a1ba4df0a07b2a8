"""Wherever in a command's work the manager dies, nobody notices, and what was asked for comes to be.

The leader kills itself right after its n-th effect, while requests flow to an app that nobody touches; that
is also right before the effect that follows, and a leader dies before its first one too.

FAILPOINTS_EVERY: only every so manieth effect, 7 unless it says else: a run of all of them takes minutes.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from manager import failpoint
from tests.real.cloud import SERVER, Cloud, containers_of, eventually, running_cloud
from tests.real.remains import orphans
from tests.real.traffic import Traffic

EVERY = int(os.environ.get("FAILPOINTS_EVERY", "7"))
SOON_S = 20.0
CALM, APP = "calm", "web"  # nobody touches the first
COMMANDS = (
    ("run", "-n", "1", "-p", "8000", APP, SERVER, "8000"),
    ("scale", f"{APP}=2"),
    ("update", APP, "-e", "NEW=1", "--parallel", "2"),
    ("scale", f"{APP}=1"),
    ("rm", APP, "-y"),
)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Mortal:
    """A cloud whose leader dies where its file says.

    led_s, well_s: from each death until a manager led again, and until what was asked for had come to be.
    """

    cloud: Cloud
    file: Path
    led_s: list[float] = field(default_factory=list)
    well_s: list[float] = field(default_factory=list)

    def survives(self, command: tuple[str, ...], words: str) -> bool:
        """Return whether the command's work led to the death; either way all is well after it."""
        self._set(words)
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(self.cloud.ok, *command)
            eventually(lambda: self._is_met() or work.done(), SOON_S, "a death or an end")
            died_at = time.monotonic()
            eventually(self._is_led, SOON_S, "a leader")
            led_at = time.monotonic()
            work.result()
        eventually(self._is_converged, SOON_S, "convergence")
        if died := self._is_met():
            self.led_s.append(led_at - died_at)
            self.well_s.append(time.monotonic() - died_at)
            what = " ".join(command)
            log.info(
                "%s: %s: led after %.1f s, well after %.1f s", what, words, self.led_s[-1], self.well_s[-1]
            )
        self.file.unlink(missing_ok=True)
        assert orphans(self.cloud) == []
        return died

    def _set(self, words: str) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(words)
        new.rename(self.file)

    def _is_met(self) -> bool:
        return not self.file.exists()

    def _is_led(self) -> bool:
        return self.cloud.look("status").code == 0

    def _is_converged(self) -> bool:
        status = self.cloud.look("status")
        return status.code == 0 and bool(status.json["converged"])


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    file = tmp_path_factory.mktemp("drill") / "failpoint"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(failpoint.VARIABLE, str(file))
        with running_cloud(file.parent) as cloud:
            cloud.ok("run", "-n", "2", "-p", "8000", CALM, SERVER, "8000")
            yield Mortal(cloud, file)


@pytest.mark.timeout(900)
def test_no_death_of_a_manager_is_noticed(mortal: Mortal) -> None:
    before = containers_of(mortal.cloud)
    through: set[tuple[str, ...]] = set()

    with Traffic(mortal.cloud, CALM) as traffic:
        for number in count(0, EVERY):
            for shift, command in enumerate(COMMANDS):
                mortal.cloud.manager_pids()  # as soon as there are both
                place = f"{number + shift % EVERY} after" if number else "1 before"
                if not mortal.survives(command, place):
                    through.add(command)
            if len(through) == len(COMMANDS):
                break

    for what, told in (("led", sorted(mortal.led_s)), ("well", sorted(mortal.well_s))):
        log.info(
            "%d deaths: %s after %.1f s, at most %.1f s", len(told), what, told[len(told) // 2], told[-1]
        )
    log.info("%d requests, %s failed", traffic.sent, dict(traffic.failures))
    assert traffic.failures == {}
    assert before.items() <= containers_of(mortal.cloud).items()

"""Plays a schedule on a cloud, lets it settle, and leaves a folder that tells what happened."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from tests.chaos.faults import FAULTS, Undo
from tests.chaos.ground import Ground
from tests.chaos.operator import Operator
from tests.chaos.samples import COLUMNS, Sample
from tests.chaos.schedule import BUSY, CALM, Blow, Schedule
from tests.chaos.settled import broken_when_settled, is_settled
from tests.chaos.verdict import Course, Requests, Struck, line
from tests.chaos.watch import Watch, of_calm
from tests.real.cloud import SERVER, Cloud, Outcome, eventually
from tests.real.traffic import Traffic

SETTLE_S = 60.0  # a rule, for busy machines too
AGAIN_S = 0.05  # until what could not end yet is tried again
LOADS = {CALM: ("/", 50.0, "GET"), BUSY: ("/?ms=300", 25.0, "POST")}  # these have to drain, or are lost
COSTS = {name: fault.costs for name, fault in FAULTS.items()}


@dataclass(frozen=True, slots=True)
class Lasting:
    """A blow that has not ended yet."""

    blow: Blow
    at: float
    undo: Undo

    @property
    def ends_at(self) -> float:
        return inf if FAULTS[self.blow.fault].stays else self.at + self.blow.for_s


@dataclass(slots=True)
class Blows:
    """Strikes, one blow after the other, and ends what has lasted long enough."""

    cloud: Ground
    struck: list[Struck] = field(default_factory=list)
    _lasting: list[Lasting] = field(default_factory=list)

    def strike_all(self, blows: Sequence[Blow], began_at: float) -> None:
        """Return when the last one has ended, whatever went wrong with another."""
        try:
            for blow in blows:
                self._wait_until(began_at + blow.at_s)
                self._strike(blow)
        finally:
            eventually(self._end_all, SETTLE_S, "the end of every fault", busy=1)

    def _strike(self, blow: Blow) -> None:
        at = time.monotonic()
        undo = FAULTS[blow.fault].strike(self.cloud, blow)
        if undo is None:
            self.struck.append(Struck(blow, at, time.monotonic()))
        else:
            self._lasting.append(Lasting(blow, at, undo))

    def _wait_until(self, moment: float) -> None:
        while (now := time.monotonic()) < moment:
            for lasting in [each for each in self._lasting if each.ends_at <= now]:
                self._end(lasting)
            ends = [each.ends_at for each in self._lasting]
            time.sleep(max(AGAIN_S, min([moment, *ends]) - time.monotonic()))

    def _end_all(self) -> bool:
        """Return whether nothing lasts any more."""
        for lasting in sorted(self._lasting, key=lambda each: each.ends_at):
            self._end(lasting)
        return not self._lasting

    def _end(self, lasting: Lasting) -> None:
        """It has ended, or is tried again later when it cannot end yet."""
        if lasting.undo() is not False:
            self._lasting.remove(lasting)
            self.struck.append(Struck(lasting.blow, lasting.at, time.monotonic()))


def play(cloud: Ground, schedule: Schedule, folder: Path) -> Course:
    """Return what came of the schedule; the folder tells it too."""
    schedule.save(folder / "schedule.json")
    for app in LOADS:
        cloud.ok("run", "-n", "2", "-p", "8000", "--drain", "2s", app, SERVER, "8000")
    blows, operator = Blows(cloud), Operator(cloud, schedule.orders)
    with Watch(cloud, of_calm(cloud)) as watch, _loads(cloud) as traffics:
        with operator:
            blows.strike_all(schedule.blows, watch.began_at)
        settled_s, unsettled = _settle(cloud)
        at_the_end = [*unsettled, *broken_when_settled(cloud, operator.possible)]
    course = Course(
        schedule=schedule,
        began_at=watch.began_at,
        struck=sorted(blows.struck, key=lambda struck: struck.at),
        codes=[outcome.code for _, outcome in operator.given],
        requests={app: Requests(traffic.sent, traffic.failed_at) for app, traffic in traffics.items()},
        seen=watch.broken,
        broken_at_the_end=at_the_end,
        settled_s=settled_s,
        samples=watch.samples,
    )
    _leave(cloud, course, operator.given, folder)
    return course


@contextmanager
def _loads(cloud: Cloud) -> Iterator[Mapping[str, Traffic]]:
    traffics = {app: Traffic(cloud, app, *load) for app, load in LOADS.items()}
    with ExitStack() as stack:
        for traffic in traffics.values():
            stack.enter_context(traffic)
        yield traffics


def _settle(cloud: Cloud) -> tuple[float, list[str]]:
    """Return how long it took until all was well, and the complaint when it never was."""
    began_at = time.monotonic()
    try:
        eventually(lambda: is_settled(cloud), SETTLE_S, "a settled cloud", busy=1)
    except AssertionError as error:
        return time.monotonic() - began_at, [str(error)]
    return time.monotonic() - began_at, []


def _leave(
    cloud: Cloud, course: Course, given: Sequence[tuple[tuple[str, ...], Outcome]], folder: Path
) -> None:
    (folder / "verdict.txt").write_text(f"{line(course, COSTS)}\n")
    (folder / "samples.csv").write_text(_table(course.samples))
    events = [
        {
            "fault": each.blow.fault,
            "at_s": each.at - course.began_at,
            "ended_s": each.ended_at - course.began_at,
        }
        for each in course.struck
    ]
    commands = [{"command": words, "code": outcome.code, "said": outcome.stderr} for words, outcome in given]
    told = {"faults": events, "commands": commands, "failed": _failures(course)}
    (folder / "course.json").write_text(json.dumps(told, indent=1) + "\n")
    shutil.copytree(cloud.places.log, folder / "logs")


def _failures(course: Course) -> Mapping[str, list[tuple[float, str]]]:
    """Return each failed request, when it was sent, and why it failed, by app."""
    return {
        app: [(round(at - course.began_at, 3), reason) for at, reason in requests.failed_at]
        for app, requests in course.requests.items()
    }


def _table(samples: Sequence[Sample]) -> str:
    return "\n".join([",".join(COLUMNS), *(each.line() for each in samples)]) + "\n"

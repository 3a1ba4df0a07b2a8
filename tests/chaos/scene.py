"""Plays a schedule on a cloud, lets it settle, and judges it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from tests.chaos.faults import FAULTS, Undo
from tests.chaos.operator import Operator
from tests.chaos.samples import COLUMNS, growth
from tests.chaos.schedule import BUSY, CALM, Blow, Schedule
from tests.chaos.settled import broken_when_settled, is_settled
from tests.chaos.watch import Watch, of_calm
from tests.real.cloud import SERVER, Cloud, Outcome, eventually
from tests.real.traffic import Traffic

BEFORE_S, AFTER_S = (
    0.5,
    6.0,
)  # requests may fail from so long before a fault that costs them until so long after
SETTLE_S = 60.0
LOADS = {CALM: ("/", 50.0, "GET"), BUSY: ("/?ms=300", 25.0, "POST")}  # these have to drain, or are lost


@dataclass(frozen=True, slots=True)
class Struck:
    """A blow as it came: from when until when, in monotonic seconds."""

    blow: Blow
    at: float
    ended_at: float


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
class Scene:
    """One schedule on one cloud; afterwards `broken` says what did not hold."""

    cloud: Cloud
    schedule: Schedule
    folder: Path
    struck: list[Struck] = field(default_factory=list)
    commands: list[tuple[tuple[str, ...], Outcome]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    settled_s: float = 0.0
    sent: dict[str, int] = field(default_factory=dict)
    excused: dict[str, int] = field(default_factory=dict)
    grown: str = ""
    _began_at: float = 0.0
    _lasting: list[Lasting] = field(default_factory=list)

    def play(self) -> None:
        """Do all of it, and leave the folder."""
        self.schedule.save(self.folder / "schedule.json")
        for app in (CALM, BUSY):
            self.cloud.ok("run", "-n", "2", "-p", "8000", "--drain", "2s", app, SERVER, "8000")
        operator = Operator(self.cloud, self.schedule.orders, self._note)
        traffics = {app: Traffic(self.cloud, app, *load) for app, load in LOADS.items()}
        with Watch(self.cloud, of_calm(self.cloud)) as watch, ExitStack() as stack:
            for traffic in traffics.values():
                stack.enter_context(traffic)
            self._began_at = time.monotonic()
            operator.start()
            try:
                self._strike_all()
            finally:
                self._end_all()
                operator.stop()
            self._settle(operator)
        self._judge(watch, traffics)
        self._leave(watch)

    @property
    def verdict(self) -> str:
        """Return what came of it in one line."""
        words = "; ".join(self.broken) or f"held, settled after {self.settled_s:.1f} s"
        kinds = {struck.blow.fault for struck in self.struck}
        done = sum(outcome.code == 0 for _, outcome in self.commands)
        asked = [f"{sent} requests to {app} ({self.excused[app]} excused)" for app, sent in self.sent.items()]
        counts = (
            f"{len(self.struck)} faults of {len(kinds)} kinds",
            f"{len(self.commands)} commands ({done} done)",
            *asked,
        )
        named = f"chaos seed {self.schedule.seed}, {self.schedule.duration_s:g} s"
        return f"{named}: {words}; {', '.join(counts)}; {self.grown}"

    def _strike_all(self) -> None:
        for blow in self.schedule.blows:
            self._wait_until(self._began_at + blow.at_s)
            at = time.monotonic()
            undo = FAULTS[blow.fault].strike(self.cloud, blow)
            if undo is None:
                self.struck.append(Struck(blow, at, time.monotonic()))
            else:
                self._lasting.append(Lasting(blow, at, undo))

    def _wait_until(self, moment: float) -> None:
        """Wait, and end what has lasted long enough meanwhile."""
        while (now := time.monotonic()) < moment:
            for lasting in [each for each in self._lasting if each.ends_at <= now]:
                self._end(lasting)
            ends = [each.ends_at for each in self._lasting]
            time.sleep(max(0.0, min([moment, *ends]) - time.monotonic()))

    def _end_all(self) -> None:
        for lasting in sorted(self._lasting, key=lambda each: each.ends_at):
            self._end(lasting)

    def _end(self, lasting: Lasting) -> None:
        lasting.undo()
        self._lasting.remove(lasting)
        self.struck.append(Struck(lasting.blow, lasting.at, time.monotonic()))

    def _note(self, words: tuple[str, ...], outcome: Outcome) -> None:
        self.commands.append((words, outcome))

    def _settle(self, operator: Operator) -> None:
        began_at = time.monotonic()
        try:
            eventually(lambda: is_settled(self.cloud), SETTLE_S, "a settled cloud")
        except AssertionError as error:
            self.broken.append(str(error))
        self.settled_s = time.monotonic() - began_at
        self.broken += broken_when_settled(self.cloud, operator.possible)

    def _judge(self, watch: Watch, traffics: Mapping[str, Traffic]) -> None:
        self.broken += [f"{words} (seen after {at_s:.1f} s)" for words, at_s in watch.broken.items()]
        for app, traffic in traffics.items():
            spans = list(self._excuses(app))
            lost = [
                f"{reason} after {at - self._began_at:.1f} s"
                for at, reason in traffic.failed_at
                if not any(first <= at <= last for first, last in spans)
            ]
            self.sent[app], self.excused[app] = traffic.sent, len(traffic.failed_at) - len(lost)
            if lost:
                self.broken.append(f"{len(lost)} requests to {app} failed, the first with {lost[0]}")
        self.grown = growth(watch.samples)

    def _excuses(self, app: str) -> Iterator[tuple[float, float]]:
        """Yield when requests to the app may fail: around what costs them, longer when more came over it."""
        for each in self.struck:
            if app in FAULTS[each.blow.fault].costs:
                last = each.ended_at + AFTER_S
                others = [other.ended_at for other in self.struck if each.at - AFTER_S <= other.ended_at]
                ends = [ended_at for ended_at in others if ended_at <= last]
                yield each.at - BEFORE_S, max(ends) + AFTER_S

    def _leave(self, watch: Watch) -> None:
        (self.folder / "verdict.txt").write_text(f"{self.verdict}\n")
        lines = [",".join(COLUMNS), *(each.line() for each in watch.samples)]
        (self.folder / "samples.csv").write_text("\n".join(lines) + "\n")
        with (self.folder / "events.jsonl").open("w") as file:
            for each in sorted(self.struck, key=lambda struck: struck.at):
                at_s, ended_s = each.at - self._began_at, each.ended_at - self._began_at
                print(json.dumps({"at_s": at_s, "ended_s": ended_s, "fault": each.blow.fault}), file=file)
            for words, outcome in self.commands:
                print(json.dumps({"command": words, "code": outcome.code, "said": outcome.stderr}), file=file)

"""The load that autoscaled apps were seen under, kept for a day: what `whatif` replays.

Files under the cloud's state, an app a directory, append-only segments of ten minutes: a line of what it
began from, then a line a tick. Not in etcd: this is 400 times what a decision leaves there, nothing is
decided from it, and losing it loses no more than an answer to `whatif`. Each line is written at once, so a
manager that is killed loses at most the line under its pen, and the next one begins another segment.
A segment that is over is packed. Without requests nothing is written.
"""

from __future__ import annotations

import gzip
import logging
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from balancer.crowd import Decided
from balancer.samples import Observation, Policy, known
from balancer.whatif import Begin, Segment, Step
from manager.scaling.observation import CHECKS

KEEP_S = 24 * 3600.0
SEGMENT_S = 600.0
IDLE_S = 60.0  # after the last request; removing workers is over by then
LIMIT_BYTES = 128 << 20  # of all apps together
_NAME = re.compile(r"([0-9]{1,15})\.jsonl(\.gz)?(\.new)?")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Pen:
    """A segment that is being written; number: of the decision that its last line holds."""

    path: Path
    descriptor: int
    begun_s: float
    busy_s: float
    policy: Policy
    number: int


@dataclass(slots=True)
class Tape:
    """The segments of an app, oldest first; skipped: records that could not be read, as they are met."""

    paths: list[Path]
    created_at: float
    skipped: int = 0

    def __iter__(self) -> Iterator[Segment]:
        for path in self.paths:
            segment = self._segment(path)
            if segment is not None and segment.steps and segment.begin.created_at == self.created_at:
                yield segment

    def _segment(self, path: Path) -> Segment | None:
        """Return a segment as far as it can be read; what cannot is counted."""
        first, *lines = self._lines(path) or [""]
        try:
            begin = Begin.from_json(first)
        except ValueError:
            self.skipped += 1 + len(lines)
            return None
        return Segment(begin, tuple(step for line in lines if (step := self._step(line)) is not None))

    def _step(self, line: str) -> Step | None:
        try:
            return Step.from_json(line)
        except ValueError:
            self.skipped += 1
            return None

    def _lines(self, path: Path) -> list[str]:
        try:
            content = _content(path)
        except (OSError, EOFError, zlib.error) as error:
            log.warning("recorded load %s cannot be read: %s", path, error)
            return []
        return content.decode(errors="replace").splitlines()


@dataclass(slots=True)
class Recording:
    """The recorded load of a cloud. One thread writes and tidies; anybody reads."""

    directory: Path
    _pens: dict[str, _Pen] = field(default_factory=dict)
    _tidied_s: float | None = None

    def add(self, app: str, created_at: float, decided: Decided) -> None:
        """Keep a tick of an app, when it had requests or its number changed; never raises for a full disk."""
        try:
            self._add(app, Begin(created_at, decided.asked.policy, decided.asked.memory), decided)
        except OSError as error:
            self._close(app)
            log.warning("the load of %s is not recorded: %s; next try with its next requests", app, error)

    def read(self, app: str, created_at: float, since_s: float) -> Tape:
        """Return what was recorded of the app since then, from the beginning of a segment on."""
        begun = sorted({_begun_ms(path) for path in self._files(app)})
        wanted = [ms for ms in begun if ms / 1000 > since_s - SEGMENT_S - IDLE_S]
        return Tape([self._segment_of(app, ms) for ms in wanted], created_at)

    def tidy(self, now_s: float) -> None:
        """Every ten minutes: pack what is written to its end; drop what is a day old or beyond the limit."""
        if self._tidied_s is not None and 0 <= now_s - self._tidied_s < SEGMENT_S:
            return
        self._tidied_s = now_s
        try:
            self._tidy(now_s)
        except OSError as error:
            log.warning("the recorded load cannot be tidied: %s", error)

    def close(self) -> None:
        """End every segment."""
        for app in list(self._pens):
            self._close(app)

    def _add(self, app: str, begin: Begin, decided: Decided) -> None:
        decision, now_s = decided.decision, decided.decision.at_s
        busy = _has_load(decided.asked.seen) or decision.changes
        pen = self._pens.get(app)
        if pen is not None and not _goes_on(pen, begin, now_s):
            self._close(app)
            pen = None
        if pen is None and not busy:
            return
        pen = pen or self._begin(app, begin, now_s)
        step = Step(now_s, decided.asked.seen, decision.final, decided.share)
        os.write(pen.descriptor, f"{step.to_json()}\n".encode())
        self._pens[app] = replace(pen, number=decision.id, busy_s=now_s if busy else pen.busy_s)

    def _begin(self, app: str, begin: Begin, now_s: float) -> _Pen:
        self._directory_of(app).mkdir(parents=True, exist_ok=True, mode=0o700)
        begun = {_begun_ms(path) for path in self._files(app)}
        # the clock may have stepped back
        path = self._segment_of(app, next(ms for ms in count(round(now_s * 1000)) if ms not in begun))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        pen = _Pen(path, descriptor, now_s, now_s, begin.policy, begin.memory.number)
        self._pens[app] = pen
        os.write(descriptor, f"{begin.to_json()}\n".encode())
        return pen

    def _close(self, app: str) -> None:
        pen = self._pens.pop(app, None)
        if pen is not None:
            os.close(pen.descriptor)

    def _tidy(self, now_s: float) -> None:
        written = {pen.path for pen in self._pens.values()}
        found = [path for app in self._apps() for path in self._files(app) if path not in written]
        young = [path for path in found if _begun_ms(path) / 1000 > now_s - KEEP_S - SEGMENT_S]
        packed = [_pack(path) if path.suffix == ".jsonl" else path for path in young]
        room = LIMIT_BYTES
        kept = set()
        for path in sorted(packed, key=_begun_ms, reverse=True):
            room -= path.stat().st_size
            if room >= 0 and path.suffix == ".gz":
                kept.add(path)
        for path in {*found, *packed} - kept:
            path.unlink(missing_ok=True)
        for app in self._apps():
            if not any(self._directory_of(app).iterdir()):
                self._directory_of(app).rmdir()

    def _apps(self) -> list[str]:
        return [path.name for path in self.directory.iterdir()] if self.directory.is_dir() else []

    def _directory_of(self, app: str) -> Path:
        return self.directory / app

    def _segment_of(self, app: str, begun_ms: int) -> Path:
        return self._directory_of(app) / f"{begun_ms:013d}.jsonl"

    def _files(self, app: str) -> list[Path]:
        """Return the files that are this module's; others are left alone."""
        directory = self._directory_of(app)
        return [p for p in directory.iterdir() if _NAME.fullmatch(p.name)] if directory.is_dir() else []


def _goes_on(pen: _Pen, begin: Begin, now_s: float) -> bool:
    """Return whether a tick belongs to the segment: the next decision, of the same policy, soon enough.

    A decision that is missing (its tick could not be stored, or another manager made it) would make what
    follows come out otherwise than it did.
    """
    young = 0 <= now_s - pen.begun_s < SEGMENT_S and now_s - pen.busy_s <= IDLE_S
    return young and begin.policy == pen.policy and begin.memory.number == pen.number


def _has_load(seen: Observation) -> bool:
    """Return whether anybody asked for something; the health checks of a worker are nobody."""
    waiting = (known(seen.inflight) or 0.0) > CHECKS * (known(seen.ready) or 0.0)
    return waiting or any(known(number) for number in (seen.completed, seen.failed, seen.connections))


def _begun_ms(path: Path) -> int:
    return int(path.name.partition(".")[0])


def _content(path: Path) -> bytes:
    """Return what a segment holds, packed or not."""
    try:
        return path.read_bytes()
    except FileNotFoundError:  # packed, perhaps this very moment
        return gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes())


def _pack(path: Path) -> Path:
    """Replace a segment by its packed self; at every moment one of the two is there."""
    packed = path.with_name(f"{path.name}.gz")
    draft = packed.with_name(f"{packed.name}.new")
    draft.write_bytes(gzip.compress(path.read_bytes(), 6))
    draft.rename(packed)
    path.unlink()
    return packed

"""The load that is kept for `whatif`: bounded, cheap, and readable whatever happened to it."""

from __future__ import annotations

import gzip
import itertools
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from balancer.crowd import Asked, Decided, decide_all
from balancer.decide import REMOVE_AFTER_S
from balancer.memory import Memory
from balancer.samples import Mode, Observation, Policy
from balancer.whatif import Replay
from manager.scaling import recording
from manager.scaling.recording import IDLE_S, KEEP_S, SEGMENT_S, Recording, Tape
from tests.autoscale.observations import POLICY, SPAN_S, seen

T0 = 1_700_000_000.0
IDLE = replace(seen(0.0, 1), latencies=None)


@dataclass(slots=True)
class Life:
    """An app as the scaler sees it, tick after tick, and what is recorded of it."""

    recording: Recording
    app: str = "web"
    created_at: float = T0
    now_s: float = T0
    workers: int = 2
    memory: Memory = field(default_factory=Memory)
    policy: Policy = POLICY

    def tick(self, observation: Observation | None = None) -> Decided:
        self.now_s += SPAN_S
        look = replace(observation or IDLE, wanted=self.workers)
        decided = decide_all({self.app: Asked(self.policy, self.memory, look)}, self.now_s)[self.app]
        self.memory, self.workers = decided.memory, decided.decision.final
        self.recording.add(self.app, self.created_at, decided)
        return decided

    def busy(self, ticks: int) -> None:
        for at in range(ticks):
            self.tick(seen(80.0 + 50.0 * math.sin(at / 20.0), self.workers))

    def idle(self, ticks: int) -> None:
        for _ in range(ticks):
            self.tick()

    def tape(self, since_s: float = T0) -> Tape:
        return self.recording.read(self.app, self.created_at, since_s)


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    life = Life(Recording(tmp_path / "load"))
    yield life
    life.recording.close()


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> float:
    """Have a segment end after so many seconds, in place of ten minutes."""
    monkeypatch.setattr(recording, "SEGMENT_S", 40.0)
    return 40.0


def steps(tape: Tape) -> int:
    return sum(len(segment.steps) for segment in tape)


def reproduced(tape: Tape) -> tuple[int, int]:
    """Return how many decisions come out as they are recorded, and of how many."""
    replay = Replay(POLICY)
    for segment in tape:
        replay.play(segment)
    return replay.same, replay.compared


def files(life: Life) -> list[Path]:
    return sorted((life.recording.directory / life.app).iterdir())


def test_all_that_was_decided_is_reproduced(life: Life, short_segments: float) -> None:
    life.busy(100)

    assert reproduced(life.tape()) == (100, 100)
    assert len(files(life)) == 100 * SPAN_S / short_segments


def test_an_app_without_requests_costs_nothing(life: Life) -> None:
    life.idle(50)

    assert not life.recording.directory.exists()


def test_a_recommendation_to_an_app_without_requests_costs_nothing(life: Life) -> None:
    life.policy = replace(POLICY, max=1, mode=Mode.RECOMMEND)

    for _ in range(50):
        life.workers = 3
        assert life.tick().decision.final == 1

    assert not life.recording.directory.exists()


def test_health_checks_are_no_requests_and_what_never_answers_is_some(life: Life) -> None:
    for _ in range(20):
        life.tick(replace(IDLE, inflight=1.0))
    assert not life.recording.directory.exists()

    life.tick(replace(IDLE, inflight=9.0, ready=2))

    assert steps(life.tape()) == 1


def test_a_pause_is_not_recorded_and_what_follows_is_reproduced(life: Life) -> None:
    life.busy(100)
    life.idle(80)
    life.busy(20)

    until_closed = (REMOVE_AFTER_S + IDLE_S) / SPAN_S
    assert 120 <= steps(life.tape()) <= 120 + until_closed + 1 < 200
    same, compared = reproduced(life.tape())
    assert same == compared


def test_the_next_manager_goes_on_in_a_segment_of_its_own(life: Life) -> None:
    life.busy(30)
    before = life.recording
    life.recording = Recording(before.directory)
    life.busy(30)
    before.close()

    assert reproduced(life.tape()) == (60, 60)
    assert len(files(life)) == 2


def test_a_decision_that_was_not_recorded_begins_a_segment(life: Life) -> None:
    life.busy(30)
    away, life.recording = life.recording, Recording(life.recording.directory.parent / "elsewhere")
    life.busy(3)
    life.recording.close()
    life.recording = away
    life.busy(30)

    assert reproduced(life.tape()) == (60, 60)


def test_a_half_written_line_is_left_out_and_counted(life: Life) -> None:
    life.busy(20)
    path = files(life)[0]
    os.truncate(path, path.stat().st_size - 40)

    tape = life.tape()

    assert steps(tape) == 19
    assert tape.skipped == 1


def test_garbage_is_left_out_and_counted(life: Life) -> None:
    life.busy(20)
    directory = files(life)[0].parent
    (directory / f"{round(T0 * 1000) + 900_000:013d}.jsonl").write_bytes(b"\x00\xff garbage\nmore\n")
    (directory / f"{round(T0 * 1000) + 900_001:013d}.jsonl.gz").write_bytes(b"no gzip")
    (directory / f"{round(T0 * 1000) + 900_002:013d}.jsonl").write_bytes(b"")
    (directory / "notes.txt").write_text("somebody's own")

    tape = life.tape()

    assert steps(tape) == 20
    assert tape.skipped == 4


def test_segments_that_are_over_are_packed_and_read_as_before(life: Life, short_segments: float) -> None:
    life.busy(60)
    written = [path.stat().st_size for path in files(life)]

    life.recording.tidy(life.now_s)

    assert [path.suffix for path in files(life)] == [".gz", ".gz", ".jsonl"]
    assert files(life)[0].stat().st_size < written[0] / 2
    assert reproduced(life.tape()) == (60, 60)


def test_a_death_while_packing_loses_nothing(life: Life) -> None:
    life.busy(10)
    life.recording.close()
    path = files(life)[0]
    path.with_name(f"{path.name}.gz.new").write_bytes(b"half")
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))

    life.recording.tidy(life.now_s)

    assert [each.suffix for each in files(life)] == [".gz"]
    assert steps(life.tape()) == 10


def test_a_day_is_kept(life: Life) -> None:
    life.busy(10)
    life.now_s += KEEP_S + 2 * SEGMENT_S
    life.busy(10)

    life.recording.tidy(life.now_s)

    assert len(files(life)) == 1
    assert steps(life.tape()) == 10


def test_the_oldest_go_when_there_is_no_room(
    life: Life, short_segments: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    life.busy(80)
    life.recording.close()
    life.recording.tidy(life.now_s)
    sizes = [path.stat().st_size for path in files(life)]
    monkeypatch.setattr(recording, "LIMIT_BYTES", sum(sizes[-2:]))

    Recording(life.recording.directory).tidy(life.now_s)

    assert [path.stat().st_size for path in files(life)] == sizes[-2:]


def test_an_app_that_is_gone_leaves_no_directory_after_a_day(life: Life) -> None:
    life.busy(10)
    life.recording.close()

    life.recording.tidy(life.now_s + KEEP_S + 2 * SEGMENT_S)

    assert list(life.recording.directory.iterdir()) == []


def test_another_app_of_the_same_name_has_a_record_of_its_own(life: Life) -> None:
    life.busy(30)
    life.recording.close()
    other = Life(life.recording, created_at=T0 + 100, now_s=life.now_s)
    other.busy(10)

    assert (steps(life.tape()), steps(other.tape())) == (30, 10)


def test_a_clock_that_steps_back_overwrites_nothing(life: Life) -> None:
    life.busy(30)
    life.now_s = T0
    life.busy(30)

    assert steps(life.tape(T0 - 10)) == 60


def test_a_full_disk_stops_the_recording_and_nothing_else(
    life: Life, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    writes, write = itertools.count(), os.write

    def full(descriptor: int, content: bytes) -> int:
        if next(writes) == 10:
            raise OSError(28, "No space left on device")
        return write(descriptor, content)

    monkeypatch.setattr(os, "write", full)
    life.busy(20)

    assert "No space left" in caplog.text
    same, compared = reproduced(life.tape())
    assert same == compared == 19


def test_only_what_is_asked_for_is_read(life: Life, short_segments: float) -> None:
    life.busy(100)

    asked_s = 10.0
    may_be_read_s = asked_s + short_segments + IDLE_S
    assert asked_s / SPAN_S < steps(life.tape(life.now_s - asked_s)) <= may_be_read_s / SPAN_S

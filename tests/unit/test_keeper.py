"""The keeper goes on whatever the machine refuses it, until it is told to go."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from manager.host import keeper
from manager.host.holds import held_s, hold, lift_hold
from manager.host.processes import STANDSTILL_S
from tests.eventually import eventually
from tests.fakes.manager import PlacesAt
from tests.fakes.processes import process_of
from tests.stopping import stop

LOADED_AT = time.monotonic()


@dataclass(frozen=True, slots=True)
class PlacesWithoutLogs(PlacesAt):
    """No manager can be started: what it would say has no place."""

    @property
    def log(self) -> Path:
        return self.directory / "missing"


def count(file: Path) -> None:
    with file.open("a") as rounds:
        rounds.write("x")


def test_a_manager_that_keeps_dying_is_started_ever_more_seldom_for_days() -> None:
    pauses_s = [keeper.Kept(1, quick_deaths=deaths).pause_s() for deaths in (*range(2_000), 100_000)]

    assert pauses_s[:2] == [0.0, 0.0]
    assert pauses_s == sorted(pauses_s)
    assert pauses_s[-1] == 10.0


def test_a_manager_that_an_earlier_keeper_started_is_as_old_as_its_process() -> None:
    old, young, began_at = keeper.Kept(1), keeper.Kept(2), time.monotonic()
    keeper.adopt(old, os.getpid())
    with subprocess.Popen(["sleep", "1000"]) as process:
        keeper.adopt(young, process.pid)
        process.kill()

    assert 0.0 < old.started_at < LOADED_AT
    assert young.started_at >= began_at - 0.02  # the kernel counts in ticks
    for kept in (old, young):
        assert kept.pidfd is not None
        os.close(kept.pidfd)


def test_a_manager_that_has_ended_is_not_adopted() -> None:
    kept = keeper.Kept(1)
    with subprocess.Popen(["true"]) as process:
        pass

    keeper.adopt(kept, process.pid)

    assert (kept.pidfd, kept.started_at) == (None, 0.0)


def test_a_manager_that_a_signal_has_stopped_is_ended_once_it_stands_still() -> None:
    kept = keeper.Kept(1)
    with subprocess.Popen(["sleep", "1000"]) as process:
        keeper.adopt(kept, process.pid)
        assert kept.pidfd is not None
        keeper.end_stopped(kept, kept.pidfd, 0.0)
        stop(process.pid)
        keeper.end_stopped(kept, kept.pidfd, 1.0)
        goes_on = process.poll() is None
        keeper.end_stopped(kept, kept.pidfd, 1.0 + STANDSTILL_S)

    os.close(kept.pidfd)
    assert goes_on
    assert process.returncode == -signal.SIGKILL


def test_a_standby_is_told_of_before_its_file_is_written_unless_a_signal_has_stopped_it(
    tmp_path: Path,
) -> None:
    places = PlacesAt(f"kept-{os.getpid()}", directory=tmp_path)
    with process_of(places, "manager", tmp_path) as leader:
        keeper.manager_pid_file(places, 1).write_text(f"{leader.pid}\n")
        with process_of(places, "manager", tmp_path) as standby:
            unnamed = keeper.standbys(places, leader.pid)
            keeper.manager_pid_file(places, 2).write_text(f"{standby.pid}\n")
            named = keeper.standbys(places, leader.pid)
            stop(standby.pid)
            stopped = keeper.standbys(places, leader.pid)

    assert unnamed.keys() == named.keys() == {standby.pid}
    assert unnamed[standby.pid] <= named[standby.pid] + 0.02  # the kernel counts in ticks
    assert stopped == {}


def test_a_hold_that_is_lifted_holds_no_more(tmp_path: Path) -> None:
    places = PlacesAt("test", directory=tmp_path)
    hold(places, 60.0)

    assert 0.0 < lift_hold(places) <= 60.0
    assert held_s(places) == lift_hold(places) == 0.0


def test_a_keeper_that_can_start_no_manager_tries_again_until_it_is_told_to_go(tmp_path: Path) -> None:
    places, rounds = PlacesWithoutLogs("test", directory=tmp_path), tmp_path / "rounds"
    rounds.touch()
    process = get_context("spawn").Process(target=keeper.run, args=(places, partial(count, rounds)))
    process.start()
    try:
        eventually(lambda: rounds.stat().st_size > 1, within_s=20)
        assert keeper.keeper_pid_file(places).read_text() == f"{process.pid}\n"
    finally:
        process.terminate()
        process.join()

    assert process.exitcode == 0
    assert not keeper.keeper_pid_file(places).exists()

"""The processes of a cloud are found by their command lines, whoever wrote them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from manager.api.places import Places
from manager.host.processes import STANDSTILL_S, Standstill, end, is_stopped, processes_of
from tests.eventually import eventually
from tests.fakes.processes import process_of
from tests.stopping import stop

OWN = f"found-{os.getpid()}"  # whoever else runs these tests on this machine has others


@pytest.mark.parametrize("options", [("-P",), ()], ids=["as we do", "by hand"])
def test_a_manager_is_found_however_it_was_started(tmp_path: Path, options: tuple[str, ...]) -> None:
    places, others = Places(OWN), Places(f"not-{OWN}")

    with process_of(places, "manager", tmp_path, options) as process:
        assert processes_of(places, "manager") == [process.pid]
        assert processes_of(places, "keeper") == processes_of(others, "manager") == []


def test_a_child_that_has_yet_to_execute_its_program_is_no_manager(tmp_path: Path) -> None:
    places = Places(OWN)

    with process_of(
        places, "manager", tmp_path, program="import os, sys\nos.fork()\nsys.stdin.read()\n"
    ) as it:
        children = Path(f"/proc/{it.pid}/task/{it.pid}/children")
        eventually(children.read_text, 30, "a child")
        assert processes_of(places, "manager") == [it.pid]


@contextmanager
def sleeping() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "1000"]) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_process_is_stopped_until_it_goes_on() -> None:
    with sleeping() as process:
        assert not is_stopped(process.pid)
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: is_stopped(process.pid), 30, "it is stopped")
        process.send_signal(signal.SIGCONT)
        eventually(lambda: not is_stopped(process.pid), 30, "it goes on")


def test_a_process_stands_still_that_was_stopped_at_each_look_for_a_while() -> None:
    standstill = Standstill()
    with sleeping() as process:
        before = standstill.lasts(process.pid, 0.0)
        stop(process.pid)
        stopped = [standstill.lasts(process.pid, at) for at in (90.0, 90.1, 90.0 + STANDSTILL_S)]

    assert (before, stopped) == (False, [False, False, True])


def test_a_process_that_goes_on_in_between_does_not_stand_still() -> None:
    standstill = Standstill()
    with sleeping() as process:
        stop(process.pid)
        standstill.lasts(process.pid, 0.0)
        process.send_signal(signal.SIGCONT)
        eventually(lambda: not is_stopped(process.pid), 30, "it goes on")
        standstill.lasts(process.pid, 1.0)
        stop(process.pid)
        again = standstill.lasts(process.pid, STANDSTILL_S)

    assert not again


def test_a_process_that_was_stopped_again_before_the_next_look_does_not_stand_still() -> None:
    standstill = Standstill()
    with sleeping() as process:
        stop(process.pid)
        standstill.lasts(process.pid, 0.0)
        process.send_signal(signal.SIGCONT)
        stop(process.pid)
        again = standstill.lasts(process.pid, STANDSTILL_S)
        later = standstill.lasts(process.pid, 2 * STANDSTILL_S)

    assert (again, later) == (False, True)


def test_another_process_begins_a_standstill_of_its_own() -> None:
    standstill = Standstill()
    with sleeping() as one, sleeping() as other:
        stop(one.pid, other.pid)
        standstill.lasts(one.pid, 0.0)
        seen = standstill.lasts(other.pid, STANDSTILL_S)

    assert not seen


def test_a_process_ends_by_the_signal_that_it_is_sent() -> None:
    with sleeping() as process:
        end([process.pid], by=signal.SIGKILL)

    assert process.returncode == -signal.SIGKILL
    assert not is_stopped(process.pid)

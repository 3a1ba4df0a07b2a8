"""Checks of a cloud's own processes: its keeper, its managers, and the socket that these answer on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from manager.api.errors import SetupFailed
from manager.api.places import Places
from manager.host import keeper, systemd
from manager.host.access import access_fault, ensure_group, give_access, group_id
from manager.host.checks.finding import Finding, fail, ok, warn
from manager.host.holds import held_s, lift_hold
from manager.host.keeper import MANAGERS
from manager.host.liveness import end_stuck, eventually, has_standby, is_up
from manager.host.processes import end_processes, is_stopped, processes_of
from manager.host.telling import simplecloud

ROOT = 0
START_S = 15.0


@dataclass(frozen=True, slots=True)
class Processes:
    """A cloud's processes as seen just now.

    known: it has settings.  begun: it was started and not taken down since.  answers: a manager does, on
    the socket; socket: that is there.  stopped: those of both kinds that a signal has stopped: they do not
    run, and nobody starts others.  held_s: for how long a drill still keeps managers from being started.
    access: what is wrong with who may reach the socket; "" while there is no group that could.
    """

    known: bool
    begun: bool
    keepers: tuple[int, ...]
    managers: tuple[int, ...]
    socket: bool
    answers: bool
    stopped: tuple[int, ...] = ()
    held_s: float = 0.0
    access: str = ""


def processes_now(places: Places, *, known: bool) -> Processes:
    keepers, managers = processes_of(places, "keeper"), processes_of(places, "manager")
    stopped, group = tuple(filter(is_stopped, [*keepers, *managers])), group_id()
    return Processes(
        known=known,
        begun=places.run.exists(),
        keepers=tuple(pid for pid in keepers if pid not in stopped),
        managers=tuple(pid for pid in managers if pid not in stopped),
        socket=places.socket.exists(),
        answers=is_up(places),
        stopped=stopped,
        held_s=held_s(places),
        access=access_fault(places, ROOT, group) if group is not None else "",
    )


def is_running(seen: Processes) -> bool:
    """Return whether the cloud is meant to be up on this machine now."""
    return bool(seen.begun or seen.keepers or seen.managers or seen.stopped)


def check_processes(places: Places, seen: Processes) -> Iterator[Finding]:
    """Yield whether the cloud is up, or why it is not."""
    if not is_running(seen):
        words = "down" if seen.known else "never started"
        yield ok("cloud", f"{places.cloud}: {words}; {simplecloud(places, 'up')} starts it")
        return
    yield _keeper(places, seen)
    yield _managers(places, seen)
    yield _socket(places, seen)
    if seen.stopped:
        pids = ", ".join(map(str, seen.stopped))
        yield _unwell(places, "stopped", f"by a signal, and doing nothing: {pids}")


def _unwell(places: Places, name: str, fact: str) -> Finding:
    """Return a finding that is mended by starting what is not there."""
    return fail(name, fact, simplecloud(places, "doctor --fix"), partial(_start, places))


def _keeper(places: Places, seen: Processes) -> Finding:
    if seen.keepers:
        return ok("keeper", f"process {seen.keepers[0]} keeps the managers running")
    return _unwell(places, "keeper", "none runs: nobody restarts managers")


def _managers(places: Places, seen: Processes) -> Finding:
    pids = ", ".join(map(str, seen.managers))
    fact = f"{len(seen.managers)} of {MANAGERS} run" + (f": processes {pids}" if pids else "")
    if seen.held_s and len(seen.managers) < MANAGERS:
        return _unwell(places, "managers", f"{fact}; a drill holds them down for {seen.held_s:.0f} s more")
    if len(seen.managers) > MANAGERS:
        return _unwell(places, "managers", f"{fact}; more than one may lead")
    if len(seen.managers) == MANAGERS:
        return ok("managers", fact)
    if seen.managers:
        then = "" if seen.stopped else "; the keeper starts the other"
        fix = simplecloud(places, "doctor --fix")
        return warn("managers", f"{fact}{then}", fix, partial(_start, places))
    return _unwell(places, "managers", f"{fact}; workers keep serving")


def _socket(places: Places, seen: Processes) -> Finding:
    if seen.access:
        fix = simplecloud(places, "doctor --fix")
        return fail("socket", seen.access, fix, partial(_give_access, places))
    if seen.answers:
        return ok("socket", f"a manager answers on {places.socket}")
    if not seen.socket:
        return _unwell(places, "socket", f"{places.socket} is not there")
    return _unwell(places, "socket", f"{places.socket.name} is stale: nobody answers on it")


def _give_access(places: Places) -> str:
    """Root and the group reach a manager; returns what was done. Raises SetupFailed."""
    done = give_access(places, ROOT, ensure_group())
    return done if is_up(places) else f"{done}; {_start(places)}"


def _end_crowd(places: Places) -> None:
    """No more managers are there than shall be: nobody can tell which of them are the right ones."""
    if len(processes_of(places, "manager")) > MANAGERS:
        end_processes(places, "keeper", "manager")


def _start(places: Places) -> str:
    """A keeper runs, two managers, and one of them answers. Raises SetupFailed."""
    if not places.run.exists():
        keeper.spawn(places, "boot").wait()  # ends the lost; parts need more in there than its locks
    _end_crowd(places)
    lift_hold(places)
    end_stuck(places)
    if not processes_of(places, "keeper"):
        if systemd.is_enabled(places):
            systemd.enable(places)
        else:
            keeper.spawn(places, "keeper")
    if not eventually(partial(has_standby, places), START_S):
        hint = f"tail {places.log}/manager-1.log"
        raise SetupFailed(f"no manager answers within {START_S:.0f} s", hint=hint)
    return "keeper and managers run"

"""`crash`: end a part with SIGKILL, as a fault would, and let the cloud show what it does about it.

Infrastructure is killed as a process and not through `docker kill`: Docker does not bring back what it was
told to kill.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from manager.api.arguments import Arguments
from manager.api.documents import document
from manager.api.errors import CloudError, UsageError, WorkerNotFound
from manager.api.places import Places
from manager.engine.contract import Engine
from manager.host.holds import hold
from manager.host.keeper import MANAGERS, manager_pid_file, running_pid
from manager.host.parts import part_name
from manager.host.settings import Settings
from manager.journal import Journal
from manager.loop.reconcile import Reconciler
from manager.server import Call
from manager.service.dispatch import Answer
from manager.service.targets import resolve_target, workers_of
from manager.service.waiting import until_shown
from manager.state.model import container_name
from manager.state.world import World


@dataclass(frozen=True, slots=True)
class Drill:
    """Who is about to be killed, and what does it."""

    victims: Sequence[str]
    strike: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Drills:
    """The `crash` command."""

    places: Places
    settings: Settings
    engine: Engine
    reconciler: Reconciler
    journal: Journal

    def crash(self, call: Call, arguments: Arguments) -> Answer:
        drill = self._drill(call, arguments)
        if arguments.flag("dry_run"):
            return document("Plan", {"steps": [f"kill {victim}" for victim in drill.victims]})
        drill.strike()
        return document("Result", {"message": f"killed: {', '.join(drill.victims)}"})

    def _drill(self, call: Call, arguments: Arguments) -> Drill:
        """Return what the arguments ask for; raises CloudError when there is nobody to kill."""
        what, number = arguments.text("part") or "", arguments.whole("n")
        for_s = arguments.number("for")
        match what:
            case "manager":
                return self._managers(call, for_s)
            case "proxy":
                return self._part(part_name(self.places.cloud, "proxy"), "proxy", for_s)
            case "etcd":
                return self._etcd(number or 1, for_s)
            case _:
                return self._workers(call, what, for_s)

    def _managers(self, call: Call, for_s: float | None) -> Drill:
        """The leader dies; to be without a manager for a while, so do all, once this is answered."""
        pids = [os.getpid()]
        if for_s:
            files = (manager_pid_file(self.places, number) for number in range(1, MANAGERS + 1))
            pids = sorted({pid for file in files if (pid := running_pid(file))} - {*pids}) + pids

        def strike() -> None:
            if for_s:
                hold(self.places, for_s)
            call.after = lambda: _kill(pids)

        return Drill([f"manager {pid}" for pid in pids], strike)

    def _etcd(self, number: int, for_s: float | None) -> Drill:
        count = len(self.settings.etcd_ports)
        if self.settings.own_etcd:
            where = ", ".join(self.settings.own_etcd)
            raise UsageError(f"this cloud uses an etcd of your own, at {where}", hint="crash proxy -y")
        if number > count:
            raise UsageError(
                f"etcd has {count} member{'s' * (count > 1)}", hint="crash etcd 1 -y", word=str(number)
            )
        return self._part(part_name(self.places.cloud, "etcd", number), f"etcd member {number}", for_s)

    def _part(self, name: str, words: str, for_s: float | None) -> Drill:
        part = next((part for part in self.engine.parts.list() if part.name == name), None)
        if part is None or not part.pid:
            raise CloudError(f"{words} does not run", hint="status")
        pid = part.pid

        def strike() -> None:
            if for_s:
                hold(self.places, for_s, name)
                self.engine.kill(name)  # Docker leaves it down; the manager starts it when the time is over
            else:
                os.kill(pid, signal.SIGKILL)
            self.journal.note(f"{words} was killed by a drill")

        return Drill([f"{words} (process {pid})"], strike)

    def _workers(self, call: Call, word: str, for_s: float | None) -> Drill:
        picture = self.reconciler.seen()
        name, slot = resolve_target(word, picture.world)
        records = workers_of(picture.world, name, slot)
        running = [record for record in records if record.key in picture.world.containers]
        if not running:
            raise WorkerNotFound(f"{word} has no running worker", hint=f"ps {name}")

        def strike() -> None:
            for record in running:
                container = container_name(self.places.cloud, record.key)
                if for_s:
                    hold(self.places, for_s, container)
                self.engine.kill(container)
                self.journal.note("killed by a drill", app=record.app, worker=record.key.label)
            killed = {picture.world.containers[record.key].id for record in running}
            until_shown(self.reconciler, call, lambda world: not _run(world, killed))

        return Drill([record.key.label for record in running], strike)


def _run(world: World, ids: Collection[str]) -> bool:
    """Return whether one of these containers runs, as far as is known."""
    return any(found.id in ids and found.state == "running" for found in world.containers.values())


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

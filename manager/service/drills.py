"""`crash`: end a part with SIGKILL, as a fault would, and let the cloud show what it does about it.

Infrastructure is killed as a process and not through `docker kill`: Docker does not bring back what it was
told to kill.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from manager import wishes
from manager.api.arguments import Arguments
from manager.api.documents import document
from manager.api.errors import CloudError, UsageError, WorkerNotFound
from manager.api.places import Places
from manager.engine.contract import Engine
from manager.journal import Journal
from manager.keeper import MANAGERS, hold_file, hold_file_of, hold_text, manager_pid_file, running_pid
from manager.model import container_name
from manager.parts import part_name
from manager.reconcile import Reconciler
from manager.server import Call
from manager.service.apps import resolve_target
from manager.service.dispatch import Answer
from manager.settings import Settings, write_whole


@dataclass(frozen=True, slots=True)
class Drills:
    """The `crash` command."""

    places: Places
    settings: Settings
    engine: Engine
    reconciler: Reconciler
    journal: Journal

    def crash(self, call: Call, arguments: Arguments) -> Answer:
        what, number = arguments.text("part") or "", arguments.whole("n")
        for_s = arguments.number("for")
        match what:
            case "manager":
                return self._manager(call, for_s)
            case "proxy":
                return self._part(part_name(self.places.cloud, "proxy"), "proxy", for_s)
            case "etcd":
                return self._etcd(number or 1, for_s)
            case _:
                return self._worker(what, for_s)

    def _manager(self, call: Call, for_s: float | None) -> Answer:
        """The leader dies; to be without a manager for a while, so do all, once this is answered."""
        pids = [os.getpid()]
        if for_s:
            write_whole(hold_file(self.places), hold_text(for_s))
            files = (manager_pid_file(self.places, number) for number in range(1, MANAGERS + 1))
            pids = sorted({pid for file in files if (pid := running_pid(file))} - {*pids}) + pids
        call.after = lambda: _kill(pids)
        return document("Result", {"message": "; ".join(f"manager {pid} is killed" for pid in pids)})

    def _etcd(self, number: int, for_s: float | None) -> Answer:
        count = len(self.settings.etcd_ports)
        if self.settings.own_etcd:
            where = ", ".join(self.settings.own_etcd)
            raise UsageError(f"this cloud uses an etcd of your own, at {where}", hint="crash proxy -y")
        if number > count:
            raise UsageError(f"etcd has {count} member{'s' * (count > 1)}", hint="crash etcd 1 -y")
        return self._part(part_name(self.places.cloud, "etcd", number), f"etcd member {number}", for_s)

    def _part(self, name: str, words: str, for_s: float | None) -> Answer:
        part = next((part for part in self.engine.parts.list() if part.name == name), None)
        if part is None or not part.pid:
            raise CloudError(f"{words} does not run", hint="status")
        if for_s:
            write_whole(hold_file_of(self.places, name), hold_text(for_s))
            self.engine.kill(name)  # Docker leaves it down; the manager starts it when the time is over
        else:
            os.kill(part.pid, signal.SIGKILL)
        self.journal.note(f"{words} was killed by a drill")
        return document("Result", {"message": f"{words} (process {part.pid}) is killed"})

    def _worker(self, word: str, for_s: float | None) -> Answer:
        picture = self.reconciler.picture()
        if picture is None:
            raise CloudError("nothing has been seen of this cloud yet", hint="status")
        name, slot = resolve_target(word, picture.world)
        wishes.find(picture.world.specs, name)
        records = [r for r in picture.world.of_app(name) if slot in (None, r.slot)]
        running = [r for r in records if r.key in picture.world.containers]
        if not running:
            raise WorkerNotFound(f"{word} has no running worker", hint=f"ps {name}")
        for record in running:
            container = container_name(self.places.cloud, record.key)
            if for_s:
                write_whole(hold_file_of(self.places, container), hold_text(for_s))
            self.engine.kill(container)
            self.journal.note("killed by a drill", app=record.app, worker=record.key.label)
        names = ", ".join(record.key.label for record in running)
        return document("Result", {"message": f"killed: {names}"})


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

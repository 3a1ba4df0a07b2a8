"""`exec` and `top`: commands inside workers, and what runs there.

The streams of a command go to the client and not through the manager.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from manager.api.arguments import Arguments
from manager.api.documents import document
from manager.api.errors import Conflict, EngineError, UsageError, WorkerNotFound
from manager.engine.containers import Execution
from manager.engine.contract import Engine
from manager.engine.orders import ExecOrder
from manager.loop.reconcile import Reconciler
from manager.server import Call
from manager.service.dispatch import Answer
from manager.service.targets import Place, place_of
from manager.state.templates import require_values

POLL_S = 0.02
RESIZE_S = 1.0  # a terminal has no size before its command runs

_OWN_OPTIONS = frozenset(("-o", form) for form in ("json", "table"))
_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Inside:
    """What is done inside workers."""

    engine: Engine
    reconciler: Reconciler

    def exec(self, call: Call, arguments: Arguments) -> Answer:
        match call.request.params.get("execution"):
            case None:
                return self._make(arguments)
            case {"id": str(number), "do": "start"}:
                return self._start(call, self._known(number), tty=arguments.flag("tty"))
            case {"id": str(number), "do": "resize", "rows": int(rows), "columns": int(columns)} if (
                0 < rows < 65536 and 0 < columns < 65536
            ):
                return self._resize(self._known(number), rows, columns)
            case {"id": str(number), "do": "hang-up"}:
                found = self._known(number)
                self.engine.execs.hang_up(number)
                return _told(found)
            case {"id": str(number), "do": "wait"}:
                return self._wait(call, self._known(number))
            case _:
                raise _unusable()

    def top(self, call: Call, arguments: Arguments) -> Answer:
        place = self.place(arguments.text("target") or "")
        options = arguments.texts("ps_option")
        try:
            found = self.engine.processes(place.container, options)
        except EngineError as error:
            if not options:
                raise
            own = " ".join(options) if tuple(options) in _OWN_OPTIONS else ""  # what ps cannot print
            hint = " ".join(filter(None, ("top", own, place.worker)))
            raise EngineError(error.message.replace(place.container, place.worker), hint=hint) from error
        shown = {"worker": place.worker, "headers": found.headers, "rows": found.rows}
        return document("ProcessTable", {**shown, "notes": place.notes})

    def place(self, word: str, *, ended: bool = False) -> Place:
        """Return the worker that a target means, as `place_of` does; raises AppNotFound or WorkerNotFound."""
        return place_of(self.reconciler.seen().world, word, ended=ended)

    def _make(self, arguments: Arguments) -> Answer:
        require_values(arguments)
        place = self.place(arguments.text("target") or "")
        order = ExecOrder(
            command=arguments.texts("command"),
            stdin=arguments.flag("interactive"),
            tty=arguments.flag("tty"),
            user=arguments.text("user"),
            environment=arguments.texts("env"),
            directory=arguments.text("workdir"),
        )
        number = self.engine.execs.create(place.container, order)
        return document("Execution", {"id": number, "worker": place.worker, "notes": place.notes})

    def _known(self, number: str) -> Execution:
        """Return the command when it is one inside a worker of this cloud."""
        if not _ID.fullmatch(number):
            raise _unusable()
        found = self.engine.execs.look(number)
        if not any(worker.id == found.container_id for worker in self.engine.workers()):
            raise WorkerNotFound("the command is not one of a worker of this cloud", hint="ps")
        return found

    def _start(self, call: Call, found: Execution, *, tty: bool) -> Answer:
        try:
            streams = self.engine.execs.start(found.id, tty=tty)
        except Conflict as error:
            raise Conflict(
                "the command was started by a manager that died before it handed its streams over: "
                "it runs, or has run, unseen",
                hint="ps",
            ) from error
        call.handed.append(streams.detach())
        return _told(found)

    def _resize(self, found: Execution, rows: int, columns: int) -> Answer:
        give_up_at = time.monotonic() + RESIZE_S
        while True:
            try:
                self.engine.execs.resize(found.id, rows, columns)
                return _told(found)
            except EngineError:
                if time.monotonic() >= give_up_at:
                    raise
            time.sleep(POLL_S)

    def _wait(self, call: Call, found: Execution) -> Answer:
        """Answer once the command has ended: its streams may close before."""
        while found.exit_code is None:
            call.check()
            time.sleep(POLL_S)
            found = self.engine.execs.look(found.id)
        return _told(found)


def _unusable() -> UsageError:
    return UsageError('exec: execution is {"id":ID,"do":"start|resize|hang-up|wait"}', hint="help exec")


def _told(found: Execution) -> Answer:
    return document("Execution", {"id": found.id, "running": found.running, "code": found.exit_code})

"""A keeper runs beside the managers."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from manager.api.places import Places
from manager.host import systemd
from manager.host.keeper import keeper_pid_file, running_pid, spawn
from manager.host.processes import Standstill, end

log = logging.getLogger(__name__)


@dataclass(slots=True)
class KeeperTender:
    """Starts a keeper when the one that there was has died; after a clean end there is no pid file.

    One that a signal has stopped keeps nobody running: it is ended first.
    """

    places: Places
    start: Callable[[Places, str], object] = spawn
    clock: Callable[[], float] = time.monotonic
    _standstill: Standstill = field(default_factory=Standstill)

    def look(self) -> None:
        file = keeper_pid_file(self.places)
        pid = running_pid(file)
        if pid is not None and self._standstill.lasts(pid, self.clock()):
            log.warning("the keeper was stopped by a signal, and does nothing: ending it")
            end([pid], by=signal.SIGKILL)
            pid = None
        if systemd.is_enabled(self.places):
            return  # it restarts the keeper itself
        if file.exists() and pid is None:
            log.warning("the keeper is gone: starting another")
            self.start(self.places, "keeper")

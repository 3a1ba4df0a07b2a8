"""The life of one manager process: it stands by, leads, and ends."""

from __future__ import annotations

import logging
import logging.handlers
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from manager.api.cite import cited
from manager.api.errors import CloudError, SetupFailed
from manager.api.places import Places
from manager.core import Core
from manager.engine.contract import Watch
from manager.host import parts
from manager.host.access import ensure_group
from manager.host.liveness import proxy_answers
from manager.host.recall import keep_file, recall
from manager.host.settings import Settings
from manager.lead import REFRESH_S, HostLock, Watchdog
from manager.loop.readiness import Readiness
from manager.server import Server
from manager.service.verbs import dispatcher
from manager.store import EtcdStore
from manager.tend.keeper import KeeperTender
from manager.tend.parts import LOOK_S, PartsTender
from manager.tend.proxy import ProxyTender

SCALE_S = 2.0  # the autoscaler's tick
KEEPER_S = 3.0  # nobody waits for a keeper while the managers run
LOG_BYTES, LOG_FILES = 5 * 2**20, 2

log = logging.getLogger(__name__)


def serve(places: Places, number: int) -> int:
    """Stand by until this manager leads, lead until SIGTERM, and leave every worker as it is."""
    settings = recall(places)
    if settings is None:
        raise SetupFailed(f"the cloud {cited(places.cloud)} was never started", hint="simplecloud up")
    _log_to(places, number)
    _set_limits()
    threading.excepthook = _end_with_thread
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    store = parts.store_of(places, settings)
    keeper = Looker("tend keeper", KeeperTender(places).look, KEEPER_S)
    keeper.start()
    file = Looker("tend settings", lambda: keep_file(places, settings), KEEPER_S)
    file.start()
    lock = HostLock(places.run / "lock")
    with Watchdog(lock, store):
        vacant_s = lock.take()
    heart = Looker("heart", lock.beat, REFRESH_S)
    heart.start()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    log.info("manager %d (process %d) takes over", number, os.getpid())
    manager = Manager.build(places, settings, store)
    manager.start()
    if vacant_s is not None:
        lead = f"process {os.getpid()} leads now, {vacant_s:.1f} s after the last sign of the one before"
        manager.core.journal.note(f"manager: {lead}")
    stopping.wait()
    file.stop()  # first: `down --purge` removes what it would write again
    manager.stop()
    heart.stop()
    keeper.stop()
    return 0


def _set_limits() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # secrets pass through: no core dump may keep them
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # three for each worker stay open: with the usual 1024 no command is served beyond 330 workers
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _end_with_thread(died: threading.ExceptHookArgs) -> None:
    """End the process when one of its threads dies: half a manager is worse than the next one."""
    exc_info = (died.exc_type, died.exc_value or died.exc_type(), died.exc_traceback)
    log.critical("thread %s died: this manager ends", died.thread, exc_info=exc_info)
    logging.shutdown()
    os._exit(70)  # EX_SOFTWARE; workers and proxy do not notice, the standby leads on


def _log_to(places: Places, number: int) -> None:
    handler = logging.handlers.RotatingFileHandler(
        places.log / f"manager-{number}.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES
    )
    form = "%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, handlers=[handler])


@dataclass(slots=True)
class Looker:
    """Calls `look` every `every_s` seconds in a thread of its own until it is stopped."""

    name: str
    look: Callable[[], None]
    every_s: float = LOOK_S
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self.every_s):
            try:
                self.look()
            except (CloudError, OSError) as error:
                log.warning("%s: %s; next try in %.0f s", self.name, error, self.every_s)


class Part(Protocol):
    """What runs in threads of its own between `start` and `stop`."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


@dataclass(slots=True)
class Manager:
    """The parts of a leading manager, in the order in which they start; they stop in the reverse order.

    stirred: set whenever a container of this cloud changed.
    """

    core: Core
    running: tuple[Part, ...]
    stirred: threading.Event
    server: Server
    _watch: Watch = field(init=False)

    @classmethod
    def build(cls, places: Places, settings: Settings, store: EtcdStore) -> Manager:
        """Put a manager together; nothing runs yet."""
        core = Core.build(places, settings, store)
        stirred = threading.Event()
        tender = PartsTender(places, core.engine, parts.orders(places, settings), core.journal.note, stirred)
        proxy = ProxyTender(
            places=places,
            name=parts.part_name(places.cloud, "proxy"),
            etcd=[order.name for order in parts.etcd_orders(places, settings)],
            parts=core.engine.parts.list,
            restart=tender.restart,
            picture=core.reconciler.picture,
            answers=lambda: core.proxy.healthy() or proxy_answers(settings),
            members=core.store.members,
        )
        running = (
            core.leadership,
            core.journal,
            core.prober,
            core.reconciler,
            Looker("observe", core.observer.look),
            Looker("scale", core.scaler().look, SCALE_S),
            Looker("tell", Readiness(core.reconciler.picture, core.journal).look),
            Looker("tend parts", tender.look),
            Looker("tend proxy", proxy.look),
        )
        return cls(core, running, stirred, Server(places.socket, ensure_group(), dispatcher(core)))

    def start(self) -> None:
        for part in self.running:
            part.start()
        self._watch = self.core.engine.watch(self._stir)
        self.server.start()

    def _stir(self) -> None:
        self.stirred.set()
        self.core.reconciler.dirty.set()

    def stop(self) -> None:
        self.server.stop()
        self._watch.close()
        for part in reversed(self.running):
            part.stop()

"""One manager process: stands by, leads, and ends; here everything is put together."""

from __future__ import annotations

import logging
import logging.handlers
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from manager import parts
from manager.api.errors import SetupFailed, StoreUnavailable
from manager.api.places import Places
from manager.api.views import ProcessView, rfc3339
from manager.apply import Effects
from manager.engine.docker_engine import DockerEngine
from manager.hosts import HostsFiles
from manager.intake import Intake
from manager.journal import Journal
from manager.keeper import MANAGERS, manager_pid_file, running_pid
from manager.lead import HostLock, Leadership, Watchdog
from manager.look import Sight
from manager.measure import Observer
from manager.observe.health import Prober
from manager.observe.proxy import ProxyApi
from manager.programs.store import Programs
from manager.reconcile import Reconciler
from manager.recording import Recording
from manager.records import PROXY
from manager.scaler import Scaler
from manager.server import Server
from manager.service.apps import AppVerbs
from manager.service.changes import Changes
from manager.service.copying import Copying
from manager.service.describing import Describing
from manager.service.dispatch import Dispatcher, Verb
from manager.service.drills import Drills
from manager.service.freezing import FreezeVerbs
from manager.service.inside import Inside
from manager.service.logs import Logs
from manager.service.network import NetworkVerbs
from manager.service.reading import Reading
from manager.service.rescue import Rescue
from manager.service.revisions import RevisionVerbs
from manager.service.scaling import ScalingVerbs
from manager.service.stats import Stats
from manager.service.tracing import Tracing
from manager.service.waiting import Waiting
from manager.service.whatif import Whatif
from manager.settings import Settings, load
from manager.setup import ensure_group
from manager.store import EtcdStore, Fence, Watching
from manager.tend import Looker, PartsTender, tend_keeper
from netsetup.network import Network

SCALE_S = 2.0  # the autoscaler's tick
LOG_BYTES, LOG_FILES = 5 * 2**20, 2

log = logging.getLogger(__name__)


def serve(places: Places, number: int) -> int:
    """Stand by until this manager leads, lead until SIGTERM, and leave every worker as it is."""
    settings = load(places)
    if settings is None:
        raise SetupFailed(f"the cloud {places.cloud!r} was never started", hint="simplecloud up")
    _log_to(places, number)
    threading.excepthook = _end_with_thread
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    store = parts.store_of(places, settings)
    keeper = Looker("tend keeper", lambda: tend_keeper(places))
    keeper.start()
    lock = HostLock(places.run / "lock")
    with Watchdog(lock, store):
        lock.take()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    log.info("manager %d (process %d) takes over", number, os.getpid())
    manager = Manager.build(places, settings, store)
    manager.start()
    stopping.wait()
    manager.stop()
    keeper.stop()
    return 0


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
class Manager:
    """The parts of a leading manager, in the order in which they start; they stop in the reverse order."""

    store: EtcdStore
    engine: DockerEngine
    leadership: Leadership
    journal: Journal
    prober: Prober
    reconciler: Reconciler
    observer: Looker
    scaler: Looker
    tender: Looker
    server: Server
    _watches: list[Watching] = field(default_factory=list)

    @classmethod
    def build(cls, places: Places, settings: Settings, store: EtcdStore) -> Manager:
        """Put a manager together; nothing runs yet."""
        name = f"{os.getpid()} {rfc3339(time.time())}"
        leadership = Leadership(store, name)
        engine = DockerEngine(places.cloud)
        network = Network(places.cloud, places.tag, settings.network, settings.private_ports)
        journal = Journal(store, lambda: leadership.fence, time.time)
        dirty = threading.Event()
        prober, proxy = Prober(dirty.set), ProxyApi(settings.proxy_api_port)
        programs = Programs(places.state / "programs")
        hosts = HostsFiles(places.state / "hosts")
        sight = Sight(places.tag, settings.network, store, engine, network, hosts, prober, proxy, time.time)
        effects = Effects(
            cloud=places.cloud,
            tag=places.tag,
            store=store,
            engine=engine,
            network=network,
            programs=places.state / "programs",
            hosts=hosts,
            journal=journal,
            fence=lambda: _fence(leadership),
            clock=time.time,
        )
        reconciler = Reconciler(sight, effects, leadership, dirty)
        observer = Observer(reconciler, proxy)
        dispatcher = Dispatcher({})
        reading = Reading(
            cloud=places.cloud,
            tag=places.tag,
            settings=settings,
            store=store,
            engine=engine,
            proxy=proxy,
            reconciler=reconciler,
            measures=observer.latest,
            standbys=lambda: list(_standbys(places)),
            troubles=lambda: (reconciler.last_error, dispatcher.last_error),
            started_at=time.time(),
        )
        changes = Changes(store, leadership, reconciler, journal, time.time)
        apps = AppVerbs(
            changes, Waiting(reconciler), reconciler, Intake(engine, programs), settings.tcp_ports
        )
        drills = Drills(places, settings, engine, reconciler, journal)
        revisions = RevisionVerbs(apps, store)
        recording = Recording(places.state / "load")
        scaler = Scaler(
            reconciler, observer, network, store, lambda: leadership.fence, journal, time.time, recording
        )
        scaling = ScalingVerbs(changes, reading, store)
        rescue = Rescue(store, programs, changes, apps.waiting, reconciler, settings.tcp_ports)
        freezing = FreezeVerbs(changes, store, reconciler, journal, time.time)
        inside = Inside(engine, reconciler)
        dispatcher.verbs = {
            **_verbs(apps, revisions, rescue, scaling, reading, Logs(engine, reconciler), drills),
            "whatif": Whatif(reading, recording).whatif,
            "net": NetworkVerbs(places.tag, settings, network, reconciler, freezing.ask_again).net,
            "describe": Describing(reading, store).describe,
            "stats": Stats(reading).stats,
            "freeze": freezing.freeze,
            "thaw": freezing.thaw,
            "exec": inside.exec,
            "top": inside.top,
            "cp": Copying(engine, inside).cp,
            "trace": Tracing(places.tag, settings, network, proxy, reconciler).trace,
        }
        tender = PartsTender(places, engine, parts.orders(places, settings))
        return cls(
            store=store,
            engine=engine,
            leadership=leadership,
            journal=journal,
            prober=prober,
            reconciler=reconciler,
            observer=Looker("observe", observer.look),
            scaler=Looker("scale", scaler.look, SCALE_S),
            tender=Looker("tend parts", tender.look),
            server=Server(places.socket, ensure_group(), dispatcher),
        )

    def start(self) -> None:
        self.leadership.start()
        self.journal.start()
        self.tender.start()
        self.prober.start()
        self.reconciler.start()
        self.observer.start()
        self.scaler.start()
        dirty = self.reconciler.dirty
        self._watches = [self.engine.watch(dirty.set), self.store.watch(PROXY, dirty.set)]
        self.server.start()

    def stop(self) -> None:
        self.server.stop()
        for watch in self._watches:
            watch.close()
        for part in (
            self.tender,
            self.scaler,
            self.observer,
            self.reconciler,
            self.prober,
            self.journal,
            self.leadership,
        ):
            part.stop()


def _verbs(
    apps: AppVerbs,
    revisions: RevisionVerbs,
    rescue: Rescue,
    scaling: ScalingVerbs,
    reading: Reading,
    logs: Logs,
    drills: Drills,
) -> dict[str, Verb]:
    return {
        "run": apps.run,
        "scale": apps.scale,
        "start": apps.start,
        "stop": apps.stop,
        "restart": apps.restart,
        "rm": apps.rm,
        "update": revisions.update,
        "history": revisions.history,
        "rollback": revisions.rollback,
        "undo": revisions.undo,
        "autoscale": scaling.autoscale,
        "explain": scaling.explain,
        "adopt": rescue.adopt,
        "backup": rescue.backup,
        "restore": rescue.restore,
        "apps": reading.apps,
        "ps": reading.ps,
        "routes": reading.routes,
        "images": reading.images,
        "events": reading.events,
        "inspect": reading.inspect,
        "export": reading.export,
        "status": reading.status,
        "logs": logs.logs,
        "crash": drills.crash,
    }


def _fence(leadership: Leadership) -> Fence:
    fence = leadership.fence
    if fence is None:
        raise StoreUnavailable("this manager does not lead now", hint="status")
    return fence


def _standbys(places: Places) -> Iterator[ProcessView]:
    """Yield the managers of this cloud other than this one."""
    for number in range(1, MANAGERS + 1):
        file = manager_pid_file(places, number)
        pid = running_pid(file)
        if pid is not None and pid != os.getpid():
            yield ProcessView(pid, rfc3339(file.stat().st_mtime), "standby")

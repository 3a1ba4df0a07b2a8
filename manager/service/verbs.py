"""Which function answers which verb of the command table; here the services are put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial

from manager.api.arguments import Arguments
from manager.core import Core
from manager.host import parts
from manager.host.members import lost_words, without_data
from manager.journal import Journal
from manager.loop.reconcile import Reconciler
from manager.server import Call
from manager.service.apps import AppVerbs
from manager.service.changes import Changes
from manager.service.copying import Copying
from manager.service.describing import describe
from manager.service.dispatch import Answer, Dispatcher, Verb
from manager.service.drills import Drills
from manager.service.freezing import FreezeVerbs
from manager.service.inside import Inside
from manager.service.intake import Intake
from manager.service.logs import Logs
from manager.service.network import NetworkVerbs
from manager.service.reading import Reading
from manager.service.rescue import Rescue
from manager.service.revisions import RevisionVerbs
from manager.service.scaling import ScalingVerbs
from manager.service.secrets import SecretVerbs
from manager.service.show import Addressing
from manager.service.stats import stats
from manager.service.status import CloudStatus
from manager.service.tracing import Tracing
from manager.service.watching import Watching
from manager.service.whatif import Whatif
from manager.store.alarms import alarms


def dispatcher(core: Core) -> Dispatcher:
    """Return what answers every request to this manager."""
    answering = Dispatcher({}, partial(_unreadable, core.reconciler))
    status = _status(core, lambda: (_lost_words(core), core.reconciler.last_error, answering.last_error))
    changes = Changes(core.store, core.leadership, core.reconciler, core.journal, time.time)
    verbs = {**_changing(core, changes), **_looking(core), "status": status.status}
    answering.verbs = {**verbs, "watch": Watching(core.reconciler, verbs, status.host).watch}
    return answering


def _once_written(journal: Journal, verb: Verb) -> Verb:
    """Return the verb, carried out once the events noted before it are written."""

    def carried_out(call: Call, arguments: Arguments) -> Answer:
        journal.settle()
        return verb(call, arguments)

    return carried_out


def _unreadable(reconciler: Reconciler) -> Collection[str]:
    """Return the names of the apps of which the last picture has a record that cannot be read."""
    picture = reconciler.picture()
    return picture.world.unreadable if picture is not None else {}


def _lost_words(core: Core) -> str:
    """Return that members of etcd lack their data, with what tells more, "" where none does."""
    lost = without_data(core.places, core.settings)
    return f"{lost_words(core.places, lost)} (doctor)" if lost else ""


def _status(core: Core, troubles: Callable[[], Iterable[str]]) -> CloudStatus:
    return CloudStatus(
        cloud=core.places.cloud,
        tag=core.places.tag,
        settings=core.settings,
        store=core.store,
        engine=core.engine,
        proxy=core.proxy,
        reconciler=core.reconciler,
        measures=core.observer.latest,
        role=lambda: "leader" if core.leadership.fence is not None else "standby",
        standbys=core.standbys,
        troubles=troubles,
        alarms=partial(alarms, tls=parts.tls_of(core.places, core.settings)),
        started_at=time.time(),
    )


def _changing(core: Core, changes: Changes) -> Mapping[str, Verb]:
    """Return the verbs that change what is wanted or what is there, and their fellows."""
    tcp_ports, intake = core.settings.tcp_ports, Intake(core.engine, core.programs, core.secrets)
    apps = AppVerbs(changes, intake, tcp_ports)
    revisions = RevisionVerbs(apps)
    rescue = Rescue(changes, core.programs, core.secrets, tcp_ports)
    freezing, scaling = FreezeVerbs(changes), ScalingVerbs(changes)
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
        "freeze": freezing.freeze,
        "thaw": freezing.thaw,
        "net": NetworkVerbs(core.places.tag, core.settings, core.network, changes).net,
        "secret": SecretVerbs(core.secrets, changes).secret,
        "crash": Drills(core.places, core.settings, core.engine, core.reconciler, core.journal).crash,
    }


def _looking(core: Core) -> Mapping[str, Verb]:
    """Return the verbs that show something, and those that go into a worker."""
    addressing = Addressing(core.settings.bind, core.settings.http_port)
    latest = core.observer.latest
    reading = Reading(core.places.tag, addressing, core.store, core.engine, core.reconciler, latest)
    inside = Inside(core.engine, core.reconciler)
    tracing = Tracing(core.places.tag, core.settings, core.network, core.proxy, core.reconciler)
    return {
        "apps": reading.apps,
        "ps": reading.ps,
        "routes": reading.routes,
        "images": reading.images,
        "events": _once_written(core.journal, reading.events),
        "inspect": reading.inspect,
        "export": reading.export,
        "describe": _once_written(core.journal, partial(describe, reading)),
        "stats": partial(stats, reading),
        "whatif": Whatif(core.reconciler, core.recording).whatif,
        "trace": tracing.trace,
        "logs": Logs(core.engine, core.reconciler).logs,
        "exec": inside.exec,
        "top": inside.top,
        "cp": Copying(core.engine, inside).cp,
    }

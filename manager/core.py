"""What a leading manager works with: the edges, the loop over them, and what is measured.

Built once, in the order of their needs; `manager.service.verbs` makes from it what answers requests.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from manager import failpoint
from manager.api.documents import rfc3339
from manager.api.places import Places
from manager.api.status import ProcessView
from manager.engine.docker_engine import DockerEngine
from manager.host.holds import held_s
from manager.host.keeper import standbys
from manager.host.settings import Settings
from manager.journal import Journal
from manager.lead import Leadership
from manager.loop.apply import Effects
from manager.loop.hosts import HostsFiles
from manager.loop.look import Sight
from manager.loop.reconcile import Reconciler
from manager.observe.health import Prober
from manager.observe.proxy import ProxyApi
from manager.programs.store import Programs
from manager.scaling.measure import Observer
from manager.scaling.recording import Recording
from manager.scaling.scaler import Scaler
from manager.secrets import Secrets, secrets_of
from manager.store import EtcdStore
from netsetup.network import Network


@dataclass(frozen=True, slots=True)
class Core:
    """The long-lived parts of a manager that more than one of its other parts needs; nothing runs yet."""

    places: Places
    settings: Settings
    store: EtcdStore
    engine: DockerEngine
    network: Network
    proxy: ProxyApi
    programs: Programs
    secrets: Secrets
    leadership: Leadership
    journal: Journal
    prober: Prober
    reconciler: Reconciler
    observer: Observer
    recording: Recording

    @classmethod
    def build(cls, places: Places, settings: Settings, store: EtcdStore) -> Core:
        """Put the core of a manager together."""
        store = failpoint.on(store)
        leadership = Leadership(store, f"{os.getpid()} {rfc3339(time.time())}")
        engine = failpoint.on(DockerEngine(places.cloud, Path(settings.docker)))
        network = failpoint.on(Network(places.cloud, places.tag, settings.network, settings.private_ports))
        journal = Journal(store, lambda: leadership.fence, time.time)
        dirty = threading.Event()
        prober, proxy = Prober(dirty.set), ProxyApi(settings.proxy_api_port)
        hosts = failpoint.on(HostsFiles(places.state / "hosts"))
        sight = Sight(
            places.cloud, places.tag, settings.network, store, engine, network, hosts, prober, proxy
        )
        programs = Programs(places.programs)
        secrets = secrets_of(places)
        effects = Effects(
            cloud=places.cloud,
            tag=places.tag,
            store=store,
            engine=engine,
            network=network,
            programs=programs,
            hosts=hosts,
            secrets=secrets,
            journal=journal,
            fence=leadership.held,
            clock=time.time,
            held_s=partial(held_s, places),
        )
        reconciler = Reconciler(sight, effects, leadership, dirty)
        return cls(
            places=places,
            settings=settings,
            store=store,
            engine=engine,
            network=network,
            proxy=proxy,
            programs=programs,
            secrets=secrets,
            leadership=leadership,
            journal=journal,
            prober=prober,
            reconciler=reconciler,
            observer=Observer(reconciler, proxy, network, prober.hurry),
            recording=Recording(places.state / "load"),
        )

    def scaler(self) -> Scaler:
        """Return the autoscaler over this core."""
        return Scaler(
            reconciler=self.reconciler,
            observer=self.observer,
            store=self.store,
            fence=lambda: self.leadership.fence,
            journal=self.journal,
            clock=time.time,
            recording=self.recording,
        )

    def standbys(self) -> list[ProcessView]:
        """Return the managers that would lead after this one: none that a signal has stopped."""
        found = standbys(self.places, os.getpid())
        return [ProcessView(pid, rfc3339(at), "standby") for pid, at in found.items()]

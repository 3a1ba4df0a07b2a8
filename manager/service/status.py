"""`status`: the cloud at a glance, and what an operator should know of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass

from manager.api.arguments import Arguments
from manager.api.documents import SOME, document, rfc3339, some
from manager.api.errors import EngineError, StoreUnavailable
from manager.api.status import (
    DockerView,
    EtcdView,
    HostView,
    MemberView,
    NetworkView,
    ProcessView,
    ProxyView,
    Role,
    StatusView,
)
from manager.engine.contract import Engine
from manager.host.settings import Settings
from manager.loop.reconcile import Picture, Reconciler
from manager.observe.host_use import memory
from manager.observe.proxy import ProxyApi
from manager.scaling.measure import Measures
from manager.server import Call
from manager.service.dispatch import Answer
from manager.service.rescue import lost_notes
from manager.service.show import is_as_asked
from manager.state.records import ALL, APPS, FROZEN, WORKERS
from manager.state.world import World
from manager.store import Member, Store
from manager.store.alarms import Alarm, complaint
from netsetup.addresses import bridge_name, gateway_of


@dataclass(frozen=True, slots=True)
class CloudStatus:
    """The `status` command.

    measures: the latest observation.  alarms: those of the whole etcd, as the member at an endpoint knows
    them; raises StoreUnavailable.
    """

    cloud: str
    tag: str
    settings: Settings
    store: Store
    engine: Engine
    proxy: ProxyApi
    reconciler: Reconciler
    measures: Callable[[], Measures]
    role: Callable[[], Role]
    standbys: Callable[[], list[ProcessView]]
    troubles: Callable[[], Iterable[str]]
    alarms: Callable[[str], list[Alarm]]
    started_at: float

    def status(self, call: Call, arguments: Arguments) -> Answer:
        picture = self.reconciler.picture()
        world = picture.world if picture else None
        members = self.store.members()
        alarm = self._alarm(members)
        apps, workers, frozen = _counts(world) if world else stored(self.store)
        view = StatusView(
            cloud=self.cloud,
            manager=ProcessView(os.getpid(), rfc3339(self.started_at), self.role()),
            standbys=self.standbys(),
            etcd=self._etcd(members, takes_writes=not alarm),
            proxy=ProxyView(self.settings.proxy_url, self.proxy.healthy()),
            docker=self._docker(),
            network=NetworkView(
                intact=world is not None and world.network_intact,
                bridge=bridge_name(self.tag),
                subnet=self.settings.subnet,
                gateway=str(gateway_of(self.settings.network)),
            ),
            host=self.host(),
            converged=picture is not None and _is_as_asked(picture),
            apps=apps,
            workers=workers,
            notes=self._notes(picture, alarm),
            frozen=frozen,
        )
        return document("Status", asdict(view))

    def host(self) -> HostView:
        """Return what this machine has, and what of it was in use at the last observation."""
        used = self.measures()
        return HostView(os.cpu_count() or 1, memory().total_bytes, used.host_cores, used.host_bytes)

    def _alarm(self, members: Iterable[Member]) -> str:
        """Return what etcd complains of and what to do, "" for nothing, as a member that answers knows it."""
        endpoint = next((member.endpoint for member in members if member.healthy), None)
        try:
            told = complaint(self.alarms(endpoint)) if endpoint is not None else None
        except StoreUnavailable:
            return ""  # it is away by now, which the next status tells
        return f"etcd: {told[0]} ({told[1]})" if told else ""

    def _etcd(self, members: Iterable[Member], *, takes_writes: bool) -> EtcdView:
        views = [
            MemberView(f"etcd{number}", member.endpoint, member.healthy)
            for number, member in enumerate(members, start=1)
        ]
        # a member answers only with a quorum behind it; the store may not have noticed yet that none does
        answers = self.store.available and any(view.healthy for view in views)
        return EtcdView(answers and takes_writes, views)

    def _docker(self) -> DockerView:
        try:
            facts = self.engine.facts()
        except EngineError:
            return DockerView(healthy=False, version="", live_restore=False)
        return DockerView(healthy=True, version=facts.version, live_restore=facts.live_restore)

    def _notes(self, picture: Picture | None, alarm: str) -> list[str]:
        notes = [note for note in (alarm, *self.troubles()) if note]
        if picture is None:
            return [*notes, "nothing has been seen yet: etcd or Docker does not answer"]
        world = picture.world
        notes += [*freeze_notes(world)]
        if picture.trouble:
            notes.append(f"{picture.trouble} (for {time.time() - (picture.trouble_since or 0):.0f} s)")
        notes += lost_notes(world)
        if late := [name for name, spec in world.specs.items() if not is_as_asked(world, spec)]:
            notes.append(f"not as asked (apps tells why): {some(late)}")
        notes += [f"{key.label}: {words}" for key, words in [*world.hindered.items()][:SOME]]
        if world.unreadable:
            notes.append(f"left alone, as records cannot be read: {some(sorted(world.unreadable.values()))}")
        return notes


def _counts(world: World) -> tuple[int, int, list[str]]:
    """Return how many apps and workers there are, and what is frozen."""
    return len(world.specs), len(world.records), sorted(world.frozen & {ALL, *world.specs})


def stored(store: Store) -> tuple[int, int, list[str]]:
    """Return how many apps and workers the store has, and what is frozen, where nobody has looked yet."""
    try:
        keys = store.read(APPS, WORKERS, FROZEN).entries
    except StoreUnavailable:
        return 0, 0, []
    apps, workers, frozen = (
        [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
        for prefix in (APPS, WORKERS, FROZEN)
    )
    return len(apps), len(workers), sorted({*frozen} & {ALL, *apps})


def _is_as_asked(picture: Picture) -> bool:
    """Return whether nothing is under way, and every app is as it was asked for."""
    world = picture.world
    at_rest = picture.converged and not picture.trouble
    routed = world.live is not None or not any(spec.template.port for spec in world.specs.values())
    well = at_rest and routed and world.network_intact
    return well and all(is_as_asked(world, spec) for spec in world.specs.values())


def freeze_notes(world: World) -> Iterator[str]:
    """Yield what is frozen, each with the command that thaws it."""
    if ALL in world.frozen:
        yield "the cloud is frozen: nothing is done by itself (thaw)"
    for name in sorted(world.frozen & world.specs.keys()):
        yield f"{name} is frozen: nothing is done for it by itself (thaw {name})"

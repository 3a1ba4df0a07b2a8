"""The commands that show: from the last picture, or what Docker and the store say now."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain

from manager.api.arguments import Arguments
from manager.api.documents import SOME, document, listing, rfc3339, some, unix_seconds
from manager.api.errors import EngineError, StoreUnavailable, WorkerNotFound
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
from manager.api.views import EventView, ImageView, RouteView
from manager.engine.contract import Engine
from manager.host.settings import Settings
from manager.journal import events
from manager.loop.reconcile import Picture, Reconciler
from manager.observe.host_use import memory
from manager.observe.proxy import ProxyApi
from manager.scaling.measure import Measures
from manager.server import Call
from manager.service.dispatch import Answer
from manager.service.rescue import lost_notes
from manager.service.show import Addressing, app_view, is_as_asked, route_views, worker_views
from manager.service.targets import resolve_target
from manager.state import wishes
from manager.state.model import AppSpec, WorkerKey
from manager.state.options import run_params, usual_params
from manager.state.records import ALL, APPS, FROZEN, WORKERS, encode
from manager.state.world import World
from manager.store import Member, Store
from manager.store.alarms import Alarm, complaint
from netsetup.addresses import bridge_name, gateway_of

FOLLOW_S = 0.3


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reading commands need.

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

    @property
    def addressing(self) -> Addressing:
        return Addressing(self.settings.bind, self.settings.http_port)

    def world(self) -> World:
        """Return what the last look saw; raises StoreUnavailable before the first succeeded."""
        return self.reconciler.seen().world

    def apps(self, call: Call, arguments: Arguments) -> Answer:
        picture, measures = self.reconciler.seen(), self.measures()
        specs = named(picture.world.specs, arguments.texts("app"))
        views = [app_view(picture.world, spec, measures, self.addressing) for spec in specs]
        return _with_notes(listing("AppList", views), picture)

    def ps(self, call: Call, arguments: Arguments) -> Answer:
        picture, measures, everything = self.reconciler.seen(), self.measures(), arguments.flag("all")
        specs = named(picture.world.specs, arguments.texts("app"))
        views = (worker_views(picture.world, spec, measures, everything=everything) for spec in specs)
        return _with_notes(listing("WorkerList", chain.from_iterable(views)), picture)

    def routes(self, call: Call, arguments: Arguments) -> Answer:
        picture = self.reconciler.seen()
        specs = named(picture.world.specs, arguments.texts("app"))
        views = [view for spec in specs for view in route_views(picture.world, spec, self.addressing)]
        return _with_notes(listing("RouteList", views), picture, *silence_notes(picture.world, views))

    def images(self, call: Call, arguments: Arguments) -> Answer:
        return listing(
            "ImageList",
            (
                ImageView(
                    name, image.id.removeprefix("sha256:")[:12], image.size_bytes, rfc3339(image.created_at)
                )
                for image in self.engine.images.list()
                for name in image.references
            ),
        )

    def events(self, call: Call, arguments: Arguments) -> Answer:
        app, since_s = arguments.text("app"), arguments.number("since")
        oldest = time.time() - since_s if since_s is not None else 0.0

        def wanted(event: EventView) -> bool:
            return (app is None or event.app == app) and unix_seconds(event.at) >= oldest

        told = events(self.store)
        if app is not None and all(event.app != app for event in told):
            wishes.find(self.world().specs, app)
        views = [event for event in told if wanted(event)]
        if arguments.flag("follow"):
            self._follow_events(call, views, wanted)
        return listing("EventList", views)

    def _follow_events(self, call: Call, views: list[EventView], wanted: Callable[[EventView], bool]) -> None:
        """Send events as they come until the client hangs up."""
        last = ""
        while True:
            for view in views:
                if view.id > last:
                    call.emit("Event", **asdict(view))
                    last = view.id
            picture = self.reconciler.picture()
            self.reconciler.next_picture(picture, FOLLOW_S)
            call.check()
            views = [event for event in events(self.store) if wanted(event)]

    def export(self, call: Call, arguments: Arguments) -> Answer:
        """Return each app as the parameters of the `run` that makes it, and its copied files' sha256."""
        items = [
            {"params": run_params(spec), "files": {m.path: m.sha256 for m in spec.template.mounts}}
            for spec in named(self.world().specs, arguments.texts("app"))
            if not spec.removing
        ]
        return document("AppFile", {"items": items, "usual": usual_params()})

    def inspect(self, call: Call, arguments: Arguments) -> Answer:
        world, measures = self.world(), self.measures()
        name, slot = resolve_target(arguments.text("target") or "", world)
        spec = wishes.find(world.specs, name)
        workers = worker_views(world, spec, measures, everything=True)
        if slot is None:
            view = asdict(app_view(world, spec, measures, self.addressing))
            return document("App", {**view, "spec": plain(spec), "workers": [*map(asdict, workers)]})
        seen = next((view for view in workers if view.slot == slot), None)
        if seen is None:
            raise WorkerNotFound(f"{name} has no worker {slot}", hint=f"ps {name} -a", word=f"{name}.{slot}")
        key = WorkerKey(name, slot, seen.revision)
        stored, found = world.records.get(key), world.containers.get(key)
        record, engine = plain(stored) if stored else None, plain(found) if found else None
        return document("Worker", {**asdict(seen), "record": record, "engine": engine})

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
            notes.append(f"not yet as asked (apps tells why): {some(late)}")
        notes += [f"{key.label}: {words}" for key, words in [*world.hindered.items()][:SOME]]
        if world.unreadable:
            notes.append(f"left alone, as records cannot be read: {some(sorted(world.unreadable.values()))}")
        return notes


def _with_notes(answer: dict[str, object], picture: Picture, *more: str) -> Answer:
    """Return the answer with notes when it is from the last picture and not from now, or not of all."""
    notes = [*more, *lost_notes(picture.world)]
    if picture.trouble:
        age_s = time.time() - picture.world.now
        notes.append(f"{picture.trouble}; last known, {age_s:.0f} s ago")
    return {**answer, "notes": notes} if notes else answer


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


def silence_notes(world: World, routes: Sequence[RouteView]) -> Iterator[str]:
    """Yield that nobody knows whether the routes are live, where the proxy does not say so."""
    if routes and world.live is None:
        yield "the proxy does not say which routes it has: LIVE is not known (status)"


def freeze_notes(world: World) -> Iterator[str]:
    """Yield what is frozen, each with the command that thaws it."""
    if ALL in world.frozen:
        yield "the cloud is frozen: nothing is done by itself (thaw)"
    for name in sorted(world.frozen & world.specs.keys()):
        yield f"{name} is frozen: nothing is done for it by itself (thaw {name})"


def named(specs: Mapping[str, AppSpec], names: Sequence[str]) -> list[AppSpec]:
    """Return the specs of the named apps, each once, or of all, by name; raises AppNotFound."""
    chosen = [wishes.find(specs, name) for name in dict.fromkeys(names)] if names else specs.values()
    return sorted(chosen, key=lambda spec: spec.name)


def plain(record: object) -> object:
    """Return a record as JSON values, its times as every document has them."""
    return _with_times(json.loads(encode(record)))


def _with_times(value: object, name: str = "") -> object:
    match value:
        case dict():
            return {key: _with_times(inner, key) for key, inner in value.items()}
        case list():
            return [_with_times(inner) for inner in value]
        case float() if name == "at" or name.endswith(("_at", "_since")):
            return rfc3339(value)
        case _:
            return value

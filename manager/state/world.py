"""One immutable picture of the cloud: what is wanted, what is recorded, what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from balancer.routes import Route, Server, server_name
from manager.state.model import AppSpec, Clock, ScalingTarget, WorkerKey, WorkerRecord
from manager.state.records import ALL

if TYPE_CHECKING:
    from manager.engine.containers import Container
    from manager.observe.verdicts import Verdict
    from netsetup.port import Port

STARTUP_S = 30.0  # after this a worker that does not answer is called unready, not starting
SET_S = 1.0  # a clock that was set by less is not worth a write


@dataclass(frozen=True, slots=True)
class World:
    """What one pass looks at. `now` is unix seconds; sets and maps are by worker unless they say else.

    attached: its port is up on the bridge.  wired: and its rules are those of its record.  live: the
    servers of each app that the proxy uses at this moment, None while the proxy does not say.  inflight:
    open requests of workers that are leaving, None until that is sure.  misnamed: containers that somebody
    renamed, also one that a worker has beside its own.  busy: a slow step is under way.
    answered: has been healthy at least once.
    spec_versions: the store revision at which each app's spec was written last.
    targets: what the autoscaler wants; the specs have it already as their `want`.
    bound: the ports on the bridge as the rules have them, those of workers that nobody knows among them.
    hosts: what the files of names say that workers have as /etc/hosts.
    unreadable: the apps of which a record cannot be used, with its key: nothing of theirs is touched.
    frozen: names of apps for which nothing is done by itself; ALL among them means every app.
    hindered: what a step that is due failed at, in words.
    clock: the clock of this machine.  told_by: as it was when the times of the records were told.
    """

    now: float
    revision: int
    subnet: IPv4Network
    specs: Mapping[str, AppSpec] = field(default_factory=dict)
    records: Mapping[WorkerKey, WorkerRecord] = field(default_factory=dict)
    routes: Mapping[str, str] = field(default_factory=dict)
    containers: Mapping[WorkerKey, Container] = field(default_factory=dict)
    misnamed: Mapping[WorkerKey, Container] = field(default_factory=dict)
    attached: frozenset[WorkerKey] = frozenset()
    wired: frozenset[WorkerKey] = frozenset()
    verdicts: Mapping[WorkerKey, Verdict] = field(default_factory=dict)
    live: Mapping[str, frozenset[str]] | None = None
    inflight: Mapping[WorkerKey, int | None] = field(default_factory=dict)
    busy: frozenset[WorkerKey] = frozenset()
    answered: frozenset[WorkerKey] = frozenset()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    stray_ports: frozenset[str] = frozenset()
    bound: tuple[Port, ...] = ()
    network_intact: bool = True
    spec_versions: Mapping[str, int] = field(default_factory=dict)
    targets: Mapping[str, ScalingTarget] = field(default_factory=dict)
    hosts: Mapping[WorkerKey, str] = field(default_factory=dict)
    frozen: frozenset[str] = frozenset()
    hindered: Mapping[WorkerKey, str] = field(default_factory=dict)
    clock: Clock | None = None
    told_by: Clock | None = None
    _sorted: dict[str, list[WorkerRecord]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )
    _routed: set[tuple[str, ...]] = field(default_factory=set, init=False, compare=False, repr=False)

    def is_frozen(self, app: str) -> bool:
        return app in self.frozen or ALL in self.frozen

    @property
    def clock_set_s(self) -> float:
        """Return by how much the clock was set forward since times were told; what NTP slews is 0."""
        if self.clock is None or self.told_by is None or self.clock.boot != self.told_by.boot:
            return 0.0  # a reboot ended all that waited
        step_s = self.clock.ahead_s - self.told_by.ahead_s
        return step_s if abs(step_s) >= SET_S else 0.0

    @property
    def addresses(self) -> set[IPv4Address]:
        """Return the addresses that are recorded or in use, whatever the store has lost."""
        return {record.address for record in self.records.values()} | {port.address for port in self.bound}

    @property
    def marks(self) -> frozenset[int]:
        """Return the marks that ports on the bridge have, whatever the store has lost."""
        return frozenset(port.group for port in self.bound)

    def of_app(self, name: str) -> Sequence[WorkerRecord]:
        """Return the records of an app, by slot, the newest revision first."""
        if not self._sorted:  # once for all apps, since every one is asked for in every pass
            for record in sorted(self.records.values(), key=lambda record: (record.slot, -record.revision)):
                self._sorted.setdefault(record.app, []).append(record)
        return self._sorted.get(name, ())

    def has_routed(self, server: str, *kinds: str) -> bool:
        """Return whether some stored route, of these kinds or of any, leads to the server of that name."""
        if not self._routed:
            self._routed.update(tuple(key.split("/", 3)[:3:2]) for key in self.routes)
        return any((kind, server) in self._routed for kind in kinds or ("http", "tcp"))


def as_scaled(spec: AppSpec, target: ScalingTarget | None) -> AppSpec:
    """Return the spec with what the autoscaler wants: workers within the operator's bounds, and spares."""
    policy = spec.autoscale
    if policy is None or not spec.scales_itself:
        return spec
    want, spares = (target.want, target.spares) if target is not None else (spec.want, 0)
    if not policy.chooses_spares:
        spares = spec.spares
    return replace(spec, want=min(policy.max, max(policy.min, want)), spares=spares)


def strays(world: World) -> list[Container]:
    """Return the containers that have lost their record; those of one that cannot be read have not."""
    return [
        container
        for key, container in world.containers.items()
        if key not in world.records and key.app not in world.unreadable
    ]


def unread_words(world: World, app: str) -> str:
    """Return why nothing is done for an app of which some record cannot be read, "" for any other."""
    key = world.unreadable.get(app)
    return f"left alone: the record {key} cannot be read" if key is not None else ""


def is_left_alone(world: World, record: WorkerRecord) -> bool:
    """Return whether the worker is not brought back: its app is frozen, and it was up before.

    One that has never been up was asked for, and is still on its way there; a start that failed is part
    of that way.
    """
    ended = record.ending is not None and record.ending.container != ""
    return world.is_frozen(record.app) and (record.was_up or ended)


def is_current(spec: AppSpec, record: WorkerRecord) -> bool:
    """Return whether the worker is one that its app wants as it is."""
    return (
        record.revision == spec.revision
        and record.turn == spec.turns.get(record.slot, 0)
        and record.slot in spec.slots
    )


def is_wanted_spare(world: World, record: WorkerRecord) -> bool:
    """Return whether a spare's slot has become one of those that shall have a worker."""
    spec = world.specs.get(record.app)
    return record.spare and spec is not None and record.slot in spec.slots


def runs(world: World, record: WorkerRecord) -> bool:
    """Return whether the worker's process runs; one that is paused does not."""
    container = world.containers.get(record.key)
    return container is not None and container.state == "running"


def is_up(world: World, record: WorkerRecord) -> bool:
    """Return whether the worker's processes are there, be they paused."""
    container = world.containers.get(record.key)
    return container is not None and container.is_up


def is_connected(world: World, record: WorkerRecord) -> bool:
    """Return whether the worker's process runs and can be reached over the bridge.

    Rules that somebody flushed are put back; meanwhile nothing is in the way of requests.
    """
    return runs(world, record) and record.key in world.attached


def is_healthy(world: World, record: WorkerRecord) -> bool:
    """Return whether the worker runs, can be reached, and its last health answer was good.

    Before the first answer, what the manager before this one found is believed: a worker in the routes is
    healthy until shown otherwise, so that a new manager takes nobody out of service.
    """
    if not is_connected(world, record):
        return False
    spec = world.specs.get(record.app)
    if spec is None or spec.template_of(record.revision).health.kind == "none":
        return True
    verdict = world.verdicts.get(record.key)
    return is_published(world, record) if verdict is None else verdict.ok


def route_of(world: World, spec: AppSpec) -> Route | None:
    """Return the route that the app should have now: its healthy workers that are not leaving.

    An update that changes how the app is reached does so when the first of its workers answers, and not
    before: until then those of before serve as they did.
    """
    records, past = in_rotation(world, spec), spec.fallback
    has_begun = any(record.revision == spec.revision for record in answering(world, spec))
    place = spec if past is None or has_begun else past
    template = place.template
    if template.port is None:
        return None
    if past is not None:
        records = [record for record in records if _is_reached_by(world, spec, record, template.protocol)]
    return Route(
        app=spec.name,
        kind=template.protocol,
        hosts=place.hosts,
        paths=place.paths,
        entry_point="http" if template.protocol == "http" else f"tcp{place.tcp_port}",
        servers=tuple(_server(spec, record) for record in records),
    )


def _is_reached_by(world: World, spec: AppSpec, record: WorkerRecord, kind: str) -> bool:
    """Return whether requests of this kind may go to the worker.

    What those of an overtaken update are made from is history: they stay where they are, and come nowhere
    else.
    """
    template = spec.templates.get(record.revision)
    if template is None:
        return world.has_routed(server_name(*record.key), kind)
    return template.protocol == kind


def _server(spec: AppSpec, record: WorkerRecord) -> Server:
    health = spec.template_of(record.revision).health
    return Server(server_name(*record.key), record.endpoint, health.path if health.kind == "path" else None)


def in_rotation(world: World, spec: AppSpec) -> list[WorkerRecord]:
    """Return the workers that the proxy should send requests to."""
    return [record for record in answering(world, spec) if record.port is not None]


def answering(world: World, spec: AppSpec) -> list[WorkerRecord]:
    """Return the workers that somebody who asks the app should go to: the healthy ones that are not leaving.

    When none answers in time, those that run stay where they are: an app that is overloaded would be taken
    away by its own slowness, and 503 for everybody helps nobody. Nor are those taken away, to be brought back
    a moment later, that lost the bridge and are about to be joined to it again.
    """
    staying = [r for r in world.of_app(spec.name) if r.leaving_since is None and not r.spare]
    healthy = [record for record in staying if is_healthy(world, record)]
    there = (r for r in staying if is_connected(world, r) or _is_being_joined(world, r))
    return healthy or [record for record in there if is_published(world, record)]


def _is_being_joined(world: World, record: WorkerRecord) -> bool:
    """Return whether the worker runs without the bridge, and a step brings it back there, now or soon."""
    under_way = record.key in world.busy or not (world.network_intact or is_left_alone(world, record))
    return under_way and runs(world, record)


def is_live(world: World, record: WorkerRecord) -> bool:
    """Return whether the proxy sends requests to the worker; without the proxy's word, whether it should."""
    name = server_name(*record.key)
    if world.live is not None:
        return name in world.live.get(record.app, frozenset())
    return is_published(world, record)


def is_published(world: World, record: WorkerRecord) -> bool:
    """Return whether the worker's server stands in the routes that the proxy reads."""
    return world.has_routed(server_name(*record.key))


def missed_by_proxy(world: World) -> frozenset[WorkerKey]:
    """Return the workers for which the proxy does something else than the stored routes say."""
    records = world.records.values()
    return frozenset(r.key for r in records if is_live(world, r) != is_published(world, r))


def is_calm(world: World) -> bool:
    """Return whether no change is near that no event would tell of: all answer, the proxy has its routes."""
    answer = all(verdict.ok for verdict in world.verdicts.values())
    return answer and world.live is not None and not missed_by_proxy(world)


def is_ready(world: World, record: WorkerRecord) -> bool:
    """Return whether the worker is in service, healthy and, where its app has a route, live in the proxy.

    A proxy that has yet to learn that a route is gone still calls it live: such a worker is not ready.
    """
    spec = world.specs.get(record.app)
    if spec is None or record.leaving_since is not None or record.spare or not is_healthy(world, record):
        return False
    return spec.template.port is None or (is_published(world, record) and is_live(world, record))


def ready_slots(world: World, spec: AppSpec) -> frozenset[int]:
    """Return which of the app's slots have a ready worker, of whatever revision."""
    return frozenset(r.slot for r in world.of_app(spec.name) if is_ready(world, r)) & spec.slots

"""Pictures as the views that people and programs read; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from manager.api.documents import counted, rfc3339, sentences
from manager.api.views import AppView, RouteView, WorkerView
from manager.plan.slots import shortage
from manager.plan.spares import is_kept
from manager.scaling.measure import Measures
from manager.state.model import AppSpec, WorkerRecord
from manager.state.phase import Phase, has_arrived, last_said, phase, thaw_of, updated_slots
from manager.state.world import World, is_current, is_live, is_ready, ready_slots, unread_words

EQUAL = 1  # the weight of each worker in a route: the proxy is given none, and shares alike
LATELY_S = 300.0  # for so long the note tells of a worker that was started again
_TROUBLES = ("failed", "backoff", "unready")


@dataclass(frozen=True, slots=True)
class Addressing:
    """Where the proxy listens, for the urls of apps."""

    bind: str
    http_port: int

    def urls(self, spec: AppSpec) -> list[str]:
        """Return every address under which the app answers, its own host name first."""
        if spec.template.port is None:
            return []
        if spec.template.protocol == "tcp":
            return [f"tcp://{self.bind}:{spec.tcp_port}"]
        hosts = [f"http://{host}:{self.http_port}/" for host in spec.hosts]
        return hosts + [f"http://{self.bind}:{self.http_port}{path.rstrip('/')}/" for path in spec.paths]


def app_view(world: World, spec: AppSpec, measures: Measures, addressing: Addressing) -> AppView:
    """Return an app as a line of `apps`."""
    rates = measures.apps.get(spec.name)
    usage = [measures.usage[r.key] for r in world.of_app(spec.name) if r.key in measures.usage]
    return AppView(
        name=spec.name,
        command=list(spec.template.command),
        image=spec.template.image,
        revision=spec.revision,
        want=spec.wanted,
        ready=len(ready_slots(world, spec)),
        min=spec.autoscale.min if spec.autoscale else None,
        max=spec.autoscale.max if spec.autoscale else None,
        scaling="auto" if spec.scales_itself else "manual",
        slo_s=spec.autoscale.slo_s if spec.autoscale else None,
        rate_rps=rates.rate_rps if rates else None,
        p95_s=rates.p95_s if rates else None,
        error_ratio=rates.error_ratio if rates else None,
        cpu_cores=_sum(item.cpu_cores for item in usage),
        memory_bytes=_whole(_sum(item.memory_bytes for item in usage)),
        urls=addressing.urls(spec),
        created_at=rfc3339(spec.created_at),
        note=sentences(_freeze(world, spec), _update(world, spec), _note(world, spec, measures)),
        frozen=world.is_frozen(spec.name),
        egress=spec.template.egress,
        reaches=list(spec.template.reach),
        spares=sum(phase(world, record).state == "spare" for record in world.of_app(spec.name)),
        updated=len(updated_slots(world, spec)),
        done=sum(phase(world, record).state == "stopped" for record in world.of_app(spec.name)),
        environment=list(spec.template.environment),
    )


def is_as_asked(world: World, spec: AppSpec) -> bool:
    """Return whether no update is under way, and each wanted worker is ready or has done its work."""
    current = (record for record in world.of_app(spec.name) if is_current(spec, record))
    return not spec.is_updating and sum(has_arrived(world, record) for record in current) == spec.wanted


def _sum(numbers: Iterable[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


def _freeze(world: World, spec: AppSpec) -> str:
    return f"frozen ({thaw_of(world, spec.name)})" if world.is_frozen(spec.name) else ""


def _update(world: World, spec: AppSpec) -> str:
    if not spec.is_updating:
        return ""
    return f"updating to revision {spec.revision}: {len(updated_slots(world, spec))} of {spec.wanted}"


def _note(world: World, spec: AppSpec, measures: Measures) -> str:
    """Return what an operator should know of the app: the first that holds."""
    if spec.removing:
        return "being removed"
    if spec.stopped:
        return f"stopped; start {spec.name} brings {spec.want + len(spec.stopped_slots)} back"
    if words := unread_words(world, spec.name) or shortage(world, spec):
        return words
    seen_of_all = [(record, phase(world, record)) for record in world.of_app(spec.name)]
    phases = [(r, seen) for r, seen in seen_of_all if not r.spare or seen.state in _TROUBLES]
    for wanted in (*_TROUBLES, "starting"):
        for record, seen in phases:
            if seen.state == wanted:
                return f"{record.key.label} {seen.state}: {_reason(world, record, seen)}"
    for record, _ in phases:
        if hindrance := world.hindered.get(record.key):
            return f"{record.key.label}: {hindrance}"
    done = sum(seen.state == "stopped" for _, seen in phases)
    if done:
        return f"{done} of {spec.want} workers have done their work"
    if spec.stopped_slots:
        return f"stopped: {', '.join(spec.labels(spec.stopped_slots))}"
    if words := _restarted(world, [record for record, _ in phases]):
        return words
    target = world.targets.get(spec.name)
    if spec.autoscale is not None and target is not None:
        reason = target.reason.removeprefix("frozen; ")  # which the note says already
        return reason if spec.scales_itself else f"recommends {counted(target.want, 'worker')}: {reason}"
    return _unrouted(world, spec, measures.listening.get(spec.name))


def _restarted(world: World, records: Iterable[WorkerRecord]) -> str:
    """Return which of the workers ended of late, and how: it is ready, and may end as soon again."""
    endings = [(record.ending, record) for record in records if record.ending and record.restarts]
    lately = [(ending.at, ending, record) for ending, record in endings if world.now - ending.at < LATELY_S]
    if not lately:
        return ""
    _, ending, record = max(lately, key=lambda each: each[0])
    how = sentences(ending.told, last_said(ending.last_lines))
    return f"{record.key.label} restarted {counted(record.restarts, 'time')}: {how}"


def _unrouted(world: World, spec: AppSpec, port: int | None) -> str:
    """Return where an app without a route listens, and how it gets one unless other apps reach it without."""
    if port is None:
        return ""
    if any(spec.name in other.template.reach for other in world.specs.values()):
        return f"listens on port {port}"
    asked = f"update {spec.name} -p {port}"
    return f"listens on port {port} and has no route: {asked}    (not http: -p {port}/tcp)"


def worker_views(world: World, spec: AppSpec, measures: Measures, *, everything: bool) -> list[WorkerView]:
    """Return the lines of `ps` for an app, with `everything` those of its spares and stopped workers too."""
    records = [record for record in world.of_app(spec.name) if everything or not is_kept(spec, record)]
    views = [worker_view(world, record, measures) for record in records]
    if everything:
        all_slots = range(1, spec.want + 1) if spec.stopped else sorted(spec.stopped_slots)
        taken = {view.slot for view in views}
        views += [_stopped_view(spec, slot) for slot in all_slots if slot not in taken]
    return sorted(views, key=lambda view: (view.slot, view.revision))


def worker_view(world: World, record: WorkerRecord, measures: Measures) -> WorkerView:
    """Return one worker as a line of `ps`."""
    container = world.containers.get(record.key)
    running = container if container is not None and container.is_up else None
    seen = phase(world, record)
    usage = measures.usage.get(record.key)
    rates = measures.workers.get(record.key)
    return WorkerView(
        name=record.key.label,
        app=record.app,
        slot=record.slot,
        revision=record.revision,
        state=seen.state,
        address=record.host,
        port=record.port,
        container=container.id[:12] if container else None,
        pid=running.pid if running else None,
        started_at=rfc3339(running.started_at) if running and running.started_at else None,
        restarts=record.restarts,
        rate_rps=rates.rate_rps if rates else None,
        p95_s=rates.p95_s if rates else None,
        inflight=world.inflight.get(record.key, (measures.inflight or {}).get(record.key)),
        cpu_cores=usage.cpu_cores if usage and running else None,
        memory_bytes=usage.memory_bytes if usage and running else None,
        reason=_reason(world, record, seen),
    )


def _reason(world: World, record: WorkerRecord, seen: Phase) -> str:
    """Return why a worker is not ready, and what keeps it so, or the manager from what is due for it."""
    alone = unread_words(world, record.app) if seen.state != "ready" else ""
    return sentences(seen.reason, alone, world.hindered.get(record.key, ""))


def _stopped_view(spec: AppSpec, slot: int) -> WorkerView:
    return WorkerView(
        name=f"{spec.name}.{slot}",
        app=spec.name,
        slot=slot,
        revision=spec.revision,
        state="stopped",
        address=None,
        port=spec.template.port,
        container=None,
        pid=None,
        started_at=None,
        restarts=0,
        rate_rps=None,
        p95_s=None,
        inflight=None,
        cpu_cores=None,
        memory_bytes=None,
        reason=f"start {spec.name}.{slot}" if not spec.stopped else f"start {spec.name}",
    )


def route_views(world: World, spec: AppSpec, addressing: Addressing) -> list[RouteView]:
    """Return the lines of `routes` for an app: one per address.

    A route is live where the proxy says so; while it says nothing, nobody knows of one.
    """
    health = spec.template.health
    check = f"GET {health.path}" if health.kind in ("http", "path") else health.kind
    ready = [record for record in world.of_app(spec.name) if is_ready(world, record)]
    hosts = [f"host {host}" for host in spec.hosts] + [f"path {path}" for path in spec.paths]
    rules = hosts if spec.template.protocol == "http" else [f"port {spec.tcp_port}"]
    return [
        RouteView(
            app=spec.name,
            rule=rule,
            url=url,
            workers=[record.key.label for record in ready],
            live=world.live is not None and any(is_live(world, record) for record in ready),
            health=check,
            weights=[EQUAL] * len(ready),
        )
        for rule, url in zip(rules, addressing.urls(spec), strict=True)
    ]

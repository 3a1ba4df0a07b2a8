"""`stats`: what each running worker uses, from its control groups and its port on the bridge."""

from __future__ import annotations

from manager.api.arguments import Arguments
from manager.api.documents import listing
from manager.api.views import StatsView
from manager.engine.containers import Container
from manager.observe.consumption import consumption
from manager.server import Call
from manager.service.dispatch import Answer
from manager.service.reading import Reading
from manager.service.targets import resolve_target, workers_of
from manager.state.model import WorkerKey, WorkerRecord
from manager.state.world import World
from netsetup.counters import port_traffic


def stats(reading: Reading, call: Call, arguments: Arguments) -> Answer:
    """Return a line per running worker of the target, or of all; raises AppNotFound, WorkerNotFound.

    It is one look; the shell asks again each second.
    """
    world = reading.world()
    records = _meant(world, arguments.text("target"))
    running = [(key, world.containers.get(key)) for key in sorted(record.key for record in records)]
    views = [_view(reading, key, container) for key, container in running if container and container.pid]
    return listing("StatsList", views)


def _view(reading: Reading, key: WorkerKey, container: Container) -> StatsView:
    usage = reading.measures().usage.get(key)
    used = consumption(container.pid)
    passed = port_traffic(key.port_name(reading.tag))
    memory, limit = usage.memory_bytes if usage else None, used.memory_limit_bytes
    return StatsView(
        name=key.label,
        app=key.app,
        slot=key.slot,
        revision=key.revision,
        container=container.id[:12],
        cpu_cores=usage.cpu_cores if usage else None,
        memory_bytes=memory,
        memory_limit_bytes=limit,
        memory_ratio=memory / limit if memory is not None and limit else None,
        received_bytes=passed.received_bytes if passed else None,
        sent_bytes=passed.sent_bytes if passed else None,
        block_read_bytes=used.block_read_bytes,
        block_written_bytes=used.block_written_bytes,
        pids=used.pids,
    )


def _meant(world: World, target: str | None) -> list[WorkerRecord]:
    if target is None:
        return list(world.records.values())
    name, slot = resolve_target(target, world)
    return workers_of(world, name, slot)

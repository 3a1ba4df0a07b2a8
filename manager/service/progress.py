"""What a client that waits is told of each worker: how far it has come, on a line that grows.

web.4  created 10.200.0.14  started  ready (GET / 200 in 4 ms)  1.4 s
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from manager.plan.spares import is_kept
from manager.server import Call
from manager.state.model import WorkerRecord
from manager.state.phase import Phase, phase
from manager.state.world import World

_UNDER_WAY = ("starting", "unready", "draining")

_Worker = tuple[str, int]  # its name and its revision: in an update two have the same name
_Standing = tuple[str, str]  # its state and its line


def awaited(world: World, name: str) -> Sequence[WorkerRecord]:
    """Return the app's workers without its spares."""
    spec, records = world.specs.get(name), world.of_app(name)
    return records if spec is None else [record for record in records if not is_kept(spec, record)]


@dataclass(slots=True)
class Told:
    """What the client has been told of each worker, so that it is told what is new."""

    call: Call
    began_at: float = field(default_factory=time.monotonic)
    _told: dict[_Worker, _Standing] | None = None

    def tell(self, world: World, names: Sequence[str]) -> None:
        """Send a line of each worker that has come further since the last call.

        At first, one that is ready has been so all the time.
        """
        seen: dict[_Worker, _Standing] = {
            (record.key.label, record.revision): (phase(world, record).state, line(world, record))
            for name in names
            for record in awaited(world, name)
        }
        before = self._told
        if before is None:
            before = {key: now for key, now in seen.items() if now[0] == "ready"}
        for key, now in seen.items():
            if _is_news(now, before.get(key)):
                self._say(key, *now)
        for key in before.keys() - seen.keys():
            self._say(key, "gone", f"{key[0]}  gone")
        self._told = seen

    def _say(self, key: _Worker, state: str, words: str) -> None:
        took = "" if state in _UNDER_WAY else f"  {time.monotonic() - self.began_at:.1f} s"
        self.call.emit("Progress", text=words + took, worker=key[0], revision=key[1], state=state)


def _is_news(now: _Standing, before: _Standing | None) -> bool:
    """Return whether a worker has come further; one that is ready has, however long its last answer took."""
    return now != before and not (before is not None and before[0] == now[0] == "ready")


def line(world: World, record: WorkerRecord) -> str:
    """Return the steps that a worker has behind it, and what it waits for."""
    return "  ".join((record.key.label, *_steps(world, record, phase(world, record))))


def _steps(world: World, record: WorkerRecord, now: Phase) -> Iterator[str]:
    container = world.containers.get(record.key)
    if now.state == "draining":
        yield "leaving" if now.reason == "leaving" else f"leaving: {now.reason}"
        return
    if container is not None:
        yield f"created {record.address}"
        if container.started_at is not None:
            yield "started"
    elif now.state == "starting":
        yield "starting"
    verdict = world.verdicts.get(record.key)
    if now.state == "ready":
        yield "ready" if verdict is None else f"ready ({verdict.text})"
    elif record.ending is None and container is not None and container.has_ended:
        yield now.reason  # what comes of it is decided next
    elif now.state != "starting":
        yield f"{now.state}: {now.reason}" if now.reason else now.state
    elif verdict is not None and not verdict.ok:
        yield verdict.text

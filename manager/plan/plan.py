"""What to do next, as a pure function of one picture of the cloud.

Every step may be repeated and the manager may die between any two: the next pass, of this manager or of
the next one, looks again and goes on. The order for a worker is

    record -> rules -> container -> start -> network -> healthy -> published
    leaving -> unpublished -> gone from the proxy -> no open request or drain over -> removed -> forgotten

so that nothing exists without a record, and nothing is removed that requests may still reach. A spare stops
halfway, paused, and goes on when its slot is wanted (manager.plan.spares).

In a frozen app what the operator asks for still happens, and nothing happens by itself:

    asked for     records of new slots, of other revisions and turns; the first start of their workers, until
                  they have been up; leaving, removal, forgetting; the end of an update that succeeds
    by itself     another start of a worker that was up: it ended, was removed by hand, or lost its link;
                  the rollback of an update that fails; in a frozen cloud, mending the bridge and its rules,
                  unless a worker that was asked for is about to be joined to them

Routes follow health, and endings are noted, frozen or not: both tell what is, so that no request goes to
the dead. So is a container given its name back, by which the steps of a plan find it. The autoscaler writes
no other target (manager.scaling.scaler).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

from balancer.routes import Route, app_of, change, render
from manager.plan.clock import move_times, note_clock
from manager.plan.draft import RESYNC_S, Draft
from manager.plan.life import advance
from manager.plan.slots import add_spares, place
from manager.plan.steps import Forget, Launch, Publish, SaveRecords, SlowStep, Step, SweepPort
from manager.plan.updates import end_of_update, late_at
from manager.plan.wiring import mend, tell_names
from manager.state.model import AppSpec, WorkerKey, WorkerRecord
from manager.state.records import ALL
from manager.state.world import World, route_of

STARTS_AHEAD = 24  # under way or next: none of those that start workers ever waits for a pass


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of one pass, and the seconds after which to look again without being told.

    cramped: a wanted worker got no address.  waits: something is to be done when its time has come.
    """

    steps: tuple[Step, ...]
    look_again_s: float
    cramped: bool = False
    waits: bool = False

    @property
    def converged(self) -> bool:
        return not self.steps and self.look_again_s >= RESYNC_S and not self.cramped


def plan(world: World) -> Plan:
    """Return the steps that bring the cloud nearer to what is wanted; none when it is there."""
    if world.clock_set_s:
        return Plan((move_times(world),), 0.0)
    draft = Draft()
    specs = _readable(world)
    for spec in specs.values():
        place(world, spec, draft)
        _end_update(world, spec, draft)
    for record in world.records.values():
        if record.key not in world.busy and record.app in specs:
            advance(world, specs[record.app], record, draft)
    add_spares(world, specs, draft)
    for spec in specs.values():
        if spec.removing and not world.of_app(spec.name):
            draft.removed.append(spec.name)
    return _ordered(world, draft)


def _readable(world: World) -> dict[str, AppSpec]:
    """Return the specs of the apps of which every record can be read."""
    return {name: spec for name, spec in world.specs.items() if name not in world.unreadable}


def _ordered(world: World, draft: Draft) -> Plan:
    """Return the draft as steps: mend, record, tell names and routes, then the slow ones, then forget."""
    steps: list[Step] = [mend(world)] if _mends(world, draft) else []
    steps += draft.specs
    if draft.saves:
        steps.append(SaveRecords(tuple(draft.saves), _save_reason(world, draft.saves)))
    after = draft.applied_to(world)
    steps += filter(None, (tell_names(after), _publish(after)))
    steps += _in_turn(world, draft.slow)
    steps += [SweepPort(name) for name in sorted(world.stray_ports)]
    if draft.forgets or draft.removed:
        names = [key.label for key in draft.forgets] + draft.removed
        steps.append(Forget(tuple(draft.forgets), tuple(draft.removed), f"gone: {', '.join(names)}"))
    steps += filter(None, [note_clock(world)])  # last: a full store keeps no worker from starting
    again_s = draft.look_again_s
    return Plan(tuple(steps), min(RESYNC_S, again_s), draft.cramped, waits=math.isfinite(again_s))


def _in_turn(world: World, slow: list[SlowStep]) -> list[SlowStep]:
    """Return the steps with no more starts than keep Docker busy, those of apps that start fewest first.

    The rest wait for their turn in a later pass: whoever asks for one worker does not stand behind hundreds,
    and what is wanted no more is not started first. What mends a running worker does not wait.
    """
    ahead = Counter(record.app for key in world.busy if (record := _starting(world, key)) is not None)
    room = max(0, STARTS_AHEAD - ahead.total())
    others: list[SlowStep] = []
    starts: list[tuple[int, Launch]] = []
    for step in slow:
        if isinstance(step, Launch) and _starting(world, step.record.key):
            starts.append((ahead[step.record.app], step))
            ahead[step.record.app] += 1
        else:
            others.append(step)
    return others + [step for _, step in sorted(starts, key=itemgetter(0))[:room]]


def _starting(world: World, key: WorkerKey) -> WorkerRecord | None:
    """Return the record of a worker that does not run yet."""
    record, container = world.records.get(key), world.containers.get(key)
    return record if container is None or not container.is_up else None


def _mends(world: World, draft: Draft) -> bool:
    """Return whether the network is mended now; in a frozen cloud only for a worker that was asked for."""
    thawed = ALL not in world.frozen
    return not world.network_intact and (thawed or any(isinstance(step, Launch) for step in draft.slow))


def _save_reason(world: World, saves: list[WorkerRecord]) -> str:
    told: dict[str, list[str]] = {}
    for record in saves:
        told.setdefault(_change_of(world.records.get(record.key), record), []).append(record.key.label)
    return "; ".join(f"{words}: {', '.join(labels)}" for words, labels in told.items())


def _change_of(before: WorkerRecord | None, record: WorkerRecord) -> str:
    if record.leaving_since is not None:
        return "leaving"
    if before is None:
        return "new spare" if record.spare else "new"
    if record.spare != before.spare:
        return "a spare from now on" if record.spare else "wanted"
    return "up, and frozen"


def _end_update(world: World, spec: AppSpec, draft: Draft) -> None:
    """Draft the end of an update that is through, or that has failed; else look again in time."""
    if not spec.is_updating:
        return
    ended = end_of_update(world, spec)
    if ended is not None:
        draft.specs.append(ended)
    else:
        draft.again_in(late_at(world, spec) - world.now)


def _publish(world: World) -> Publish | None:
    """Return the change that makes the stored routes those of the healthy workers, or None."""
    wanted = _kept(world) | render(_routes(world))
    if wanted == world.routes:
        return None
    difference = change(world.routes, wanted)
    touched = {app_of(key) for key in (*difference.puts, *difference.deletes)}
    names = sorted(name or "the proxy's root" for name in touched)
    return Publish(difference, f"routes of {', '.join(names)}")


def _kept(world: World) -> dict[str, str]:
    """Return the routes of the apps of which some record cannot be read."""
    if not world.unreadable:
        return {}
    return {key: value for key, value in world.routes.items() if app_of(key) in world.unreadable}


def _routes(world: World) -> Iterator[Route]:
    for spec in _readable(world).values():
        route = None if spec.removing and not world.of_app(spec.name) else route_of(world, spec)
        if route is not None:
            yield route

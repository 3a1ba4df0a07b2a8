"""Waiting until apps are as they are wanted, while telling the client what happens."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from manager.api.arguments import Arguments
from manager.api.documents import counted
from manager.api.errors import Conflict, WaitTimedOut, WorkersFailed
from manager.loop.reconcile import Picture, Reconciler
from manager.plan.slots import is_placed, shortage
from manager.plan.updates import late_at
from manager.server import Call
from manager.service.changes import Made
from manager.service.progress import Told, awaited
from manager.state.ending import HOPELESS, Ending
from manager.state.model import AppSpec, WorkerRecord
from manager.state.phase import has_arrived, phase, thaw_of
from manager.state.world import World, is_current, is_left_alone, is_ready

WAIT_S = 60.0
SEEN_S = 10.0  # a look takes seconds on a full machine; a Docker that hangs holds nobody up for longer
LOOK_S = 0.1
PROOF_S = 0.5  # a worker without a health check is ready once it has run that long: many end at once


def until_settled(reconciler: Reconciler, call: Call, made: Made, arguments: Arguments) -> str:
    """Return a sentence once the apps are settled; raises WorkersFailed, Conflict or WaitTimedOut."""
    names = list(made.apps)
    started, began_at = time.monotonic(), time.time()
    if arguments.flag("detach"):
        until_seen(reconciler, call, made.revision, partial(_are_placed, names))
        return f"{', '.join(names)}: on its way"
    asked_s = arguments.number("wait")
    limit_s = WAIT_S if asked_s is None else asked_s
    picture, told = reconciler.picture(), Told(call)
    while picture is None or not _are_settled(reconciler, picture, made, began_at):
        if time.monotonic() - started > limit_s:
            raise too_late(picture, names, limit_s, made.revision, is_new=call.request.method == "run")
        if picture is not None and picture.world.revision >= made.revision:
            told.tell(picture.world, names)
        picture = reconciler.next_picture(picture, LOOK_S)
        call.check()
    told.tell(picture.world, names)
    took_s = time.monotonic() - started
    return "; ".join(summary(picture.world, name, made) for name in names) + f" ({took_s:.1f} s)"


def _are_settled(reconciler: Reconciler, picture: Picture, made: Made, began_at: float) -> bool:
    """Return whether a look of after the change found every app as wanted."""
    if picture.world.revision < made.revision:
        return False
    for name in made.apps:
        raise_when_overtaken(picture.world, name, made)
        _raise_when_hopeless(picture.world, name, began_at)
    if not all(is_settled(picture.world, name) for name in made.apps):
        return False
    if all(has_lasted(picture.world, name, picture.world.now) for name in made.apps):
        return True
    if all(has_lasted(picture.world, name, time.time()) for name in made.apps):
        reconciler.dirty.set()  # what ran at the look may have ended since: only another one tells
    return False


def until_seen(
    reconciler: Reconciler, call: Call, revision: int, follows: Callable[[World], bool] = lambda _: True
) -> None:
    """Return once a look has found this revision of the store, and what follows from it; as `until_shown`."""
    until_shown(reconciler, call, lambda world: world.revision >= revision and follows(world))


def until_shown(
    reconciler: Reconciler,
    call: Call,
    shows: Callable[[World], bool],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Return once a look shows what a command did, so that whoever asks next sees it.

    Not once a look has failed since, and for no longer than SEEN_S.
    """
    picture = before = reconciler.picture()
    ends_at = clock() + SEEN_S
    while picture is None or not shows(picture.world):
        has_failed = picture is not None and picture is not before and picture.trouble
        if has_failed or clock() > ends_at:
            return
        picture = reconciler.next_picture(picture, LOOK_S)
        call.check()


def _are_placed(names: Iterable[str], world: World) -> bool:
    """Return whether nobody need wait for records of these apps; what cannot be read gets none."""
    specs = [world.specs[name] for name in names if name in world.specs and name not in world.unreadable]
    return all(is_placed(world, spec) for spec in specs)


def has_lasted(world: World, name: str, now: float) -> bool:
    """Return whether no worker of an app without a health check has only just begun to run.

    A look may fall between the start of a command and its end a few milliseconds later.
    """
    spec = world.specs.get(name)
    if spec is None or spec.template.health.kind != "none":
        return True
    started = (world.containers[r.key].started_at for r in world.of_app(name) if is_ready(world, r))
    return all(at is None or not 0 <= now - at < PROOF_S for at in started)


def is_settled(world: World, name: str) -> bool:
    """Return whether the app has exactly the workers it wants, each ready or at its own end.

    One that a freeze keeps from coming back counts as at its end: nobody need wait for it. Nor for spares.
    """
    records, spec = world.of_app(name), world.specs.get(name)
    if spec is None or spec.removing:
        return spec is None and not records
    if spec.is_updating:
        return False
    others = awaited(world, name)
    mine = [record for record in others if is_current(spec, record)]
    done = sum(_is_done(world, record) for record in mine)
    return done == spec.wanted and len(others) == len(mine)


def _is_done(world: World, record: WorkerRecord) -> bool:
    state = phase(world, record).state
    alone = is_left_alone(world, record) and state in ("backoff", "failed", "unready")
    return alone or has_arrived(world, record)


def raise_when_overtaken(world: World, name: str, made: Made) -> None:
    """Raise Conflict when another command was later: there will be fewer workers, or it took the change back.

    More of them are no failure, and how many there are of an app that scales itself is not for commands.
    """
    asked, revision = made.apps[name]
    spec, hint = world.specs.get(name), f"events --app {name}"
    if not asked:
        return
    if spec is None or spec.removing:
        raise Conflict(f"{name} was removed meanwhile, by another command", hint=hint)
    if spec.stopped:
        raise Conflict(f"{name} was stopped meanwhile, by another command", hint=f"start {name}")
    if spec.wanted < asked and not spec.scales_itself:
        raise Conflict(_wanted_instead(spec), hint=hint)
    rolled_back = spec.rolled_back.revision if spec.rolled_back is not None else 0
    if max(spec.revision, rolled_back) < revision:
        raise Conflict(
            f"revision {revision} of {name} was taken back meanwhile, by another command", hint=hint
        )


def _wanted_instead(spec: AppSpec) -> str:
    now = f"{counted(spec.wanted, 'worker')} of revision {spec.revision}"
    return f"{spec.name}: another command wants {now} meanwhile"


def _raise_when_hopeless(world: World, name: str, began_at: float) -> None:
    """Raise WorkersFailed when an update was taken back, or a worker ended again and again, since then."""
    spec = world.specs.get(name)
    if spec is None:
        return
    failed = spec.rolled_back
    if failed is not None and failed.at >= began_at:
        raise WorkersFailed(
            f"revision {failed.revision} of {name} was rolled back to {spec.revision}: "
            f"{failed.reason}{_below(failed.last_lines)}",
            hint=f"events --app {name}",
        )
    if spec.is_updating and not world.is_frozen(name):
        return  # the plan gives the update up, and says so
    for record in world.of_app(name):
        if record.ending is not None and record.ending.at >= began_at and is_current(spec, record):
            _raise_when_down(world, record, record.ending)


def _raise_when_down(world: World, record: WorkerRecord, ending: Ending) -> None:
    """Raise WorkersFailed when nobody need wait for a worker that has ended like this."""
    app, state = record.app, phase(world, record).state
    if state == "backoff" and is_left_alone(world, record):
        raise WorkersFailed(
            f"{record.key.label} ended, and {app} is frozen: {ending.words}", hint=thaw_of(world, app)
        )
    if state == "failed" or (state == "backoff" and record.failures >= HOPELESS):
        raise WorkersFailed(
            f"{record.key.label} does not stay up: {ending.words}{_below(ending.last_lines)}",
            hint=ending.remedy or f"logs {app}    (or: rm {app} -y)",
        )


def _below(lines: Iterable[str]) -> str:
    """Return what a worker printed last, each line below the sentence."""
    return "".join(f"\n  | {line}" for line in lines)


def too_late(
    picture: Picture | None, names: list[str], limit_s: float, revision: int = 0, *, is_new: bool = False
) -> WaitTimedOut:
    """Return the error for a wait that ends: what it waited for, what comes of it, how to take it back.

    revision: of the change; a picture from before it tells nothing of what was asked for.
    """
    unknown = f"{', '.join(names)} did not get ready", f"logs {names[0]}"
    what, hint = next(_hindrances(picture, names, revision), unknown)
    is_seen = picture is not None and picture.world.revision >= revision
    outlooks = [*_outlooks(picture.world, names)] if picture and is_seen else []
    other = f"rm {names[0]} -y" if is_new else f"undo {names[0]}" if outlooks else f"ps {names[0]}"
    words = "; ".join([what, *outlooks])
    return WaitTimedOut(f"not ready within {limit_s:g} s: {words}", hint=f"{hint}    (or: {other})")


def _hindrances(picture: Picture | None, names: list[str], revision: int) -> Iterator[tuple[str, str]]:
    """Yield what keeps the apps from being ready, each with the command that tells more."""
    if picture is None:
        yield "nothing has been seen yet: etcd or Docker does not answer", "status"
        return
    if picture.trouble:
        yield picture.trouble, "status"
    world = picture.world
    if world.revision < revision:
        yield f"{', '.join(names)} on the way", f"events --app {names[0]}"
        return
    for name in names:
        if name in world.specs and (words := shortage(world, world.specs[name])):
            yield f"{name} lacks workers: {words}", _makes_room(world.specs[name])
    for name in names:
        seen = [(record, phase(world, record)) for record in awaited(world, name)]
        for record, now in seen:
            if now.state not in ("ready", "draining"):
                yield f"{record.key.label} {now.state}: {now.reason}", _mends(world, record)
        for record in world.of_app(name):
            if hindrance := world.hindered.get(record.key):
                yield f"{record.key.label}: {hindrance}", f"events --app {name}"
        if leaving := sum(now.state == "draining" for _, now in seen):
            yield f"{counted(leaving, 'worker')} of {name} still to leave", f"events --app {name}"


def _mends(world: World, record: WorkerRecord) -> str:
    """Return the command that names the port on which the worker listens; without one, what tells of it."""
    verdict = world.verdicts.get(record.key)
    if verdict is None or verdict.other_port is None:
        return f"logs {record.app}"
    return f"update {record.app} -p {verdict.other_port}"


def _makes_room(spec: AppSpec) -> str:
    """Return the command that finds an address: an update in an order that needs no more, or who has them."""
    starts_first = spec.is_updating and spec.order == "start-first"
    return f"update {spec.name} --order stop-first" if starts_first else "apps --sort want"


def _outlooks(world: World, names: list[str]) -> Iterator[str]:
    """Yield what becomes of each update that is under way."""
    for name in names:
        spec = world.specs.get(name)
        if spec is None or not spec.is_updating:
            continue
        if world.is_frozen(name):
            yield f"{name} is frozen: {thaw_of(world, name)} lets the update go on"
        else:
            left_s = late_at(world, spec) - world.now
            end = "" if left_s == math.inf else f", and is rolled back unless that changes in {left_s:.0f} s"
            yield f"the update goes on{end}"


def summary(world: World, name: str, made: Made) -> str:
    """Return how an app is; when another command changed it meanwhile, that is not all that was asked."""
    spec = world.specs.get(name)
    if spec is not None and made.apps[name] != (spec.wanted, spec.revision) and not spec.scales_itself:
        return f"{_wanted_instead(spec)} (events --app {name})"
    if spec is None:
        return f"{name}: removed"
    if spec.stopped:
        return f"{name}: stopped"
    records = awaited(world, name)
    away = sum(is_left_alone(world, record) and not is_ready(world, record) for record in records)
    if away:
        ready, alone = f"{spec.wanted - away} of {spec.wanted} workers ready", thaw_of(world, name)
        return f"{name}: {ready}, {away} left as {'it is' if away == 1 else 'they are'}: frozen ({alone})"
    ended = sum(phase(world, record).state == "stopped" for record in records)
    if ended:
        return f"{name}: {ended} of {spec.wanted} workers have done their work"
    return f"{name}: {spec.wanted} of {spec.wanted} workers ready"

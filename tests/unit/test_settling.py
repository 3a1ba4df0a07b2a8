"""What a command says that waits for apps to be as they are wanted."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from itertools import count
from threading import Event
from types import SimpleNamespace
from typing import cast

import pytest

from manager.api.arguments import Arguments
from manager.api.errors import Conflict, WorkersFailed
from manager.api.places import Places
from manager.host.settings import Settings
from manager.journal import Journal
from manager.loop.reconcile import Picture, Reconciler
from manager.observe.verdicts import Verdict
from manager.plan.updates import UPDATE_LIMIT_S
from manager.server import Call
from manager.service.changes import Made
from manager.service.drills import Drills
from manager.service.freezing import serving_are_left_alone
from manager.service.waiting import (
    PROOF_S,
    WAIT_S,
    has_lasted,
    raise_when_overtaken,
    summary,
    too_late,
    until_seen,
    until_settled,
    until_shown,
)
from manager.state import wishes
from manager.state.ending import Ending
from manager.state.model import AppSpec, Autoscale, Past, WorkerKey
from manager.state.records import ALL
from manager.state.templates import Health
from manager.state.world import World
from tests.fakes.engine import FakeEngine
from tests.simulation.worlds import NOW, SUBNET, TEMPLATE, a_worker, an_app, ended, known, serving

SMALLEST = IPv4Network("10.9.0.0/30")
CALL = cast(Call, SimpleNamespace(check=lambda: None))


def refused(world: World, key: WorkerKey) -> World:
    return replace(world, verdicts={**world.verdicts, key: Verdict(False, "GET / refused", NOW, 0.1)})


def seen(world: World, trouble: str = "") -> Picture:
    return Picture(world, 1, converged=False, trouble=trouble)


def looks(*worlds: World) -> list[Picture]:
    """Return the pictures of one look after the other, numbered from 0."""
    return [Picture(world, number, converged=False) for number, world in enumerate(worlds)]


def stuck() -> World:
    """Return the picture in which an update has waited 40 seconds for its first worker."""
    spec = replace(an_app(), revision=2, fallback=Past(1, TEMPLATE))
    fresh = replace(a_worker(1, 2), created_at=NOW - 40)
    return refused(serving([spec], [a_worker(1), a_worker(2), fresh]), fresh.key)


def test_a_wait_that_ends_during_an_update_says_that_it_goes_on_until_when_and_what_ends_it() -> None:
    error = too_late(seen(stuck()), ["web"], 2.0)

    assert error.message == (
        "not ready within 2 s: web.1 unready: GET / refused; "
        "the update goes on, and is rolled back unless that changes in 15 s"
    )
    assert error.hint == "logs web    (or: undo web)"


def test_a_wait_for_a_worker_that_listens_on_another_port_offers_that_port() -> None:
    elsewhere = Verdict(False, "GET / refused", NOW, 0.1, other_port=9000)
    world = replace(serving([an_app(want=1)], [a_worker(1)]), verdicts={WorkerKey("web", 1, 1): elsewhere})

    assert too_late(seen(world), ["web"], 2.0, is_new=True).hint == "update web -p 9000    (or: rm web -y)"


def test_of_an_app_that_was_stopped_during_an_update_nothing_is_said_to_go_on() -> None:
    world = stuck()
    specs = {"web": replace(world.specs["web"], stopped=True)}

    assert "the update" not in too_late(seen(replace(world, specs=specs)), ["web"], 2.0).message


def test_an_update_of_a_frozen_app_is_not_said_to_be_rolled_back() -> None:
    error = too_late(seen(replace(stuck(), frozen=frozenset({ALL}))), ["web"], 2.0)

    assert error.message == (
        "not ready within 2 s: web.1 unready: GET / refused; web is frozen: thaw lets the update go on"
    )


def test_a_wait_for_a_new_app_that_ends_offers_to_remove_it() -> None:
    young = refused(serving([an_app(want=1)], [a_worker(1)]), WorkerKey("web", 1, 1))

    error = too_late(seen(young), ["web"], 2.0, is_new=True)

    assert error.message == "not ready within 2 s: web.1 unready: GET / refused"
    assert error.hint == "logs web    (or: rm web -y)"


def test_a_wait_for_an_address_that_the_cloud_does_not_have_says_so() -> None:
    only = replace(a_worker(1), address=SUBNET[2])
    full = replace(serving([an_app()], [only]), subnet=SMALLEST)

    error = too_late(seen(full), ["web"], 2.0)

    assert error.message == (
        "not ready within 2 s: web lacks workers: every address of 10.9.0.0/30 is used (1)"
    )
    assert error.hint == "apps --sort want    (or: ps web)"


def test_an_update_without_an_address_left_for_another_worker_is_offered_to_stop_one_first() -> None:
    spec = wishes.updated(an_app(want=1), replace(TEMPLATE, read_only=True))
    only = replace(a_worker(1), address=SUBNET[2])
    full = replace(serving([spec], [only]), subnet=SMALLEST)

    assert too_late(seen(full), ["web"], 2.0).hint == "update web --order stop-first    (or: undo web)"

    stopping = replace(full, specs={"web": replace(spec, order="stop-first", parallel=2, want=2)})
    assert too_late(seen(stopping), ["web"], 2.0).hint == "apps --sort want    (or: undo web)"


def test_a_wait_that_ends_before_workers_have_left_counts_them() -> None:
    leaving = [replace(a_worker(slot), leaving_since=NOW) for slot in (2, 3)]

    error = too_late(seen(serving([an_app(want=1)], [a_worker(1), *leaving])), ["web"], 2.0)

    assert error.message == "not ready within 2 s: 2 workers of web still to leave"
    assert error.hint == "events --app web    (or: ps web)"


def test_a_wait_that_ends_while_docker_is_away_says_that_first() -> None:
    error = too_late(seen(serving([an_app()], []), "docker cannot be reached"), ["web"], 2.0)

    assert error.message == "not ready within 2 s: docker cannot be reached"
    assert error.hint == "status    (or: ps web)"


def test_a_wait_that_ends_before_the_change_was_seen_tells_nothing_of_before() -> None:
    before = seen(stuck())

    error = too_late(before, ["web"], 0.0, before.world.revision + 1)

    assert error.message == "not ready within 0 s: web on the way"
    assert error.hint == "events --app web    (or: ps web)"


def test_a_wait_of_which_nothing_was_seen_says_so() -> None:
    assert "nothing has been seen yet" in too_late(None, ["web"], 2.0).message


def test_a_wait_of_the_usual_length_sees_a_stuck_update_rolled_back() -> None:
    assert UPDATE_LIMIT_S < WAIT_S


def test_a_wait_says_when_another_command_has_changed_the_app_meanwhile() -> None:
    world = serving([an_app(want=2)], [a_worker(1), a_worker(2)])

    assert summary(world, "web", Made({"web": (2, 1)}, "", 1)) == "web: 2 of 2 workers ready"
    assert summary(world, "web", Made({"web": (1, 1)}, "", 1)) == (
        "web: another command wants 2 workers of revision 1 meanwhile (events --app web)"
    )


@pytest.mark.parametrize(
    ("specs", "told"),
    [
        ([], "web was removed meanwhile, by another command"),
        ([replace(an_app(), removing=True)], "web was removed meanwhile, by another command"),
        ([replace(an_app(), stopped=True)], "web was stopped meanwhile, by another command"),
        ([an_app(want=0)], "web: another command wants 0 workers of revision 1 meanwhile"),
    ],
)
def test_a_wait_for_workers_that_another_command_does_not_want_fails(specs: list[AppSpec], told: str) -> None:
    with pytest.raises(Conflict) as caught:
        raise_when_overtaken(serving(specs, []), "web", Made({"web": (2, 1)}, "", 1))

    assert caught.value.message == told


def test_a_wait_for_an_update_that_an_undo_took_back_fails_and_one_for_what_came_after_goes_on() -> None:
    begun = wishes.updated(an_app(), TEMPLATE)
    back, again = wishes.undone(begun, an_app()), wishes.updated(begun, TEMPLATE)
    asked = Made({"web": (2, begun.revision)}, "", 1)

    with pytest.raises(Conflict, match="revision 2 of web was taken back meanwhile, by another command"):
        raise_when_overtaken(serving([back], []), "web", asked)
    raise_when_overtaken(serving([again], []), "web", asked)
    raise_when_overtaken(serving([wishes.rolled_back(begun, "it failed", NOW)], []), "web", asked)


@pytest.mark.parametrize(
    ("spec", "asked"),
    [
        (an_app(want=3), 2),
        (replace(an_app(), stopped=True), 0),
        (replace(an_app(want=1), autoscale=Autoscale(1, 6)), 2),
    ],
)
def test_a_wait_for_what_there_will_be_goes_on(spec: AppSpec, asked: int) -> None:
    raise_when_overtaken(serving([spec], []), "web", Made({"web": (asked, 1)}, "", 1))


def test_a_worker_that_nobody_asks_has_run_for_a_while_before_a_wait_calls_it_ready() -> None:
    unasked = replace(an_app(want=1), template=replace(TEMPLATE, port=None, health=Health("none")))
    world = serving([unasked], [a_worker(1)])
    [container] = world.containers.values()
    assert container.started_at is not None

    assert not has_lasted(world, "web", container.started_at + PROOF_S / 2)
    assert has_lasted(world, "web", container.started_at + PROOF_S)


@dataclass(slots=True)
class Loop:
    """The loop, which looks again when it is told to."""

    seen: Picture
    later: Picture
    dirty: Event = field(default_factory=Event)

    def picture(self) -> Picture:
        return self.seen

    def next_picture(self, after: Picture, within_s: float) -> Picture:
        return self.later if self.dirty.is_set() else self.seen


@dataclass(slots=True)
class Behind:
    """The loop, at the end of a look that began before a change; each picture more is of a look more."""

    pictures: list[Picture]

    def picture(self) -> Picture:
        return self.pictures[0]

    def seen(self) -> Picture:
        return self.picture()

    def next_picture(self, after: Picture, within_s: float) -> Picture:
        self.pictures.pop(0)
        return self.picture()


@pytest.mark.parametrize("trouble", ["", "Docker does not answer"])
def test_who_asks_after_a_change_that_nobody_waits_for_sees_it_unless_looks_fail(trouble: str) -> None:
    world = serving([an_app(want=1)], [a_worker(1)])
    old, trying = replace(world, revision=6), replace(world, revision=6 if trouble else 7)
    pictures = [Picture(old, 1, converged=True), Picture(trying, 2, converged=False, trouble=trouble)]

    made = Made({"web": (1, 1)}, "", 7)
    until_settled(cast(Reconciler, Behind(pictures)), CALL, made, Arguments({"detach": True}))

    assert [picture.number for picture in pictures] == [2]


def test_who_asks_after_a_run_that_nobody_waits_for_sees_its_workers() -> None:
    unplaced, placed = serving([an_app(want=2)], []), serving([an_app(want=2)], [a_worker(1), a_worker(2)])
    pictures = looks(*(replace(world, revision=7) for world in (unplaced, unplaced, placed, placed)))

    made = Made({"web": (2, 1)}, "", 7)
    until_settled(cast(Reconciler, Behind(pictures)), CALL, made, Arguments({"detach": True}))

    assert [picture.number for picture in pictures] == [2, 3]


def test_nobody_waits_for_workers_of_an_app_that_is_left_alone_as_a_record_cannot_be_read() -> None:
    unplaced = replace(serving([an_app(want=2)], []), revision=7, unreadable={"web": "workers/web/1/1"})
    pictures = looks(unplaced, unplaced)

    made = Made({"web": (2, 1)}, "", 7)
    until_settled(cast(Reconciler, Behind(pictures)), CALL, made, Arguments({"detach": True}))

    assert [picture.number for picture in pictures] == [0, 1]


def test_who_asks_after_a_change_sees_it_also_where_each_look_takes_seconds() -> None:
    world = serving([an_app(want=1)], [a_worker(1)])
    pictures = looks(*(replace(world, revision=revision) for revision in (6, 6, 6, 7, 8)))

    until_shown(
        cast(Reconciler, Behind(pictures)),
        CALL,
        lambda world: world.revision >= 7,
        clock=count(step=2.5).__next__,
    )

    assert [picture.number for picture in pictures] == [3, 4]


def test_who_starts_a_frozen_app_that_is_left_as_it_is_is_told_what_thaws_it() -> None:
    dead = replace(a_worker(1), ending=Ending(NOW, "c", 1, "exit code 1"), was_up=True)
    world = known(ended(serving([an_app()], [dead, a_worker(2)]), WorkerKey("web", 1, 1)), dead)
    frozen = replace(world, frozen=frozenset({"web"}))

    assert summary(frozen, "web", Made({"web": (2, 1)}, "", 1)) == (
        "web: 1 of 2 workers ready, 1 left as it is: frozen (thaw web)"
    )


def test_who_freezes_is_answered_once_workers_that_serve_are_recorded_as_having_been_up() -> None:
    unnoted, noted = (serving([an_app()], [replace(a_worker(1), was_up=was_up)]) for was_up in (False, True))
    frozen = frozenset({"web"})
    pictures = looks(*(replace(world, revision=7, frozen=frozen) for world in (unnoted, noted)))

    until_seen(cast(Reconciler, Behind(pictures)), CALL, 7, serving_are_left_alone)

    assert [picture.number for picture in pictures] == [1]


def test_who_asks_after_a_drill_sees_that_its_worker_is_dead() -> None:
    alive = serving([an_app(want=1)], [a_worker(1)])
    key = WorkerKey("web", 1, 1)
    dead = replace(alive, containers={key: replace(alive.containers[key], state="exited")})
    pictures = looks(alive, alive, dead, dead)
    engine, journal = FakeEngine(now=time.time), cast(Journal, SimpleNamespace(note=lambda *_, **__: None))
    drills = Drills(Places("none"), cast(Settings, None), engine, cast(Reconciler, Behind(pictures)), journal)

    drills.crash(CALL, Arguments({"part": "web.1"}))

    assert [picture.number for picture in pictures] == [2, 3]


def test_an_update_that_was_rolled_back_meanwhile_says_which_to_which_and_why() -> None:
    later = time.time() + 60
    back = wishes.rolled_back(wishes.updated(an_app(), TEMPLATE), "web.1 does not stay up", later, ("no db",))
    picture = Picture(replace(serving([back], []), revision=7), 1, converged=False)

    made = Made({"web": (1, 1)}, "", 7)
    with pytest.raises(WorkersFailed) as failed:
        until_settled(cast(Reconciler, Behind([picture])), CALL, made, Arguments({}))

    assert failed.value.message == (
        "revision 2 of web was rolled back to 1: web.1 does not stay up\n  | no db"
    )


def test_a_look_before_the_end_of_a_while_says_nothing_of_a_worker_after_it() -> None:
    unasked = replace(an_app(want=1), template=replace(TEMPLATE, port=None, health=Health("none")))
    world = serving([unasked], [a_worker(1)])
    [container] = world.containers.values()
    assert container.started_at is not None
    early = Picture(replace(world, now=container.started_at + PROOF_S / 2), 1, converged=True)
    late = Picture(replace(world, now=container.started_at + PROOF_S), 2, converged=True)
    loop = Loop(early, late)
    call = cast(Call, SimpleNamespace(emit=lambda *_, **__: None, check=lambda: None))

    until_settled(cast(Reconciler, loop), call, Made({"web": (1, 1)}, "", 1), Arguments({}))

    assert loop.dirty.is_set()


def test_a_worker_that_answers_is_ready_at_once() -> None:
    world = serving([an_app(want=1)], [a_worker(1)])
    [container] = world.containers.values()
    assert container.started_at is not None

    assert has_lasted(world, "web", container.started_at)


def test_a_clock_that_was_set_back_lets_no_wait_go_on() -> None:
    unasked = replace(an_app(want=1), template=replace(TEMPLATE, port=None, health=Health("none")))
    world = serving([unasked], [a_worker(1)])
    [container] = world.containers.values()
    assert container.started_at is not None

    assert has_lasted(world, "web", container.started_at - 3600)

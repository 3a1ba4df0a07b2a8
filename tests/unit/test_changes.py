"""What a command stores beside the specs: what `undo` goes back to, and nothing that is out of date."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import cast

import pytest

from manager.api.amounts import ScaleChange
from manager.api.arguments import Arguments
from manager.api.errors import AppExists, CloudError, Conflict, RouteTaken, UsageError
from manager.api.values import KEPT_REVISIONS
from manager.api.wire import Request
from manager.journal import Journal, events
from manager.lead import LEASE_S, Leadership
from manager.loop.reconcile import Picture, Reconciler
from manager.programs.store import Programs
from manager.secrets import Secrets
from manager.server import Call
from manager.service.apps import AppVerbs
from manager.service.changes import Changes, Wish, read_specs
from manager.service.intake import Intake
from manager.service.revisions import RevisionVerbs
from manager.state import wishes
from manager.state.model import AppSpec, Autoscale, Past, ScalingTarget
from manager.state.records import (
    APPS,
    DECISIONS,
    FROZEN,
    REVISIONS,
    TARGETS,
    UNDO,
    app_key,
    decision_key,
    decode,
    encode,
    freeze_key,
    revision_key,
    target_key,
    undo_key,
    worker_key,
)
from manager.state.specs import Held, held_in, new_app, readdressed, reinstated
from manager.state.templates import Health
from manager.store import Fence
from tests.fakes.engine import FakeEngine
from tests.fakes.store import FakeStore
from tests.simulation.worlds import NOW, TEMPLATE, a_worker, an_app, serving

PORTS = range(9000, 9010)
POLICY = Autoscale(1, 10)


@dataclass(slots=True)
class Leading:
    """The leadership of a manager that leads, and the loop that it wakes, which sees no worker."""

    fence: Fence
    dirty: Event = field(default_factory=Event)
    specs: tuple[AppSpec, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def seen(self) -> Picture:
        world = replace(serving(self.specs, []), revision=sys.maxsize, unreadable=self.unreadable)
        return Picture(world, 1, converged=True)

    picture = seen


@dataclass(slots=True)
class Asked:
    request: Request


@dataclass(slots=True)
class Desk:
    """Where commands are taken, over a store in memory."""

    store: FakeStore
    changes: Changes

    def make(self, edit: Callable[[Mapping[str, AppSpec]], AppSpec], **params: object) -> None:
        call = cast(Call, Asked(Request(1, "change", params)))
        self.changes.make(call, lambda specs: Wish((edit(specs),)))

    def keys(self, prefix: str) -> set[str]:
        return set(self.store.read(prefix).entries)


@pytest.fixture
def desk() -> Desk:
    store = FakeStore(lambda: NOW)
    store.write({"manager": "1"})
    leading = Leading(Fence("manager", store.read("manager").entries["manager"].create_revision))
    journal = Journal(store, lambda: leading.fence, lambda: NOW)
    leadership, reconciler = cast(Leadership, leading), cast(Reconciler, leading)
    return Desk(store, Changes(store, leadership, reconciler, journal, lambda: NOW))


def test_a_new_app_has_nothing_to_undo_of_a_former_one_of_its_name(desk: Desk) -> None:
    desk.make(lambda specs: an_app())
    desk.make(lambda specs: replace(specs["web"], want=5))
    kept = desk.keys(UNDO)
    desk.store.write({}, [f"{APPS}web"])

    desk.make(lambda specs: an_app())

    assert kept == {f"{UNDO}web"}
    assert desk.keys(UNDO) == set()


@pytest.mark.parametrize(("verb", "frozen"), [("run", set()), ("undo", {freeze_key("web")})])
def test_only_an_undo_brings_an_app_back_as_frozen_as_it_was(verb: str, frozen: set[str], desk: Desk) -> None:
    desk.store.write({freeze_key("web"): ""})

    call = cast(Call, Asked(Request(1, verb, {})))
    desk.changes.make(call, lambda specs: Wish((an_app(),)))

    assert desk.keys(FROZEN) == frozen


@pytest.mark.parametrize(("verb", "revisions"), [("run", [1]), ("undo", [1, 2, 3])])
def test_only_an_undo_brings_an_app_back_with_its_history(
    verb: str, revisions: list[int], desk: Desk
) -> None:
    desk.make(lambda specs: an_app())
    desk.make(revised)
    last = read_specs(desk.store.read(APPS))["web"]
    desk.store.write({}, [app_key("web")])

    call = cast(Call, Asked(Request(1, verb, {})))
    desk.changes.make(call, lambda specs: Wish((wishes.undone(None, last) if verb == "undo" else an_app(),)))

    assert numbers(desk) == revisions


def test_what_changes_nothing_leaves_the_last_change_to_be_taken_back(desk: Desk) -> None:
    desk.make(lambda specs: an_app(want=2))
    desk.make(lambda specs: replace(specs["web"], want=5))
    desk.make(lambda specs: replace(specs["web"], want=5))

    (entry,) = desk.store.read(UNDO).entries.values()
    assert decode(AppSpec, entry.value).want == 2


def test_a_request_that_comes_again_is_carried_out_once(desk: Desk) -> None:
    desk.make(lambda specs: an_app(want=2))
    for how in ({}, {"detach": True}):
        desk.make(lambda specs: replace(specs["web"], want=specs["web"].want + 1), request="5f", **how)

    assert read_specs(desk.store.read(APPS))["web"].want == 3


def test_a_change_aside_leaves_what_undo_takes_back(desk: Desk) -> None:
    desk.make(lambda _: replace(an_app(), spares=2))
    desk.make(lambda specs: replace(specs["web"], want=5))
    before = desk.store.read(undo_key("web")).entries

    call = cast(Call, Asked(Request(1, "secret", {})))
    desk.changes.make(call, lambda specs: Wish((wishes.with_new_spares(specs["web"]),), aside=True))

    assert desk.store.read(undo_key("web")).entries == before


def test_an_undo_that_comes_again_is_answered_though_nothing_is_left_to_take_back(
    desk: Desk, tmp_path: Path
) -> None:
    desk.store.write({undo_key("web"): encode(an_app())})
    intake = Intake(FakeEngine(now=lambda: NOW), Programs(tmp_path), Secrets(tmp_path, tmp_path))
    apps = AppVerbs(desk.changes, intake, PORTS)
    call = cast(Call, Asked(Request(1, "undo", {"app": "web", "request": "5f"})))

    first, again = (
        RevisionVerbs(apps).undo(call, Arguments({"app": "web", "detach": True})) for _ in range(2)
    )

    assert desk.keys(UNDO) == set()
    assert again == first


def test_a_scale_tells_which_workers_it_starts_that_were_stopped(desk: Desk) -> None:
    desk.make(lambda specs: wishes.stopped(an_app(want=2), 1))
    apps = AppVerbs(desk.changes, cast(Intake, None), PORTS)
    call = cast(Call, Asked(Request(1, "scale", {})))

    done = apps.scale(call, Arguments({"change": ("web=2",), "detach": True}))

    assert done["notes"] == ["no longer stopped: web.1"]


def test_a_start_of_an_app_that_wants_no_workers_tells_how_it_gets_one(desk: Desk) -> None:
    desk.make(lambda specs: an_app(want=0))
    cast(Leading, desk.changes.reconciler).specs = (an_app(want=0),)
    apps = AppVerbs(desk.changes, cast(Intake, None), PORTS)
    call = cast(Call, Asked(Request(1, "start", {})))

    done = apps.start(call, Arguments({"target": ("web",), "detach": True}))

    assert done["notes"] == ["web wants no workers: scale web=1"]


@pytest.mark.parametrize(
    ("targets", "note"),
    [
        (("web.1",), "web would want 2: start web.1 brings it back"),
        (("web.1", "web.3", "web.1"), "web would want 1: start web.1 web.3 brings them back"),
    ],
)
def test_a_stop_of_single_workers_tells_once_how_many_the_app_wants_in_the_end(
    desk: Desk, targets: tuple[str, ...], note: str
) -> None:
    cast(Leading, desk.changes.reconciler).specs = (an_app(want=3),)
    apps = AppVerbs(desk.changes, cast(Intake, None), PORTS)

    planned = apps.stop(cast(Call, None), Arguments({"target": targets, "dry_run": True}))

    assert planned["notes"] == [note]


def test_the_id_of_another_request_is_refused(desk: Desk) -> None:
    desk.make(lambda specs: an_app(), request="5f", name="web")

    with pytest.raises(UsageError):
        desk.make(lambda specs: an_app("api"), request="5f", name="api")

    assert read_specs(desk.store.read(APPS)).keys() == {"web"}


def test_an_app_whose_record_cannot_be_read_is_never_replaced(desk: Desk) -> None:
    desk.store.write({app_key("web"): '{"v":2}'})

    with pytest.raises(AppExists, match="cannot be read"):
        desk.make(lambda specs: an_app())

    assert desk.store.read(APPS).entries["apps/web"].value == '{"v":2}'


def test_an_app_whose_record_stands_under_another_s_name_stands_in_for_nobody(desk: Desk) -> None:
    desk.store.write({app_key("web"): encode(an_app()), app_key("api"): encode(an_app(want=9))})

    assert read_specs(desk.store.read(APPS)) == {"web": an_app()}


def test_a_dry_run_tells_that_an_app_whose_record_cannot_be_read_is_never_replaced(desk: Desk) -> None:
    world = replace(serving([], []), unreadable={"web": "apps/web"})
    seen = cast(Reconciler, SimpleNamespace(seen=lambda: SimpleNamespace(world=world)))
    changes = replace(desk.changes, reconciler=seen)

    with pytest.raises(AppExists, match="cannot be read"):
        changes.foresee(lambda specs: Wish((an_app(),)))


def test_a_change_of_an_app_that_is_left_alone_is_refused_and_names_the_record_that_cannot_be_read(
    desk: Desk,
) -> None:
    desk.make(lambda specs: an_app(want=2))
    seen = cast(Leading, desk.changes.reconciler)
    seen.specs, seen.unreadable = (an_app(),), {"web": "targets/web"}

    with pytest.raises(CloudError, match="web is left alone: the record targets/web cannot be read"):
        desk.make(lambda specs: replace(specs["web"], want=5))
    with pytest.raises(CloudError, match="targets/web"):
        desk.changes.foresee(lambda specs: Wish((an_app(),)))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, Autoscale(1, 6), "--max 6"),
        (Autoscale(1, 6), None, "off"),
        (Autoscale(2, 6), Autoscale(1, 6), "--min 1"),
    ],
)
def test_an_event_tells_how_an_app_is_scaled_from_now_on(
    desk: Desk, before: Autoscale | None, after: Autoscale | None, told: str
) -> None:
    desk.make(lambda specs: replace(an_app(want=2), autoscale=before))
    desk.make(lambda specs: wishes.autoscaled(specs["web"], after))
    desk.changes.journal.start()
    desk.changes.journal.stop()

    assert events(desk.store)[-1].text == f"change: {told}, want 2, revision 1"


@pytest.mark.parametrize("before", [None, Autoscale(1, 9, 0.25, 0.95, "recommend")])
def test_an_app_that_begins_to_follow_its_load_begins_with_the_workers_that_it_has(
    desk: Desk, before: Autoscale | None
) -> None:
    desk.make(lambda specs: replace(an_app(want=5), autoscale=before))
    desk.store.write({target_key("web"): "of long ago", decision_key("web", 7): "of long ago"})

    desk.make(lambda specs: wishes.autoscaled(specs["web"], Autoscale(1, 6, 0.25, 0.95)))

    assert desk.keys(TARGETS) == desk.keys(DECISIONS) == set()  # decisions are counted from 1 again
    assert read_specs(desk.store.read(APPS))["web"].want == 5


def test_an_app_that_follows_its_load_goes_on_from_its_target_under_another_policy(desk: Desk) -> None:
    desk.make(lambda specs: wishes.autoscaled(an_app(), Autoscale(1, 6, 0.25, 0.95)))
    desk.store.write({target_key("web"): "as it is"})

    desk.make(lambda specs: wishes.autoscaled(specs["web"], Autoscale(1, 9, 0.25, 0.95)))

    assert desk.keys(TARGETS) == {target_key("web")}


@pytest.mark.parametrize(
    ("edit", "workers"),
    [
        (lambda spec: wishes.autoscaled(spec, None), 8),
        (lambda spec: wishes.autoscaled(spec, replace(POLICY, mode="recommend")), 8),
        (lambda spec: wishes.scaled(spec, ScaleChange("web", 1, relative=True), manual=True), 9),
    ],
)
def test_an_app_that_follows_its_load_no_more_goes_on_with_the_workers_that_it_has(
    desk: Desk, edit: Callable[[AppSpec], AppSpec], workers: int
) -> None:
    desk.make(lambda specs: wishes.autoscaled(an_app(want=1), POLICY))
    desk.store.write({target_key("web"): encode(ScalingTarget(8, 5, NOW, "load"))})

    desk.make(lambda specs: edit(specs["web"]))

    assert read_specs(desk.store.read(APPS))["web"].want == workers


def test_an_app_that_follows_its_load_again_by_an_undo_begins_with_the_workers_that_it_had(
    desk: Desk,
) -> None:
    desk.make(lambda specs: wishes.autoscaled(an_app(want=1), POLICY))
    desk.store.write({target_key("web"): encode(ScalingTarget(8, 5, NOW, "load"))})

    desk.make(lambda specs: wishes.autoscaled(specs["web"], None))

    (entry,) = desk.store.read(UNDO).entries.values()
    assert decode(AppSpec, entry.value).want == 8


def revised(specs: Mapping[str, AppSpec]) -> AppSpec:
    return replace(wishes.updated(specs["web"], TEMPLATE), fallback=None)


def numbers(desk: Desk) -> list[int]:
    """Return the revisions of web of which there is a record."""
    return sorted(int(key.rpartition("/")[2]) for key in desk.keys(f"{REVISIONS}web/"))


def test_a_revision_that_is_gone_back_to_keeps_its_place_in_history(desk: Desk) -> None:
    desk.make(lambda specs: an_app())
    first = desk.store.read(REVISIONS).entries
    desk.make(lambda specs: wishes.updated(specs["web"], replace(TEMPLATE, read_only=True)))

    desk.make(lambda specs: wishes.undone(specs["web"], an_app()))

    assert desk.keys(REVISIONS) == {"revisions/web/000001", "revisions/web/000002"}
    assert first.items() <= desk.store.read(REVISIONS).entries.items()


def test_of_the_revisions_of_an_app_the_last_ones_are_kept(desk: Desk) -> None:
    desk.store.write({revision_key("other", 1): "another app's"})
    desk.make(lambda specs: an_app())
    for _ in range(KEPT_REVISIONS + 5):
        desk.make(revised)

    assert numbers(desk) == [*range(7, KEPT_REVISIONS + 7)]
    assert revision_key("other", 1) in desk.keys(REVISIONS)


def test_a_revision_that_a_worker_an_update_or_an_undo_needs_is_kept(desk: Desk) -> None:
    desk.make(lambda specs: an_app())
    for _ in range(3):
        desk.make(revised)
    desk.store.write({worker_key(a_worker(1, revision=2).key): "leaving"})
    desk.make(lambda specs: wishes.updated(specs["web"], TEMPLATE))  # from 4, and it does not end
    for _ in range(KEPT_REVISIONS + 5):
        desk.make(lambda specs: wishes.updated(specs["web"], TEMPLATE))
    kept = numbers(desk)

    desk.make(lambda specs: wishes.rolled_back(specs["web"], "web.1 failed", NOW))
    desk.make(lambda specs: wishes.updated(specs["web"], TEMPLATE))

    assert kept[:3] == [2, 4, 11]
    assert numbers(desk)[:3] == [2, 4, 12]


def test_an_app_of_before_keeps_its_own_mark_and_port_and_takes_nobodys() -> None:
    now = replace(an_app(), number=3, tcp_port=9001)
    former = replace(an_app(), number=1, tcp_port=9000)
    other = replace(an_app("other"), number=1, tcp_port=9000)

    back = reinstated({"web": now, "other": other}, former, PORTS, Held(frozenset({1, 3})))
    renewed = reinstated({"other": other}, former, PORTS, Held(frozenset({2})))
    again = reinstated({}, former, PORTS, Held())

    assert (back.number, back.tcp_port) == (3, 9001)
    assert (renewed.number, renewed.tcp_port) == (3, 9001)
    assert again == former


def test_no_container_that_the_store_has_lost_can_be_taken_for_one_of_an_app_that_comes() -> None:
    stray, other = a_worker(1, revision=3), a_worker(1, revision=7, app="other")
    held = held_in(replace(serving([an_app()], [stray, a_worker(2), other]), specs={}, records={}))

    new = new_app({}, Arguments({"name": "web"}), TEMPLATE, PORTS, NOW, held)
    again = wishes.undone(None, reinstated({}, an_app(), PORTS, held))

    assert (new.revision, new.newest) == (4, 4)
    assert (again.revision, again.newest) == (4, 4)


def test_a_new_app_begins_with_revision_1() -> None:
    new = new_app({}, Arguments({"name": "web"}), TEMPLATE, PORTS, NOW, Held())

    assert (new.revision, new.newest) == (1, 1)


def test_without_a_port_an_app_is_scaled_by_hand_again() -> None:
    auto = wishes.autoscaled(an_app(), Autoscale(1, 3))

    moved = readdressed({"web": auto}, auto, Arguments({}), replace(TEMPLATE, port=None), PORTS)

    assert moved.autoscale is None


def test_a_route_that_another_app_has_got_is_not_taken_back() -> None:
    former, now = an_app(), replace(an_app(), hosts=())
    other = replace(an_app("other"), hosts=former.hosts)

    with pytest.raises(RouteTaken):
        reinstated({"web": now, "other": other}, former, PORTS, Held())


def test_what_an_update_may_have_to_go_back_to_is_nobody_else_s() -> None:
    past = Past(1, an_app().template, hosts=("shop.example",), tcp_port=9000)
    updating = replace(an_app(), hosts=(), fallback=past)
    returning = replace(an_app("other"), hosts=("shop.example",))

    with pytest.raises(RouteTaken) as refusal:
        reinstated({"web": replace(updating, stopped=True)}, returning, PORTS, Held())
    assert refusal.value.hint == "start web"
    with_port = reinstated({"web": updating}, replace(an_app("other"), tcp_port=9000), PORTS, Held())
    assert with_port.tcp_port == 9001


def test_an_app_that_becomes_one_for_tcp_again_has_its_former_port() -> None:
    template = replace(an_app().template, protocol="tcp", health=Health("tcp"))
    former = replace(an_app(), template=template, hosts=(), paths=(), tcp_port=9005)
    as_http = replace(an_app(), fallback=Past.of(former))

    again = readdressed({"web": as_http}, as_http, Arguments({}), template, PORTS)
    undone = reinstated({"web": an_app()}, former, PORTS, Held())

    assert (again.tcp_port, again.hosts, undone.tcp_port) == (9005, (), 9005)


@dataclass(slots=True)
class LeadingAnew:
    """The leadership of a manager whose fence is another one from the third look at it on."""

    fences: list[Fence]

    @property
    def fence(self) -> Fence:
        return self.fences.pop(0) if len(self.fences) > 1 else self.fences[0]


def test_a_change_is_made_once_the_manager_leads_a_store_that_had_lost_its_data(desk: Desk) -> None:
    lost, mine = Fence("manager", 99), desk.changes.fence()
    desk.changes.leadership = cast(Leadership, LeadingAnew([lost, lost, lost, mine]))

    desk.make(lambda specs: an_app())

    assert desk.keys(APPS) == {"apps/web"}


def test_a_change_waits_for_a_leader_for_longer_than_the_lease_of_the_one_before_lasts(desk: Desk) -> None:
    assert desk.changes.lead_wait_s > LEASE_S


def test_a_manager_that_leads_no_more_changes_nothing(desk: Desk) -> None:
    desk.changes.lead_wait_s = 0.05
    desk.changes.leadership = cast(Leadership, LeadingAnew([Fence("manager", 99)]))

    with pytest.raises(Conflict):
        desk.make(lambda specs: an_app())

    assert desk.keys(APPS) == set()

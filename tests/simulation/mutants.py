"""Faults put into the product on purpose, one function each: the simulation must find every one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from manager.loop import look
from manager.plan import life, slots, wiring
from manager.plan.draft import Draft
from manager.plan.wiring import hosts_files
from manager.server import Call
from manager.service import changes
from manager.state import world
from manager.state.ending import Ending
from manager.state.model import AppSpec, Hurry, WorkerKey, WorkerRecord
from manager.state.world import World
from manager.store import Fence
from netsetup.addresses import allocate
from tests.simulation import manager as simulated
from tests.simulation.network import FakeNetwork

Patch = pytest.MonkeyPatch


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault by name; `apply` puts it in, for the length of a test."""

    name: str
    apply: Callable[[Patch], None]

    def __str__(self) -> str:
        return self.name


def _no_fence(patch: Patch) -> None:
    def _fence(self: simulated.SimulatedManager) -> Fence | None:  # its name is what a copy has of it
        return None

    patch.setattr(simulated.SimulatedManager, "_fence", _fence)


def _retire_while_published(patch: Patch) -> None:
    patch.setattr(life, "is_published", lambda world, record: False)
    patch.setattr(life, "is_live", lambda world, record: False)


def _retire_while_live(patch: Patch) -> None:
    patch.setattr(life, "is_live", lambda world, record: False)


def _no_drain(patch: Patch) -> None:
    patch.setattr(look.Sight, "_inflight", lambda self, world: {})


def _addresses_of_the_leaving(patch: Patch) -> None:
    original = allocate
    patch.setattr(slots, "allocate", lambda subnet, used: min(used, default=original(subnet, used)))


def _restart_on_boot(patch: Patch) -> None:
    seen: set[int] = set()

    def must_leave(seen_world: World, spec: AppSpec, record: WorkerRecord, *rest: object) -> bool:
        return True

    original = simulated.SimulatedManager.think

    def think(self: simulated.SimulatedManager) -> bool:
        if self.number == 1 or self.number in seen:
            return original(self)
        seen.add(self.number)
        with pytest.MonkeyPatch.context() as first_pass:
            first_pass.setattr(slots, "_must_leave", must_leave)
            return original(self)

    patch.setattr(simulated.SimulatedManager, "think", think)


def _unhealthy_without_verdict(patch: Patch) -> None:
    def is_healthy(seen: World, record: WorkerRecord) -> bool:
        verdict = seen.verdicts.get(record.key)
        spec = seen.specs.get(record.app)
        plain = spec is None or spec.template.health.kind == "none"
        return world.is_connected(seen, record) and (plain or (verdict is not None and verdict.ok))

    def in_rotation(seen: World, spec: AppSpec) -> list[WorkerRecord]:
        return [r for r in seen.of_app(spec.name) if r.leaving_since is None and is_healthy(seen, r)]

    patch.setattr(world, "is_healthy", is_healthy)
    patch.setattr(world, "in_rotation", in_rotation)  # which would keep them all, were none healthy


def _healthy_without_verdict(patch: Patch) -> None:
    patch.setattr(world, "is_healthy", world.is_connected)


def _dead_stay_published(patch: Patch) -> None:
    patch.setattr(world, "is_healthy", lambda seen, record: record.leaving_since is None)


def _forget_before_removal(patch: Patch) -> None:
    def leave(seen: World, spec: AppSpec, record: WorkerRecord, draft: Draft) -> None:
        draft.forgets.append(record.key)

    patch.setattr(life, "_leave", leave)


def _port_is_kept(patch: Patch) -> None:
    patch.setattr(FakeNetwork, "unbind", lambda self, names: None)


def _requests_run_twice(patch: Patch) -> None:
    original = changes.Changes.make

    def make(self: changes.Changes, call: Call, edit: changes.Edit) -> changes.Made:
        return original(self, replace(call, request=replace(call.request, params={})), edit)

    patch.setattr(changes.Changes, "make", make)


def _all_at_once(patch: Patch) -> None:
    patch.setattr(slots, "_replacement_room", lambda seen, spec, *_: len(spec.slots))


def _old_leave_early(patch: Patch) -> None:
    original = slots._must_leave

    def must_leave(seen: World, spec: AppSpec, record: WorkerRecord, stand_in: WorkerRecord | None) -> bool:
        successor = WorkerKey(record.app, record.slot, spec.revision)
        early = record.revision != spec.revision and successor in seen.records
        return early or original(seen, spec, record, stand_in)

    patch.setattr(slots, "_must_leave", must_leave)


def _back_off_in_memory(patch: Patch) -> None:
    def after(record: WorkerRecord, ending: Ending, restart: str, ran_s: float) -> WorkerRecord:
        return replace(record, ending=ending, retry_at=ending.at)

    patch.setattr(WorkerRecord, "after", after)


def _freeze_is_forgotten(patch: Patch) -> None:
    patch.setattr(life, "is_left_alone", lambda seen, record: False)


def _hurry_for_everybody(patch: Patch) -> None:
    patch.setattr(Hurry, "takes", lambda self, record: True)


def _busy_is_unknown(patch: Patch) -> None:
    original = look.Sight.look
    patch.setattr(look.Sight, "look", lambda self, busy: original(self, frozenset()))


def _names_of_the_leaving(patch: Patch) -> None:
    """Everybody who has a record is told by name."""
    original = hosts_files

    def told(world: World) -> dict[WorkerKey, str]:
        records = {key: replace(record, leaving_since=None) for key, record in world.records.items()}
        return original(replace(world, records=records))

    patch.setattr(wiring, "hosts_files", told)


def _spares_are_routed(patch: Patch) -> None:
    original = world.answering

    def answering(seen: World, spec: AppSpec) -> list[WorkerRecord]:
        records = {key: replace(record, spare=False) for key, record in seen.records.items()}
        return original(replace(seen, records=records), spec)

    patch.setattr(world, "answering", answering)


def _surplus_stays(patch: Patch) -> None:
    patch.setattr(slots, "is_kept", lambda spec, record: record.slot in spec.spare_slots)


def _wanted_before_it_goes_on(patch: Patch) -> None:
    """What is paused and no spare was paused by hand."""

    def enter(seen: World, record: WorkerRecord, draft: Draft) -> None:
        draft.saves.append(replace(record, spare=False, created_at=seen.now))

    patch.setattr(life, "_enter_service", enter)


def _names_are_not_given_back(patch: Patch) -> None:
    original = look.by_worker
    patch.setattr(look, "by_worker", lambda cloud, found: (original(cloud, found)[0], {}))


MUTANTS = (
    Mutant("writes without a fence", _no_fence),
    Mutant("removed while published", _retire_while_published),
    Mutant("removed before the proxy has dropped it", _retire_while_live),
    Mutant("removed with open requests", _no_drain),
    Mutant("an address is given twice", _addresses_of_the_leaving),
    Mutant("a new manager restarts everything", _restart_on_boot),
    Mutant("a new manager believes nobody healthy", _unhealthy_without_verdict),
    Mutant("what runs is healthy", _healthy_without_verdict),
    Mutant("the dead stay in the routes", _dead_stay_published),
    Mutant("forgotten before it is removed", _forget_before_removal),
    Mutant("rules are never taken away", _port_is_kept),
    Mutant("a request sent again runs again", _requests_run_twice),
    Mutant("all workers are replaced at once", _all_at_once),
    Mutant("the old leave when the new have a record", _old_leave_early),
    Mutant("no back-off", _back_off_in_memory),
    Mutant("the frozen are started again", _freeze_is_forgotten),
    Mutant("the leaving are still told by name", _names_of_the_leaving),
    Mutant("a hurry for one is for all", _hurry_for_everybody),
    Mutant("steps under way are unknown", _busy_is_unknown),
    Mutant("spares are in the routes", _spares_are_routed),
    Mutant("a worker too many stays as a spare", _surplus_stays),
    Mutant("a spare is a worker before it goes on", _wanted_before_it_goes_on),
    Mutant("renamed containers keep their names", _names_are_not_given_back),
)

"""What commands make of an app's spec."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from manager.api.amounts import ScaleChange, scale_changes
from manager.api.errors import AppNotFound, CloudError, UsageError, WorkerNotFound
from manager.api.values import MAX_WORKERS
from manager.state import wishes
from manager.state.model import AppSpec, Autoscale, Hurry, ScalingTarget
from manager.state.specs import free_number, holder
from manager.state.templates import Health
from manager.state.world import as_scaled
from tests.simulation.worlds import TEMPLATE, an_app


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        (["web=3"], [ScaleChange("web", 3)]),
        (["web=3", "api=0"], [ScaleChange("web", 3), ScaleChange("api", 0)]),
        (["web", "3"], [ScaleChange("web", 3)]),
        (["web", "+2"], [ScaleChange("web", 2, relative=True)]),
        (["web", "-1"], [ScaleChange("web", -1, relative=True)]),
    ],
)
def test_what_scale_is_asked_for(words: list[str], changes: list[ScaleChange]) -> None:
    assert scale_changes(words) == changes


@pytest.mark.parametrize(
    "words", ["web", "web x", "web=x", "web=-1", "web=1.5", "Web=1", "=1", "web=1 web=2", "web --1"]
)
def test_what_scale_cannot_mean_is_a_usage_error(words: str) -> None:
    with pytest.raises(UsageError):
        scale_changes(words.split())


@pytest.mark.parametrize(
    ("words", "message", "word", "hint"),
    [
        ("web 2 3", 'one word too many: "3"', "3", "scale web 2"),
        ("web api=3", '"api=3" is not a number of workers', "api=3", "scale web=3"),
        ("api=1 web=1 web=2", "web is named twice", "web=2", "scale api=1 web=1"),
    ],
)
def test_scale_says_which_word_is_off(words: str, message: str, word: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        scale_changes(words.split())
    assert (refused.value.word, refused.value.hint) == (word, hint)


def test_an_unknown_app_is_named_with_the_nearest_one() -> None:
    with pytest.raises(AppNotFound, match=r'no app is named "wbe" \(did you mean web\?\)'):
        wishes.find({"web": an_app()}, "wbe")


def test_an_app_that_is_being_removed_cannot_be_changed() -> None:
    with pytest.raises(CloudError, match="is being removed"):
        wishes.changeable({"web": replace(an_app(), removing=True)}, "web")


def test_scale_sets_or_adds() -> None:
    assert wishes.scaled(an_app(want=2), ScaleChange("web", 5)).want == 5
    assert wishes.scaled(an_app(want=2), ScaleChange("web", -1, relative=True)).want == 1


@pytest.mark.parametrize(("more", "nearest"), [(-3, 0), (MAX_WORKERS - 1, MAX_WORKERS)])
def test_scale_beyond_the_limits_is_refused_with_the_nearest_number_there_is(more: int, nearest: int) -> None:
    with pytest.raises(UsageError) as refused:
        wishes.scaled(an_app(want=2), ScaleChange("web", more, relative=True))

    assert refused.value.hint == f"scale web={nearest}"


def test_a_scale_to_what_an_app_has_changes_nothing() -> None:
    hurried = wishes.restarted(an_app(want=2), None, now=5.0)

    assert wishes.scaled(hurried, ScaleChange("web", 2)) == hurried


def test_a_stopped_app_is_not_scaled() -> None:
    with pytest.raises(CloudError, match="is stopped"):
        wishes.scaled(wishes.stopped(an_app(), None), ScaleChange("web", 5))


@pytest.mark.parametrize(
    ("refused", "word"),
    [
        (lambda: wishes.changeable({"web": replace(an_app(), removing=True)}, "web"), "web"),
        (lambda: wishes.scaled(replace(an_app(), stopped=True), ScaleChange("web", 5)), "web"),
        (lambda: wishes.scaled(replace(an_app(), autoscale=Autoscale(1, 3)), ScaleChange("web", 5)), "web"),
        (lambda: wishes.stopped(replace(an_app(), autoscale=Autoscale(1, 3)), 1), "web.1"),
        (lambda: wishes.stopped(replace(an_app(), stopped=True), 1), "web.1"),
        (lambda: wishes.restarted(wishes.stopped(an_app(want=3), 2), 2), "web.2"),
    ],
)
def test_of_several_names_the_one_that_a_wish_cannot_be_of_is_pointed_at(
    refused: Callable[[], AppSpec], word: str
) -> None:
    with pytest.raises(CloudError) as told:
        refused()

    assert told.value.word == word


def test_stopping_an_app_keeps_what_it_wants_for_its_start() -> None:
    stopped = wishes.stopped(an_app(want=3), None)

    assert (stopped.wanted, stopped.slots) == (0, frozenset())
    assert wishes.started(stopped, None) == an_app(want=3)


def test_stopping_one_worker_empties_its_slot_and_lowers_want() -> None:
    stopped = wishes.stopped(an_app(want=3), 2)

    assert (stopped.want, stopped.slots) == (2, frozenset({1, 3}))
    assert wishes.started(stopped, 2) == an_app(want=3)


def test_starting_one_worker_of_a_stopped_app_starts_that_one_alone() -> None:
    started = wishes.started(wishes.stopped(an_app(want=3), None), 2)

    assert (started.wanted, started.slots) == (1, frozenset({2}))
    assert wishes.started(started, None) == an_app(want=3)


def test_a_worker_that_a_stopped_app_does_not_have_cannot_be_started() -> None:
    with pytest.raises(WorkerNotFound, match=r"has no worker 9 \(it has web.1, web.2, web.3\)"):
        wishes.started(wishes.stopped(an_app(want=3), None), 9)


def test_a_worker_of_a_stopped_app_is_said_to_be_stopped_with_it() -> None:
    with pytest.raises(CloudError, match=r"web is stopped, and web\.1 with it"):
        wishes.stopped(wishes.stopped(an_app(want=3), None), 1)


def test_a_stopped_app_that_is_updated_starts_with_its_new_revision() -> None:
    stopped = wishes.stopped(an_app(want=3), None)
    template = replace(stopped.template, read_only=True)

    updated = wishes.updated(stopped, template)
    started = wishes.started(updated, None)

    assert (updated.wanted, updated.revision) == (0, 2)
    assert (started.wanted, started.revision, started.template) == (3, 2, template)


def test_no_update_of_a_stopped_app_has_failed_when_the_next_one_comes() -> None:
    stopped = wishes.stopped(an_app(), None)
    once = wishes.updated(stopped, replace(TEMPLATE, read_only=True))

    assert wishes.updated(once, TEMPLATE).failed == frozenset()
    assert wishes.updated(wishes.started(once, None), TEMPLATE).failed == {2}


@pytest.mark.parametrize(
    ("app", "end"),
    [
        (an_app(), "wait web ready"),
        (wishes.stopped(an_app(), None), "start web"),
        (wishes.stopped(an_app(want=1), 1), "start web"),
        (an_app(want=0), "scale web=1"),
    ],
)
def test_what_an_unproved_update_may_fall_back_to_is_held_until_workers_prove_it(
    app: AppSpec, end: str
) -> None:
    updated = wishes.updated(app, replace(TEMPLATE, read_only=True))

    assert holder(updated, former=True) == ("web (until its update has proved itself)", end)
    assert holder(updated, former=False) == ("web", "")


def test_stopping_a_stopped_worker_changes_nothing() -> None:
    stopped = wishes.stopped(an_app(want=3), 2)

    assert wishes.stopped(stopped, 2) == stopped


def test_a_start_gives_those_that_ended_for_good_another_worker() -> None:
    app = an_app(want=3)

    assert wishes.started(app, None, ended={2, 3}).turns == {2: 1, 3: 1}
    assert wishes.started(app, 2, ended={2, 3}).turns == {2: 1}
    assert wishes.started(app, 1, ended={2, 3}) == app


@pytest.mark.parametrize("wish", [partial(wishes.stopped), wishes.started, partial(wishes.restarted)])
def test_a_worker_that_is_not_there_cannot_be_stopped_started_or_restarted(
    wish: Callable[[AppSpec, int], AppSpec],
) -> None:
    with pytest.raises(WorkerNotFound, match=r"has no worker 4 \(it has web.1, web.2, web.3\)"):
        wish(an_app(want=3), 4)


def test_scaling_up_fills_emptied_slots_first() -> None:
    stopped = wishes.stopped(an_app(want=3), 2)

    assert wishes.scaled(stopped, ScaleChange("web", 3)).slots == frozenset({1, 2, 3})


def test_scaling_down_takes_the_highest_slots_and_forgets_emptied_ones_above() -> None:
    stopped = wishes.stopped(an_app(want=4), 3)

    smaller = wishes.scaled(stopped, ScaleChange("web", 2))

    assert (smaller.slots, smaller.stopped_slots) == (frozenset({1, 2}), frozenset())


def test_starting_an_app_brings_its_stopped_workers_back_too() -> None:
    stopped = wishes.stopped(an_app(want=3), 1)

    assert wishes.started(stopped, None).slots == frozenset({1, 2, 3})


def test_restarting_an_app_is_an_update_to_what_it_is() -> None:
    restarted = wishes.restarted(an_app(), None, now=5.0)

    assert (restarted.revision, restarted.template, restarted.hurry) == (2, TEMPLATE, Hurry(5.0))
    assert restarted.fallback is not None


def test_restarting_one_worker_is_a_turn_of_its_slot() -> None:
    restarted = wishes.restarted(wishes.restarted(an_app(), 2), 2)

    assert (restarted.revision, restarted.turns) == (1, {2: 2})


def test_one_command_hurries_all_the_workers_it_names_and_the_next_one_nobody() -> None:
    first = wishes.stopped(an_app(want=3), 1, now=5.0)
    both = wishes.stopped(first, 3, now=5.0)
    later = wishes.stopped(both, 2, now=6.0)

    assert both.hurry == Hurry(5.0, frozenset({1, 3}))
    assert later.hurry == Hurry(6.0, frozenset({2}))
    assert wishes.started(later, 2).hurry is None
    assert wishes.started(later, 2, now=7.0).hurry == Hurry(7.0, frozenset({2}))
    assert wishes.scaled(both, ScaleChange("web", 2)).hurry is None


def test_a_revision_is_never_given_twice() -> None:
    failed = wishes.rolled_back(wishes.updated(an_app(), TEMPLATE), "no", 0.0)

    assert failed.revision == 1
    assert wishes.updated(failed, TEMPLATE).revision == 3


def test_an_update_that_failed_goes_back_to_what_the_first_of_several_began_from() -> None:
    other = replace(TEMPLATE, command=("other",))
    twice = wishes.updated(wishes.updated(an_app(), other), other)

    back = wishes.rolled_back(twice, "web.1 failed", 5.0)

    assert (back.revision, back.template, back.fallback) == (1, TEMPLATE, None)
    assert back.rolled_back is not None
    assert (back.rolled_back.revision, back.rolled_back.reason) == (3, "web.1 failed")


def test_an_update_that_failed_gives_back_the_addresses_it_took() -> None:
    tcp = replace(TEMPLATE, protocol="tcp", health=Health("tcp"))
    former = replace(an_app(), template=tcp, hosts=(), paths=(), tcp_port=9000)
    moved = replace(former, template=TEMPLATE, hosts=("web.localhost",), paths=("/web",), tcp_port=None)

    back = wishes.rolled_back(wishes.updated(moved, TEMPLATE, former=former), "no", 0.0)

    assert (back.template, back.hosts, back.paths, back.tcp_port) == (tcp, (), (), 9000)


def test_workers_that_were_restarted_are_still_wanted_after_an_update_that_failed() -> None:
    restarted = wishes.restarted(an_app(), 2)

    assert wishes.rolled_back(wishes.updated(restarted, TEMPLATE), "no", 0.0).turns == restarted.turns


def test_undo_of_an_update_is_a_new_revision_of_the_former_template() -> None:
    former = an_app()
    updated = wishes.updated(former, replace(TEMPLATE, command=("other",)))
    current = wishes.restarted(replace(updated, fallback=None), 1)

    undone = wishes.undone(current, former)

    assert (undone.revision, undone.template) == (3, TEMPLATE)
    assert undone.fallback is not None
    assert (undone.fallback.revision, undone.turns) == (2, current.turns)


def test_undo_of_a_scale_keeps_the_workers_that_are_there() -> None:
    current = wishes.scaled(an_app(want=2), ScaleChange("web", 5))

    assert wishes.undone(current, an_app(want=2)) == an_app(want=2)


def test_undo_after_a_rollback_gives_no_revision_twice() -> None:
    failed = wishes.rolled_back(wishes.updated(an_app(), TEMPLATE), "no", 0.0)

    assert wishes.undone(failed, an_app()).newest == 2


def test_undo_of_a_removal_gives_a_revision_that_no_old_record_has() -> None:
    undone = wishes.undone(None, replace(an_app(), newest=4))

    assert (undone.revision, undone.removing) == (5, False)


def test_the_smallest_free_network_mark_is_given() -> None:
    specs = {name: replace(an_app(name), number=number) for name, number in (("a", 1), ("b", 3))}

    assert free_number(specs) == 2
    assert free_number({}) == 1
    assert free_number(specs, held={2, 4}) == 5


POLICY = Autoscale(min=1, max=6)


def test_an_app_that_is_scaled_by_itself_has_its_spares_chosen_too() -> None:
    scaled = wishes.autoscaled(an_app(), POLICY)

    assert as_scaled(scaled, ScalingTarget(2, 1, 0.0, "", spares=3)).spares == 3
    assert as_scaled(scaled, None).spares == 0


def test_a_number_of_spares_that_was_asked_for_stays_until_auto_is() -> None:
    target = ScalingTarget(2, 1, 0.0, "", spares=3)
    asked = wishes.autoscaled(wishes.with_spares(an_app(), 1), POLICY)
    none = wishes.autoscaled(wishes.with_spares(wishes.autoscaled(an_app(), POLICY), 0), POLICY)

    assert [as_scaled(spec, target).spares for spec in (asked, none)] == [1, 0]
    assert as_scaled(wishes.with_spares(asked, "auto"), target).spares == 3


def test_an_app_that_is_only_told_what_it_needs_is_scaled_by_hand() -> None:
    told = wishes.autoscaled(an_app(want=2), Autoscale(1, 3, mode="recommend"))

    assert wishes.scaled(told, ScaleChange("web", 5)) == replace(told, want=5)
    assert wishes.stopped(told, 2).slots == frozenset({1})


def test_who_scales_by_itself_has_its_stopped_workers_again_and_all_that_serve() -> None:
    stopped = wishes.stopped(an_app(want=3), 1)

    assert wishes.autoscaled(stopped, Autoscale(1, 4)).slots == frozenset({1, 2, 3})
    assert wishes.autoscaled(stopped, Autoscale(1, 2)).slots == frozenset({2, 3}), "no room for another"


def test_another_advice_changes_no_number_of_workers() -> None:
    five = replace(an_app(want=5), stopped_slots=frozenset({2}))

    told = wishes.autoscaled(five, Autoscale(1, 3, mode="recommend"))

    assert (told.want, told.stopped_slots) == (5, frozenset({2}))


def test_an_app_without_a_port_has_no_load_to_follow() -> None:
    portless = replace(an_app(), template=replace(TEMPLATE, port=None))

    with pytest.raises(UsageError, match="no load to follow"):
        wishes.autoscaled(portless, Autoscale(1, 3))


def test_spares_that_were_chosen_end_with_the_autoscaler() -> None:
    chosen = as_scaled(wishes.autoscaled(an_app(), POLICY), ScalingTarget(2, 1, 0.0, "", spares=3))

    assert wishes.autoscaled(chosen, None).spares == 0
    assert wishes.autoscaled(wishes.with_spares(an_app(), 2), None).spares == 2


def test_an_app_that_is_scaled_by_hand_has_nobody_to_choose_its_spares() -> None:
    with pytest.raises(UsageError, match="--spares auto goes with --max"):
        wishes.with_spares(an_app(), "auto")

"""What an operator asks of the autoscaler, and what becomes of an app's number of workers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import cast

import pytest

from balancer.decision import Action, Inputs, Limit, Model, ScalingDecision, Trust, frozen
from manager.api import arguments
from manager.api.amounts import ScaleChange
from manager.api.arguments import Arguments
from manager.api.commands import known
from manager.api.errors import CloudError, UsageError
from manager.journal import Journal
from manager.loop.reconcile import Reconciler
from manager.scaling.holding import OVER_S, Holds
from manager.scaling.measure import Measures, Observer
from manager.scaling.recording import Recording
from manager.scaling.scaler import Scaler
from manager.server import Call
from manager.service.changes import Changes, Edit, Made
from manager.service.scaling import ScalingVerbs
from manager.state import wishes
from manager.state.model import AppSpec, Autoscale, ScalingTarget
from manager.state.records import DECISIONS, KEPT_HOLDS, TARGETS, decision_key, decode, target_key
from manager.state.specs import autoscale_policy
from manager.state.templates import Template, wanted_template
from manager.state.world import World, as_scaled
from manager.store import Fence
from shell.language import parsing
from tests.fakes.store import FakeStore
from tests.simulation.worlds import NOW, a_worker, an_app, serving


def spec(want: int = 2, policy: Autoscale | None = None) -> AppSpec:
    template = Template(command=("server",), image="base", port=8000)
    return AppSpec("web", 1, 1, template, want, 0.0, autoscale=policy)


def bound(verb: str, *words: str) -> Arguments:
    row = known(verb)
    return arguments.bind(row, parsing.parse(row, words))


def asked(*words: str, base: Autoscale | None = None) -> Autoscale | None:
    return autoscale_policy(bound("autoscale", "web", *words), base)


def target(want: int) -> ScalingTarget:
    return ScalingTarget(want, decision=1, at=0.0, reason="")


def test_a_maximum_is_enough() -> None:
    assert asked("--max", "6") == Autoscale(1, 6, 0.25, 0.95, "on")


@pytest.mark.parametrize("words", [("--min", "2"), ("--slo", "100ms,99%"), ("--mode", "recommend")])
def test_nothing_is_said_of_a_policy_without_a_maximum(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="go with --max"):
        asked(*words)


def test_an_objective_has_a_limit_and_a_share() -> None:
    assert asked("--max", "6", "--slo", "100ms,99%") == Autoscale(1, 6, 0.1, 0.99, "on")


def test_what_is_not_said_stays_as_it_was() -> None:
    assert asked("--max", "8", base=Autoscale(2, 6, 0.1, 0.99)) == Autoscale(2, 8, 0.1, 0.99, "on")


@pytest.mark.parametrize(
    "words",
    [
        ["--min", "2"],
        ["--slo", "100ms"],
        ["--max", "2", "--min", "3"],
        ["--max", "0"],
        ["--max", "two"],
        ["--max", "3", "--min", "0"],
        ["--max", "1001"],
    ],
    ids=" ".join,
)
def test_a_policy_that_makes_no_sense_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        asked(*words)


@pytest.mark.parametrize("text", ["", "fast", "250", "250ms,", "250ms,100%", "0ms", "1h,99%", "250ms,٩٩%"])
def test_an_objective_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        asked("--max", "3", "--slo", text)


def test_the_target_counts_within_the_operators_bounds() -> None:
    policy = Autoscale(2, 4)

    assert [as_scaled(spec(3, policy), target(want)).want for want in (0, 3, 9)] == [2, 3, 4]
    assert as_scaled(spec(3, policy), None).want == 3


def test_a_recommendation_changes_nothing() -> None:
    assert as_scaled(spec(3, Autoscale(1, 9, mode="recommend")), target(7)).want == 3


def test_an_app_that_is_scaled_by_hand_has_no_target() -> None:
    assert as_scaled(spec(3), target(7)).want == 3


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("autoscale shop --max 1 --min 2", "autoscale shop --min 1 --max 2"),
        ("autoscale shop --min 2", "autoscale shop --min 2 --max 6"),
        ("autoscale shop --slo 100ms", "autoscale shop --max 6 --slo 100ms,95%"),
        ("autoscale shop --slo 1.5ms,99.9%", "autoscale shop --max 6 --slo 1.5ms,99.9%"),
        ("autoscale shop --slo 5s --mode recommend", "autoscale shop --max 6 --slo 5s,95% --mode recommend"),
        ("run --min 8 -p 8000 shop server", "run --min 8 --max 8 shop ..."),
        ("run --max 1 --min 2 shop server", "run --min 1 --max 2 shop ..."),
    ],
)
def test_a_hint_on_bounds_is_of_the_app_and_the_command_that_were_typed(line: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        autoscale_policy(bound(*line.split()), None)

    assert refused.value.hint == hint


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("autoscale shop --max 2", "autoscale shop --min 2 --max 2"),
        ("autoscale shop --min 8", "autoscale shop --min 8 --max 8"),
        ("autoscale shop --min 8 --max 2", "autoscale shop --min 2 --max 8"),
    ],
)
def test_a_bound_that_was_typed_alone_stands_in_the_hint_and_the_stored_one_gives_way(
    line: str, hint: str
) -> None:
    with pytest.raises(UsageError) as refused:
        autoscale_policy(bound(*line.split()), Autoscale(3, 6))

    assert refused.value.hint == hint


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("run --health /up shop server", "run -p 8000 --health /up shop ..."),
        ("update shop --health /up", "update shop -p 8000 --health /up"),
        ("run -p 5432/tcp --health /up shop server", "run -p 5432/tcp --health tcp shop ..."),
    ],
)
def test_a_hint_on_health_is_of_the_app_and_the_command_that_were_typed(line: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        wanted_template(bound(*line.split()), Template(command=("server",), image="base"))

    assert refused.value.hint == hint


def test_a_plain_scale_of_an_autoscaled_app_is_refused_with_its_two_ways_out() -> None:
    with pytest.raises(CloudError) as refused:
        wishes.scaled(spec(2, Autoscale(1, 6)), ScaleChange("web", 5))

    assert refused.value.hint == "autoscale web --min 5 --max 6    (or: scale web=5 --manual)"


@pytest.mark.parametrize(
    ("wished", "hint"),
    [
        (2, "autoscale web --min 2 --max 4"),
        (3, "autoscale web --min 3 --max 4"),
        (9, "autoscale web --min 9 --max 9"),
        (5000, "autoscale web --min 1000 --max 1000"),
        (1, "autoscale web --min 1 --max 1"),
        (0, "autoscale web --min 1 --max 1"),
    ],
)
def test_who_scales_an_autoscaled_app_is_offered_bounds_that_give_no_less_than_asked_for(
    wished: int, hint: str
) -> None:
    with pytest.raises(CloudError) as refused:
        wishes.scaled(spec(2, Autoscale(2, 4)), ScaleChange("web", wished))

    assert refused.value.hint.partition("    ")[0] == hint


def test_a_manual_scale_ends_the_autoscaling() -> None:
    after = wishes.scaled(spec(2, Autoscale(1, 6)), ScaleChange("web", 5), manual=True)

    assert (after.want, after.autoscale) == (5, None)


def test_a_worker_of_an_autoscaled_app_cannot_be_stopped_for_good() -> None:
    with pytest.raises(CloudError, match="would start another"):
        wishes.stopped(spec(2, Autoscale(1, 6)), 2)


def test_a_frozen_app_keeps_its_number_and_says_what_it_would_have() -> None:
    decision = ScalingDecision(
        id=4,
        at_s=9.0,
        from_workers=2,
        final=5,
        action=Action.ADD,
        reason="busy",
        carried_out=True,
        inputs=Inputs(),
        model=Model(Trust.RULE, 0),
    )

    held = frozen(decision, spares=1)

    assert (held.final, held.spares, held.action, held.carried_out) == (2, 1, Action.HOLD, False)
    assert held.reason == "frozen at 2, wants 5: busy"
    assert held.limits == (Limit("frozen", 5, 2),)
    assert frozen(replace(decision, final=2), spares=0).reason == "frozen; busy"


@pytest.mark.parametrize(
    ("policy", "words", "steps"),
    [
        (None, ("off",), []),
        (Autoscale(1, 6), ("off",), ["web is scaled by hand from now on"]),
        (Autoscale(1, 6), ("--max", "6"), []),
        (
            Autoscale(1, 6),
            ("--min", "4"),
            ["start web.3, web.4", "web is scaled by itself from now on, 4 to 6 workers"],
        ),
    ],
)
def test_a_dry_run_tells_what_becomes_of_an_app_and_nothing_where_nothing_does(
    policy: Autoscale | None, words: tuple[str, ...], steps: list[str]
) -> None:
    verbs = verbs_over(serving([spec(policy=policy)], []))

    answer = verbs.autoscale(cast(Call, None), bound("autoscale", "web", *words, "--dry-run"))

    assert answer["steps"] == steps


def test_a_dry_run_refuses_what_would_be_refused() -> None:
    verbs = verbs_over(replace(serving([spec()], []), unreadable={"web": "targets/web"}))

    with pytest.raises(CloudError, match="targets/web cannot be read"):
        verbs.autoscale(cast(Call, None), bound("autoscale", "web", "--max", "6", "--dry-run"))


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (Autoscale(1, 6), "web is scaled by hand from now on"),
        (None, "web is scaled by hand already"),
    ],
)
def test_an_autoscaler_that_is_turned_off_is_told_apart_from_one_that_was_off(
    policy: Autoscale | None, told: str
) -> None:
    world = serving([spec(policy=policy)], [])

    def make(call: Call, edit: Edit) -> Made:
        return Made({}, edit(world.specs).note, world.revision)

    verbs = verbs_over(world, make=make)

    assert verbs.autoscale(cast(Call, None), bound("autoscale", "web", "off"))["message"] == told


def test_a_decision_that_is_not_kept_tells_which_are() -> None:
    store = FakeStore(lambda: 0.0)
    store.write({decision_key("web", kept): json.dumps({"id": kept}) for kept in (12, 30)})
    verbs = verbs_over(serving([spec(policy=Autoscale(1, 3))], []), store=store)

    with pytest.raises(CloudError, match=r"decision 6 is not kept: .* \(12, 30\)"):
        verbs.explain(cast(Call, None), Arguments({"app": "web", "decision": 6}))


def verbs_over(world: World, next_picture: object = None, **changes: object) -> ScalingVerbs:
    """Return the verbs of a manager that sees this world."""
    picture = SimpleNamespace(world=world)
    reconciler = SimpleNamespace(seen=lambda: picture, picture=lambda: picture, next_picture=next_picture)
    desk = SimpleNamespace(reconciler=reconciler, **changes)
    desk.foresee = partial(Changes.foresee, cast(Changes, desk))
    return ScalingVerbs(cast(Changes, desk))


def scaler(
    store: FakeStore, *names: str, policy: Autoscale | None = None, want: int = 1
) -> tuple[Scaler, World]:
    """Return an autoscaler of apps without load, of `web` by default, and what it sees."""
    store.write({"manager": "1"})
    fence = Fence("manager", store.read("manager").entries["manager"].create_revision)
    app = replace(an_app(want=want), autoscale=policy or Autoscale(1, 3))
    world = serving([replace(app, name=name) for name in names or ["web"]], [a_worker(1)])
    reconciler = SimpleNamespace(picture=lambda: SimpleNamespace(world=world, trouble=""), dirty=Event())
    clock = count(int(NOW)).__next__
    made = Scaler(
        reconciler=cast(Reconciler, reconciler),
        observer=cast(Observer, SimpleNamespace(latest=Measures)),
        store=store,
        fence=lambda: fence,
        journal=Journal(store, lambda: fence, lambda: NOW),
        clock=clock,
        recording=Recording(Path("/nowhere")),
    )
    return made, world


def explained(store: FakeStore, world: World, number: int | None = None) -> Mapping[str, object]:
    target = decode(ScalingTarget, store.read(target_key("web")).entries[target_key("web")].value)
    verbs = verbs_over(replace(world, targets={"web": target}), store=store)
    asked = Arguments({"app": "web"} if number is None else {"app": "web", "decision": number})
    answer = verbs.explain(cast(Call, None), asked)
    assert isinstance(answer, Mapping)
    return answer


def test_a_decision_that_was_shown_can_be_explained_a_minute_later_though_it_changed_nothing() -> None:
    store = FakeStore(lambda: 0.0)
    autoscaler, world = scaler(store)
    autoscaler.look()
    shown = explained(store, world)

    for _ in range(KEPT_HOLDS - 1):
        autoscaler.look()

    again = explained(store, world, cast(int, shown["id"]))
    assert {**again, "kept": shown["kept"]} == shown
    assert explained(store, world)["id"] == cast(int, shown["id"]) + KEPT_HOLDS - 1


def test_who_asks_before_the_first_decision_is_told_of_it_a_moment_later() -> None:
    store = FakeStore(lambda: 0.0)
    autoscaler, world = scaler(store)

    def next_picture(before: object, within_s: float) -> object:
        autoscaler.look()
        target = decode(ScalingTarget, store.read(target_key("web")).entries[target_key("web")].value)
        return SimpleNamespace(world=replace(world, targets={"web": target}))

    verbs = verbs_over(world, next_picture, store=store)
    call = cast(Call, SimpleNamespace(check=lambda: None))

    answer = verbs.explain(call, Arguments({"app": "web"}))

    assert isinstance(answer, Mapping)
    assert answer["id"] == 1


def test_an_explanation_names_the_newest_decision_and_those_before_that_changed_something() -> None:
    store = FakeStore(lambda: 0.0)
    actions = {1: "add", 2: "hold", 3: "remove", 4: "hold"}
    decided = ({"id": number, "action": action, "reason": "60 req/s"} for number, action in actions.items())
    store.write({decision_key("web", number): json.dumps(each) for number, each in enumerate(decided, 1)})
    target = SimpleNamespace(decision=4)
    world = replace(serving([spec(policy=Autoscale(1, 3))], []), targets={"web": cast(ScalingTarget, target)})

    answer = verbs_over(world, store=store).explain(
        cast(Call, None), Arguments({"app": "web", "decision": 1})
    )

    assert isinstance(answer, Mapping)
    assert answer["kept"] == [
        {"id": 4, "action": "hold", "reason": "60 req/s"},
        {"id": 3, "action": "remove", "reason": "60 req/s"},
        {"id": 1, "action": "add", "reason": "60 req/s"},
    ]


def test_of_decisions_that_change_nothing_no_more_are_kept_than_a_minute_has() -> None:
    store = FakeStore(lambda: 0.0)
    autoscaler, _ = scaler(store)

    for _ in range(2 * KEPT_HOLDS):
        autoscaler.look()

    assert len(store.read(DECISIONS).entries) == KEPT_HOLDS


def test_apps_that_hold_cost_one_write_of_the_store_together() -> None:
    store = FakeStore(lambda: 0.0)
    autoscaler, _ = scaler(store, "api", "shop", "web")
    autoscaler.look()
    before = store.revision()

    autoscaler.look()

    assert store.revision() == before + 1
    assert list(store.read(TARGETS).entries) == [target_key(name) for name in ("api", "shop", "web")]


def test_a_recommendation_is_told_and_kept_when_it_changes_and_not_at_every_look() -> None:
    store, told = FakeStore(lambda: 0.0), list[str]()
    autoscaler, _ = scaler(store, policy=Autoscale(1, 3, mode="recommend"), want=5)
    autoscaler.journal = cast(Journal, SimpleNamespace(note=lambda text, app: told.append(text)))

    for _ in range(KEPT_HOLDS):
        autoscaler.look()

    assert [text.partition(":")[0] for text in told] == ["autoscale recommends 3 workers"]
    assert len(store.read(f"{DECISIONS}web/0").entries) == 1


def test_the_newest_decision_is_the_one_that_counts_though_an_earlier_policy_came_further() -> None:
    store = FakeStore(lambda: 0.0)
    autoscaler, world = scaler(store)
    store.write({decision_key("web", 800): json.dumps({"id": 800, "action": "add", "reason": ""})})

    autoscaler.look()

    assert explained(store, world)["id"] != 800


def decided(at_s: float, *limits: Limit, raw: int | None = 5) -> ScalingDecision:
    final = limits[-1].after if limits else 5
    return ScalingDecision(
        id=1,
        at_s=at_s,
        from_workers=final,
        final=final,
        action=Action.HOLD,
        reason="busy",
        carried_out=True,
        inputs=Inputs(),
        model=Model(Trust.RULE, 0),
        raw=raw,
        limits=limits,
    )


def test_that_a_limit_holds_an_app_is_told_once_and_again_when_none_does() -> None:
    holds = Holds()
    held = Limit("max", 5, 3)

    assert holds.news("web", decided(0.0)) == ""
    assert holds.news("web", decided(1.0, held)) == "held to 3 by max: it needs 5"
    assert holds.news("web", decided(2.0, held)) == ""
    assert holds.news("web", decided(2.0 + OVER_S)) == "no limit holds it any more"
    assert holds.news("web", decided(3.0 + OVER_S)) == ""


def test_a_demand_that_wavers_around_a_limit_is_told_once() -> None:
    holds = Holds()
    holds.news("web", decided(0.0, Limit("host", 5, 4)))

    told = [
        holds.news("web", decided(10.0 * n, *([Limit("max", 5, 3)] if n % 2 else []))) for n in range(1, 30)
    ]

    assert set(told) == {""}


def test_a_minimum_or_a_decision_without_arithmetic_holds_nobody_back() -> None:
    holds = Holds()

    assert holds.news("web", decided(0.0, Limit("min", 1, 2))) == ""
    assert holds.news("web", decided(0.0, Limit("max", 5, 3), raw=None)) == ""

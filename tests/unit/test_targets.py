"""Where one worker is needed: which one a target means, and what is said when there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manager.api.amounts import ScaleChange
from manager.api.errors import AppNotFound, WorkerNotFound
from manager.service.targets import place_of
from manager.state import wishes
from manager.state.model import AppSpec, WorkerKey
from manager.state.world import World
from tests.simulation.worlds import NOW, a_worker, an_app, ended, known, serving, without

WEB_1, WEB_2 = WorkerKey("web", 1, 1), WorkerKey("web", 2, 1)


def test_a_worker_is_the_one_that_is_named(world: World) -> None:
    place = place_of(world, "web.2")

    assert (place.worker, place.container, place.notes) == ("web.2", world.containers[WEB_2].name, [])


def test_an_app_of_several_means_the_first_that_is_ready_and_says_which(world: World) -> None:
    leaving = known(world, replace(world.records[WEB_1], leaving_since=NOW))

    assert place_of(world, "web").notes == ["web has 2 workers, this is web.1"]
    assert place_of(leaving, "web").worker == "web.2"


def test_during_an_update_the_one_that_is_taken_and_the_other_are_named(world: World) -> None:
    both = serving([an_app()], [a_worker(1), a_worker(1, 2)])
    waiting = replace(both, live={"web": frozenset({"w_web_1_1"})})

    place = place_of(waiting, "web.1")

    assert place.container == both.containers[WEB_1].name
    assert place.notes == ["web.1 is of revision 1; that of revision 2 is web120000000"]


def test_an_app_of_one_means_it(world: World) -> None:
    place = place_of(without(world, WEB_2), "web")

    assert (place.worker, place.among, place.notes) == ("web.1", 1, [])


def test_a_container_s_id_may_be_cut_short(world: World) -> None:
    world = replace(
        world,
        containers={
            WEB_1: replace(world.containers[WEB_1], id="abcd1" + "0" * 59),
            WEB_2: replace(world.containers[WEB_2], id="abcd2" + "0" * 59),
        },
    )

    assert place_of(world, "abcd2").worker == "web.2"
    with pytest.raises(WorkerNotFound, match="2 containers"):
        place_of(world, "abcd")
    with pytest.raises(AppNotFound):
        place_of(world, "abc")


def test_what_does_not_run_is_refused_with_its_state(world: World) -> None:
    with pytest.raises(WorkerNotFound, match=r"web\.1 does not run \(backoff"):
        place_of(ended(world, WEB_1), "web.1")
    with pytest.raises(WorkerNotFound, match="web has no worker 7"):
        place_of(world, "web.7")
    with pytest.raises(AppNotFound, match="nosuch"):
        place_of(world, "nosuch")
    with pytest.raises(WorkerNotFound, match="web has no running worker"):
        place_of(ended(ended(world, WEB_1), WEB_2), "web")


def test_one_that_has_ended_will_do_where_it_is_asked_for_and_none_runs(world: World) -> None:
    both = ended(ended(world, WEB_1), WEB_2)

    assert place_of(both, "web.2", ended=True).container == world.containers[WEB_2].name
    assert (place_of(both, "web", ended=True).among, place_of(both, "web", ended=True).runs) == (2, False)
    assert place_of(ended(world, WEB_1), "web", ended=True) == place_of(without(world, WEB_1), "web")
    with pytest.raises(WorkerNotFound, match=r"web\.1 does not run"):
        place_of(without(both, WEB_1), "web.1", ended=True)


def test_of_a_worker_that_was_stopped_it_is_said_how_it_starts() -> None:
    one_stopped = wishes.stopped(wishes.scaled(an_app(), ScaleChange("web", 3)), 2)
    stopped = wishes.stopped(an_app(), None)

    assert refusal(one_stopped, "web.2") == ("web.2 is stopped", "start web.2")
    assert refusal(stopped, "web.2") == ("web.2 is stopped", "start web")
    assert refusal(stopped, "web") == ("web has no running worker", "start web")


def refusal(spec: AppSpec, word: str) -> tuple[str, str | None]:
    with pytest.raises(WorkerNotFound) as refused:
        place_of(serving([spec], []), word)
    return str(refused.value), refused.value.hint

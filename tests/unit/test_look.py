"""What a look makes of a worker."""

from __future__ import annotations

from dataclasses import replace

from manager.loop.look import by_worker, target_of
from manager.state.templates import Health
from tests.simulation.worlds import NOW, a_container, a_worker, an_app, serving


def test_a_worker_is_asked_whether_it_is_well_until_it_is_leaving() -> None:
    worker = a_worker(1)
    world, container = serving([an_app()], [worker]), a_container(worker.key)
    target = target_of(world, worker, container, answered=True)

    assert target is not None
    assert (target.address, target.port, target.starting) == (str(worker.address), 8000, False)
    assert target_of(world, replace(worker, leaving_since=NOW), container, answered=True) is None


def test_a_worker_whose_app_has_no_health_check_is_not_asked() -> None:
    spec = replace(an_app(), template=replace(an_app().template, health=Health("none")))
    worker = a_worker(1)

    assert target_of(serving([spec], [worker]), worker, a_container(worker.key), answered=False) is None


def test_a_container_by_another_name_is_the_worker_s_all_the_same() -> None:
    renamed = replace(a_container(a_worker(1).key), name="x")

    containers, misnamed = by_worker("default", [renamed])

    assert containers == misnamed == {a_worker(1).key: renamed}


def test_of_two_containers_the_worker_s_is_the_one_that_has_its_name() -> None:
    named = a_container(a_worker(1).key)
    renamed = replace(named, name="x", id="y")

    for found in ([named, renamed], [renamed, named]):
        assert by_worker("default", found) == ({a_worker(1).key: named}, {a_worker(1).key: renamed})

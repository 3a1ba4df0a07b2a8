"""What the commands say that only read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manager.service.reading import named, plain, silence_notes
from manager.service.show import Addressing, route_views
from manager.service.status import freeze_notes, stored
from manager.state.model import Rollback
from manager.state.records import ALL, app_key, freeze_key, worker_key
from tests.fakes.store import FakeStore
from tests.simulation.worlds import a_worker, an_app, serving


@pytest.mark.parametrize(
    ("names", "listed"), [([], ["api", "web"]), (["web"], ["web"]), (["web", "api", "web"], ["api", "web"])]
)
def test_an_app_is_listed_once_however_often_it_is_named(names: list[str], listed: list[str]) -> None:
    specs = {name: replace(an_app(), name=name) for name in ("web", "api")}

    assert [spec.name for spec in named(specs, names)] == listed


def test_the_times_of_what_is_inspected_are_as_in_every_document() -> None:
    spec = replace(an_app(), created_at=0.0, rolled_back=Rollback(1.5, 2, "web.1 failed"))

    shown = plain(spec)

    assert isinstance(shown, dict)
    assert shown["created_at"] == "1970-01-01T00:00:00.000Z"
    assert shown["rolled_back"]["at"] == "1970-01-01T00:00:01.500Z"
    assert shown["template"]["drain_s"] == spec.template.drain_s


def test_only_apps_that_are_there_are_called_frozen() -> None:
    world = replace(serving([an_app()], []), frozen=frozenset({"web", "junk/1/2"}))

    assert list(freeze_notes(world)) == ["web is frozen: nothing is done for it by itself (thaw web)"]


def test_a_manager_that_has_not_looked_yet_tells_from_the_store_what_there_is_and_what_is_frozen() -> None:
    store = FakeStore(lambda: 0.0)
    store.write({app_key("web"): "", freeze_key(ALL): "", freeze_key("web"): "", freeze_key("gone"): ""})
    store.write({worker_key(a_worker(slot).key): "" for slot in (1, 2)})

    assert stored(store) == (1, 2, ["all", "web"])


def test_routes_say_that_a_silent_proxy_tells_nothing_of_them() -> None:
    world = serving([an_app()], [])
    routes = route_views(world, an_app(), Addressing("127.0.0.1", 8080))
    silent = replace(world, live=None)

    assert list(silence_notes(silent, routes)) == [
        "the proxy does not say which routes it has: LIVE is not known (status)"
    ]
    assert list(silence_notes(world, routes)) == list(silence_notes(silent, [])) == []

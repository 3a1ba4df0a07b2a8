"""What must hold when nothing happens any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial

from manager.state.model import AppSpec
from manager.state.records import APPS, decode
from tests.chaos.operator import Possible, State
from tests.chaos.schedule import BUSY, CALM
from tests.eventually import eventually
from tests.real.cloud import Cloud
from tests.real.remains import orphans

READY_S = 10.0


def is_settled(cloud: Cloud) -> bool:
    """Return whether all is as it is wanted, with two managers and all of etcd, and no update under way.

    Starts what nobody keeps any more, as its error says.
    """
    outcome = cloud.look("status")
    if outcome.code == 3:
        cloud.run("up")
        return False
    if outcome.code != 0:
        return False
    status = outcome.json
    whole = len(status["standbys"]) == 1 and status["etcd"]["healthy"] and status["proxy"]["healthy"]
    return bool(whole and status["converged"]) and all(
        spec.fallback is None for spec in _stored(cloud).values()
    )


def broken_when_settled(cloud: Cloud, possible: Mapping[str, Possible]) -> list[str]:
    """Return what is not as it was acknowledged, not ready, or nobody's."""
    apps = _stored(cloud)
    return [
        *_forgotten(apps, possible),
        *_unready(cloud, apps),
        *(f"{words} is nobody's" for words in orphans(cloud)),
    ]


def _stored(cloud: Cloud) -> dict[str, AppSpec]:
    with cloud.store() as store:
        specs = [decode(AppSpec, entry.value) for entry in store.read(APPS).entries.values()]
    return {spec.name: spec for spec in specs}


def _forgotten(apps: Mapping[str, AppSpec], possible: Mapping[str, Possible]) -> Iterator[str]:
    for name, states in possible.items():
        spec = apps.get(name)
        seen = State(spec.want, spec.template.environment.get("MARK", "")) if spec is not None else None
        if seen not in states:
            yield f"{name} is {seen}, and was acknowledged as {' or '.join(map(str, states))}"


def _unready(cloud: Cloud, apps: Mapping[str, AppSpec]) -> Iterator[str]:
    """Yield what stays unready: on a busy machine a check of a worker that is well may come too late."""
    for name, spec in apps.items():
        if not _comes(partial(cloud.is_ready, name, spec.want)):
            yield f"{name} wants {spec.want} workers and has {[w.state for w in cloud.workers(name)]}"
    for name in (CALM, BUSY):
        if not _comes(partial(cloud.serves, name)):
            yield f"{name} answers {cloud.get(name).status}"


def _comes(condition: Callable[[], bool]) -> bool:
    with suppress(AssertionError):
        return eventually(condition, READY_S)
    return False

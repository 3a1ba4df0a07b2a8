"""The members of the embedded etcd that do not answer: started again, or made anew.

etcd refuses a member whose log is gone ("has already been bootstrapped"), since it may have voted. It has to
leave the cluster, and joins as another one under the same address; the others give it all they have. The same
helps one whose own data end it each time that it is started.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from manager.api.places import Places
from manager.engine.contract import Engine
from manager.engine.orders import PartOrder
from manager.host import parts
from manager.host.holds import hold, lift_hold
from manager.host.settings import Settings
from manager.store.gateway import ask

BEGINS_S = 10.0  # within that a member has made its data, unless it waits for others
HOLD_S = 60.0  # more than all of it takes


def bring_back(places: Places, settings: Settings, away: Collection[str], engine: Engine) -> str:
    """Each member whose endpoint is among `away` is on its way up; returns what was done.

    Raises EngineError, StoreUnavailable.
    """
    well = _first_well(settings, away)
    done = []
    for number in _numbers(settings, away):
        if well is not None and not has_log(_directory(places, number)):
            _make_anew(places, settings, number, well, engine)
            done.append(f"etcd{number} had lost its data, and gets it from the others")
        else:
            _directory(places, number).mkdir(mode=0o700, exist_ok=True)
            done.append(_start(parts.etcd_orders(places, settings)[number - 1], engine))
    return "; ".join(done)


def renew(places: Places, settings: Settings, away: Collection[str], engine: Engine) -> str:
    """Each member among `away` is made anew, whatever data it has; returns what was done.

    Not where no other answers: then theirs are the only data.  Raises EngineError, StoreUnavailable.
    """
    well = _first_well(settings, away)
    if well is None:
        return ""
    done = []
    for number in _numbers(settings, away):
        _make_anew(places, settings, number, well, engine)
        done.append(f"etcd{number} could not go on with its data, and gets those of the others")
    return "; ".join(done)


def _numbers(settings: Settings, away: Collection[str]) -> list[int]:
    """Return the numbers of the members that are away; they count from 1."""
    numbered = enumerate(settings.etcd_endpoints, start=1)
    return [number for number, endpoint in numbered if endpoint in away]


def _first_well(settings: Settings, away: Collection[str]) -> str | None:
    return next((endpoint for endpoint in settings.etcd_endpoints if endpoint not in away), None)


def _start(order: PartOrder, engine: Engine) -> str:
    """The member runs anew, one that began a moment ago goes on; returns what was done.

    It may be making its first data: an etcd that is killed then never works again.
    """
    engine.parts.start(order, replace=True)  # one that joined the others would look for them again
    began_at = next((part.started_at for part in engine.parts.list() if part.name == order.name), None)
    if began_at is not None and time.time() - began_at < BEGINS_S:
        return f"started {order.name}"
    engine.parts.restart(order.name)
    return f"restarted {order.name}"


def without_data(places: Places, settings: Settings) -> list[int]:
    """Return the numbers of the embedded members whose data are not where they should be.

    A member that runs ends soon without: each half a minute etcd looks through them.
    """
    own = () if settings.own_etcd else settings.etcd_endpoints
    return [number for number, _ in enumerate(own, start=1) if not has_log(_directory(places, number))]


def lost_words(places: Places, numbers: Iterable[int]) -> str:
    """Return that the data of these members are lost."""
    return f"the data of {', '.join(f'etcd{number}' for number in numbers)} are gone from {places.state}"


def has_log(directory: Path) -> bool:
    """Return whether a member's data are there; a start that etcd refused leaves some without a log."""
    return any((directory / "member" / "wal").glob("*.wal"))


def _make_anew(places: Places, settings: Settings, number: int, well: str, engine: Engine) -> None:
    """The member has no data and joins those that the one at the endpoint `well` is of."""
    order = parts.etcd_orders(places, settings, state="existing")[number - 1]
    directory = _directory(places, number)
    with _held(places, order.name):
        # first: where the others refuse, as they cannot do without it, its data may be the last of them
        _expect_anew(well, f"http://127.0.0.1:{settings.etcd_ports[number - 1][1]}")
        engine.parts.remove(order.name, grace_s=0)
        shutil.rmtree(directory / "member", ignore_errors=True)
        directory.mkdir(mode=0o700, exist_ok=True)
        engine.parts.start(order)


def _expect_anew(endpoint: str, peer_url: str) -> None:
    """The cluster waits for a new member at the peer address, and no longer knows the one that was there."""
    match ask(endpoint, None, "cluster/member/list", {}):
        case {"members": [*members]}:
            for member in members:
                if peer_url in member.get("peerURLs", ()):
                    ask(endpoint, None, "cluster/member/remove", {"ID": member["ID"]})
    ask(endpoint, None, "cluster/member/add", {"peerURLs": [peer_url]})


def _directory(places: Places, number: int) -> Path:
    return places.state / f"etcd{number}"


@contextmanager
def _held(places: Places, name: str) -> Iterator[None]:
    """No manager starts the part as it was for the length of a `with`."""
    hold(places, HOLD_S, name)
    try:
        yield
    finally:
        lift_hold(places, name)

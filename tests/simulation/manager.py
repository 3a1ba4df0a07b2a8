"""One manager process of the simulation: the product's parts, put together as manager.daemon does."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, cast

from manager.api.errors import Conflict, EngineError, StoreUnavailable
from manager.api.wire import Request
from manager.engine.contract import Watch
from manager.journal import Journal
from manager.lead import REFRESH_S, Leadership
from manager.loop.apply import Effects
from manager.loop.hosts import HostsFiles
from manager.loop.look import Sight
from manager.loop.reconcile import TRY_AGAIN_S, Reconciler
from manager.observe.health import Prober
from manager.observe.proxy import ProxyApi
from manager.plan.draft import RESYNC_S
from manager.programs.store import Programs
from manager.secrets import Secrets
from manager.server import Call
from manager.service.changes import Changes, Edit
from manager.service.freezing import FreezeVerbs
from manager.state.model import WorkerKey
from manager.store import Fence
from netsetup.errors import NetworkError
from netsetup.network import Network
from tests.simulation.edges import SimEngine, SimStore
from tests.simulation.network import FakeHosts, FakeNetwork
from tests.simulation.prober import FakeProber
from tests.simulation.proxy import FakeProxy

CLOUD, TAG = "default", "ab12"
TROUBLE = (StoreUnavailable, Conflict, EngineError, NetworkError)  # what the loop answers with another try


class HandPool(ThreadPoolExecutor):
    """A pool without threads: what it was given runs when it is told to, in any order."""

    def __init__(self) -> None:  # nothing of a pool of threads is made
        self.waiting: list[tuple[Future[Any], Callable[[], object]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, lambda: fn(*args, **kwargs)))
        return future

    def run(self, index: int) -> None:
        """Do one step to its end."""
        future, work = self.waiting.pop(index)
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  as a pool does: the future has it
            future.set_exception(error)
        else:
            future.set_result(result)


def _never_held(container: str) -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class World:
    """The fakes that outlive managers."""

    clock: Callable[[], float]
    steady: Callable[[], float]
    subnet: IPv4Network
    store: SimStore
    engine: SimEngine
    network: FakeNetwork
    hosts: FakeHosts
    proxy: FakeProxy
    answers: Callable[[str, str], bool]


@dataclass(slots=True)
class SimulatedManager:
    """A manager that thinks when it is told to; it dies by being dropped, after `hang_up`."""

    world: World
    number: int
    pool: HandPool = field(default_factory=HandPool)
    wake_at: float = 0.0
    renew_at: float = 0.0
    trouble: str = ""
    leadership: Leadership = field(init=False)
    reconciler: Reconciler = field(init=False)
    prober: FakeProber = field(init=False)
    changes: Changes = field(init=False)
    _engine_watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        world, clock = self.world, self.world.clock
        self.leadership = Leadership(world.store, f"manager {self.number}")
        journal = Journal(world.store, self._fence_or_none, clock)
        # Sight and Effects are declared to take the real edges; the fakes do what these are asked here.
        network, proxy = cast(Network, world.network), cast(ProxyApi, world.proxy)
        hosts = cast(HostsFiles, world.hosts)
        self.prober = FakeProber(world.answers, self._look_again, world.steady)
        sight = Sight(
            cloud=CLOUD,
            tag=TAG,
            subnet=world.subnet,
            store=world.store,
            engine=world.engine,
            network=network,
            hosts=hosts,
            prober=cast(Prober, self.prober),
            proxy=proxy,
            clock=clock,
            steady=self.world.steady,
            boot="the only one",
        )
        effects = Effects(
            cloud=CLOUD,
            tag=TAG,
            store=world.store,
            engine=world.engine,
            network=network,
            programs=Programs(Path("/no-programs")),
            hosts=hosts,
            secrets=Secrets(Path("/no-secrets"), Path("/none-lent")),
            journal=journal,
            fence=self._fence,
            clock=clock,
            held_s=_never_held,
        )
        self.reconciler = Reconciler(sight, effects, self.leadership, _starts=self.pool, _stops=self.pool)
        self.changes = Changes(world.store, self.leadership, self.reconciler, journal, clock, lead_wait_s=0.0)
        self._engine_watch = world.engine.watch(self.reconciler.dirty.set)

    def hang_up(self) -> None:
        """Nobody tells this manager anything any more."""
        self._engine_watch.close()

    @property
    def leads(self) -> bool:
        return self.leadership.fence is not None

    @property
    def busy(self) -> frozenset[WorkerKey]:
        return frozenset(self.reconciler._busy)

    def renew(self) -> None:
        """The leader key is renewed, as Leadership's thread does."""
        self.renew_at = self.world.steady() + REFRESH_S
        try:
            self.leadership._renew()
        except (StoreUnavailable, Conflict) as error:
            self.trouble = str(error)

    def think(self) -> bool:
        """Look, plan and act once, as the loop's thread does; returns whether the pass went through."""
        told = self.reconciler.dirty.is_set()
        self.reconciler.dirty.clear()
        try:
            self.trouble = ""
            rests = not told and self.reconciler._rests()
            wait_s = RESYNC_S if rests else self.reconciler._pass(told=told)
        except TROUBLE as error:
            self.trouble = str(error)
            wait_s = TRY_AGAIN_S
        self.wake_at = self.world.steady() + wait_s
        return not self.trouble

    def change(self, request: str, edit: Edit) -> None:
        """Change specs as a client's command does; raises what Changes.make raises."""
        # make() reads the request only: there is no client to hang up
        call = Call(Request(1, "change", {"request": request}), cast(socket.socket, None))
        self.changes.make(call, edit)

    def freeze(self, app: str | None, *, frozen: bool) -> None:
        """Freeze or thaw an app or the cloud; raises what the command raises."""
        verbs = FreezeVerbs(self.changes)
        verbs.set_frozen(app) if frozen else verbs.set_thawed(app)

    def _fence_or_none(self) -> Fence | None:
        return self.leadership.fence

    def _look_again(self) -> None:
        self.reconciler.dirty.set()

    def _fence(self) -> Fence:
        return self.leadership.held()

"""A whole cloud of fakes with one manager at a time; what happens next is told by a script or by luck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network
from random import Random

from balancer.routes import server_name
from manager.state.ending import HOPELESS
from manager.state.model import AppSpec, WorkerKey, WorkerRecord, container_name
from manager.state.records import ALL, PROXY
from manager.state.world import is_current, is_left_alone
from tests.simulation.edges import CRASHES, SimEngine, SimStore
from tests.simulation.faults import Broken, Faults, ManagerDied, fine
from tests.simulation.judge import Judge, Known
from tests.simulation.manager import CLOUD, SimulatedManager, World
from tests.simulation.network import FakeHosts, FakeNetwork
from tests.simulation.operator import NOW, Operator
from tests.simulation.proxy import FakeProxy, Traffic

SUBNET = IPv4Network("10.9.0.0/28")  # 13 workers: addresses are soon used again
RESTART_S = 0.3  # from a manager's death until the next one runs
PASS_S = 0.002
PATIENCE_S = 150.0  # two waits of a back-off: all is well again this long after the last fault
PATIENCE_PASSES = 600
REQUEST_EVERY_S = 0.03
REQUESTS_S = (0.01, 0.06, 0.2)  # what a request may take; DRAIN_S lies between the last two


@dataclass(slots=True)
class Clock:
    """Seconds that nobody sets.  ahead_s: how far the time of day was set forward from them."""

    now: float = NOW
    ahead_s: float = 0.0

    def __call__(self) -> float:
        return self.now

    def of_day(self) -> float:
        """Return what managers read: seconds since 1970."""
        return self.now + self.ahead_s


class Cloud:
    """The world, the manager and the operator; `turn` lets the next thing happen."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.luck: Random | None = None
        self.judge = Judge(self.clock, self.clock.of_day)
        self.operator = Operator(self.judge)
        self.faults = Faults(self._meanwhile, self._after_effect)
        self.store = SimStore(self.clock, self.faults)
        self.engine = SimEngine(self.clock, self.faults, self.judge)
        self.proxy = FakeProxy(self._stored_servers, self.clock)
        self.traffic = Traffic(self.proxy, self.judge)
        self.hosts = FakeHosts(self.faults)
        self.network = FakeNetwork(self.faults, self.engine.namespaces, self.traffic.count)
        self.judge.hosts = self.hosts
        self.judge.store, self.judge.engine, self.judge.network = self.store, self.engine, self.network
        self.judge.proxy, self.judge.traffic = self.proxy, self.traffic
        self.manager: SimulatedManager | None = None
        self.managers = 0
        self.passes = 0
        self.start_at = self.clock.now
        self._request_at = self.clock.now
        self._coming: list[tuple[float, Callable[[], None]]] = []
        self._world = World(
            self.clock.of_day,
            self.clock,
            SUBNET,
            self.store,
            self.engine,
            self.network,
            self.hosts,
            self.proxy,
            self.judge.answers,
        )
        self.store.watch(PROXY, self.proxy.changed)

    def turn(self) -> None:
        """Let the next thing happen; time passes when nothing is due."""
        try:
            self._let_the_world_go_on()
            self._let_the_manager_go_on()
        except ManagerDied:
            self._bury_manager()

    def settle(self) -> None:
        """Go on until everything is as it was asked for; raises Broken when it never is."""
        ends_at, last_pass = self.clock.now + PATIENCE_S, self.passes + PATIENCE_PASSES
        while not self.is_settled():
            if self.clock.now > ends_at or self.passes > last_pass:
                raise Broken(f"not settled after {self.passes} passes: {self._state()}")
            self.turn()
        self.judge.check_nothing_left()
        self.judge.all_is_well()

    def is_settled(self) -> bool:
        """Return whether all workers are there and in use, nothing is under way, and nobody waits."""
        manager = self.manager
        if manager is None or manager.pool.waiting or self.operator.waits or manager.trouble:
            return False
        picture = manager.reconciler.picture()
        if picture is None or not picture.converged:
            return False
        specs, records = dict(self.store.specs()), dict(self.store.records())
        if picture.world.specs != specs:
            return False
        for app in {key.app for key in records if is_left_alone(picture.world, records[key])}:
            if not all(self._is_serving(key) for key in records if key.app == app):
                specs.pop(app)  # nothing more is done for it, and that is right
                records = {key: record for key, record in records.items() if key.app != app}
        wanted = {(spec.name, slot) for spec in specs.values() for slot in spec.slots | spec.spare_slots}
        if {(key.app, key.slot) for key in records} != wanted or len(records) != len(wanted):
            return False
        if any(spec.removing for spec in specs.values()):
            return False
        if any(found.name != container_name(CLOUD, key) for key, found in self.engine.all().items()):
            return False
        return (self.network.bridge or ALL in picture.world.frozen) and all(
            self._is_as_wanted(specs[record.app], record) for record in records.values()
        )

    def _is_as_wanted(self, spec: AppSpec, record: WorkerRecord) -> bool:
        if record.slot in spec.spare_slots:
            fit = record.spare and record.revision == spec.revision
            container = self.engine.all().get(record.key)
            crashes = record.failures > 1  # no update tries its command while no worker is wanted
            return fit and (crashes or (container is not None and container.state == "paused"))
        return is_current(spec, record) and (self._is_in_use(record) or _is_hopeless(spec, record))

    def _is_in_use(self, record: WorkerRecord) -> bool:
        return self._is_serving(record.key) and self._is_found(record)

    def _is_found(self, record: WorkerRecord) -> bool:
        """Return whether the worker is told by name; one that is frozen may have been cut off for good."""
        manager = self.manager
        picture = manager.reconciler.picture() if manager else None
        return self.judge.is_named(record) or (picture is not None and picture.world.is_frozen(record.app))

    def run_for(self, seconds: float) -> None:
        ends_at = self.clock.now + seconds
        while self.clock.now < ends_at:
            self.turn()

    def kill_manager(self) -> None:
        """SIGKILL, between two effects."""
        if self.manager is not None:
            self._bury_manager()

    def worker(self, app: str, slot: int) -> WorkerKey:
        """Return the worker that stays in the slot."""
        return next(
            key
            for key, record in self.store.records().items()
            if (key.app, key.slot) == (app, slot) and record.leaving_since is None
        )

    def heal(self) -> None:
        """No more faults; what is away comes back, and who hung goes on."""
        self.faults.chance = fine
        self.judge.silent.clear()
        for _, act in self._coming:
            act()
        self._coming = []

    def keep_untouched(self, app: str) -> None:
        """From here on the judge sees to it that the app's workers stay the same."""
        for key, container in self.engine.all().items():
            if key.app == app:
                self.judge.untouched[key] = container.id

    def let_time_pass(self) -> None:
        """Go to the moment at which something is due."""
        self.clock.now = max(self.clock.now + 0.0005, min(self._due_times()))

    def send_requests(self) -> None:
        """Each app with a route gets a request."""
        self._request_at = self.clock.now + REQUEST_EVERY_S
        for index, app in enumerate(sorted(self.proxy.taken)):
            takes_s = REQUESTS_S[(self.passes + index) % len(REQUESTS_S)]
            self.traffic.send(app, self.clock.now, takes_s)

    def harm_all(self) -> None:
        """The world did something to every worker."""
        for key in self.store.records():
            self.judge.harm(key)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do this when so much time has passed, or at `heal`."""
        self._coming.append((self.clock.now + seconds, act))

    def _let_the_world_go_on(self) -> None:
        now = self.clock.now
        due = [each for each in self._coming if each[0] <= now]
        self._coming = [each for each in self._coming if each[0] > now]
        for _, act in due:
            act()
        if self.proxy.due_at is not None and self.proxy.due_at <= now:
            self.proxy.take_up()
        self.traffic.finish(now)
        if self._request_at <= now:
            self.send_requests()
        if self.manager is None and self.start_at <= now:
            self.managers += 1
            self.manager = SimulatedManager(self._world, self.managers)
        if self.manager is not None and self.manager.leads and not self.store.away:
            self.faults.deliver_late()

    def _let_the_manager_go_on(self) -> None:
        manager = self.manager
        if manager is None:
            self.let_time_pass()
            return
        manager.prober.probe()
        if manager.renew_at <= self.clock.now:
            manager.renew()
        if self.operator.waits and manager.leads and self._by_luck(0.7):
            self.operator.send(manager)
        if manager.pool.waiting and self._by_luck(0.7):
            self._run_slow(manager)
        elif manager.leads and (manager.reconciler.dirty.is_set() or manager.wake_at <= self.clock.now):
            self._think(manager)
        else:
            self.let_time_pass()

    def _run_slow(self, manager: SimulatedManager) -> None:
        count = len(manager.pool.waiting)
        manager.pool.run(self.luck.randrange(count) if self.luck else 0)
        if manager.reconciler.last_error:
            raise Broken(f"a step failed: {manager.reconciler.last_error}")

    def _think(self, manager: SimulatedManager) -> None:
        self.passes += 1
        self.clock.now += PASS_S
        self.judge.begin_pass()
        busy, prober, tries = manager.busy, manager.prober, self.operator.tries
        well, unwell = prober.found(well=True), prober.found(well=False)
        went_through, picture = manager.think(), manager.reconciler.picture()
        # a change under way would be judged too early, and where the clock was set nothing else was done yet
        is_early = tries != self.operator.tries or picture is None or picture.world.clock_set_s
        if went_through and picture is not None and not is_early:
            known = Known(well & prober.found(well=True), unwell & prober.found(well=False))
            self.judge.end_pass(busy | manager.busy, known)
            self.judge.knows_frozen(name for name in picture.world.specs if picture.world.is_frozen(name))

    def _meanwhile(self) -> None:
        """The world goes on between two looks, and before each effect, of the manager."""
        if self.luck is None or self.luck.random() > 0.1:
            return
        manager = self.manager
        what = self.luck.randrange(6)
        self.clock.now += self.luck.choice((0.0, 0.001, 0.1))
        if what == 0 and self.proxy.due_at is not None:
            self.proxy.take_up()
        elif what == 1:
            self.send_requests()
        elif what == 2:
            self.traffic.finish(self.clock.now)
        elif what == 3 and manager is not None:
            manager.prober.probe()
        elif what == 4 and manager is not None and manager.pool.waiting:
            self._run_slow(manager)
        elif what == 5 and manager is not None and manager.leads and self.operator.waits:
            self.operator.send(manager)

    def _after_effect(self) -> None:
        self.judge.after_effect()
        self.operator.check()

    def _bury_manager(self) -> None:
        assert self.manager is not None
        self.manager.hang_up()
        self.manager = None
        self.start_at = self.clock.now + RESTART_S

    def _by_luck(self, probability: float) -> bool:
        return self.luck is None or self.luck.random() < probability

    def _due_times(self) -> list[float]:
        manager = self.manager
        times = [at for at, _ in self._coming]
        times += [request.ends_at for request in self.traffic.open]
        times += [] if self.proxy.due_at is None else [self.proxy.due_at]
        if manager is None:
            return [*times, self.start_at]
        probe_at = manager.prober.due_at
        times += [] if probe_at is None else [probe_at]
        times.append(self._request_at)
        return [*times, manager.renew_at, manager.wake_at if manager.leads else manager.renew_at]

    def _stored_servers(self) -> dict[str, dict[str, str]] | None:
        return None if self.store.away else self.store.servers()

    def _is_serving(self, key: WorkerKey) -> bool:
        record = self.store.records()[key]
        if record.port is None:
            container = self.engine.all().get(key)
            return container is not None and container.state == "running"
        servers = self.proxy.taken.get(key.app, {})
        container = self.judge.reached(f"{record.address}:{record.port}")
        return container is not None and server_name(*key) in servers

    def _state(self) -> str:
        """Return everything that may tell why nothing settles."""
        manager = self.manager
        lines = [str(spec) for spec in self.store.specs().values()]
        lines += [str(record) for record in self.store.records().values()]
        lines += [f"{container.name} {container.state}" for container in self.engine.all().values()]
        lines += [f"the proxy has {self.proxy.taken}", manager.trouble if manager else "no manager"]
        return "\n".join(lines)


def _is_hopeless(spec: AppSpec, record: WorkerRecord) -> bool:
    """Return whether the worker's command ends whenever it is started, and there is none to fall back to."""
    ends = spec.template.command == CRASHES and not spec.is_updating
    return ends and record.failures >= HOPELESS and record.retry_at is not None

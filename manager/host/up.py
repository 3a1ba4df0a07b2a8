"""`up`: from whatever there is to a running cloud, in numbered steps; nothing is done twice.

Each step looks before it acts. When one fails, what this `up` began is undone, so that the next one starts
from what it found; a cloud that ran before is never taken down by a failing `up`.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from balancer.routes import render
from manager.api.cite import cited
from manager.api.errors import CloudError, SetupFailed
from manager.api.places import Places
from manager.engine.docker_engine import DockerEngine
from manager.engine.orders import PartOrder
from manager.host import keeper, parts, ports, setup, systemd
from manager.host.access import RUN_MODE, ensure_group, give_access
from manager.host.choose import LOOPBACK, Asked, free_http_port, settings_for
from manager.host.docker_host import docker_socket
from manager.host.down import take_down
from manager.host.external_etcd import keep_files, knock
from manager.host.files import locked
from manager.host.holds import lift_hold
from manager.host.images import ensure_images
from manager.host.liveness import end_stuck, eventually, has_standby, is_led, is_up, late_apps, proxy_answers
from manager.host.network import network_of
from manager.host.processes import end_lost, end_processes, processes_of
from manager.host.recall import recall
from manager.host.remains import is_there
from manager.host.renew import ask_again
from manager.host.settings import Settings, save
from manager.host.telling import Telling, say, simplecloud
from manager.host.turn import our_turn, turn_if_free
from manager.state.records import PROXY
from manager.store import EtcdStore, Member

CHOOSING = Path("/run/simplecloud/choose.lock")  # no two clouds choose the same ports
STEPS, BOOT_STEPS = 8, 6
READY_S = 30.0
MEMBERS_S = 5.0  # for those of etcd's members that come behind the others


@dataclass(slots=True)
class Up:
    """One `up` of one cloud; steps share the settings and the engine once these are there."""

    places: Places
    asked: Asked
    telling: Telling = field(default_factory=lambda: Telling(STEPS))
    began_at: float = field(default_factory=time.monotonic)
    settings: Settings = field(init=False)
    engine: DockerEngine = field(init=False)

    def run(self) -> int:
        """Start the cloud; raises CloudError after undoing what was begun."""
        with our_turn(self.places, say):
            self._require_possible()
            if is_up(self.places):
                self._require_store()
                self._hand_to_systemd()
                self._keep()
                self._await_leader()
                say(f"the cloud {cited(self.places.cloud)} is up")
                return 0
            self._start()
        self._await_apps()
        took_s = time.monotonic() - self.began_at
        say(f"the cloud {cited(self.places.cloud)} is up: {self.settings.proxy_url} ({took_s:.1f} s)")
        return 0

    def _require_possible(self) -> None:
        """What was asked for can be had; raises CloudError while nothing has been begun."""
        if self.asked.systemd:
            systemd.require_systemd()
        settings_for(self.places, self.asked)
        if self.asked.etcd is not None:
            knock(self.asked.etcd)

    def _require_store(self) -> None:
        """The store of a cloud that has managers answers; raises SetupFailed where it does not soon."""
        settings = settings_for(self.places, self.asked)
        with closing(parts.store_of(self.places, settings)) as store:
            if not eventually(lambda: _any_answers(store.members()), MEMBERS_S):
                hint = simplecloud(self.places, "doctor --fix" if not settings.own_etcd else "doctor")
                raise SetupFailed("etcd does not answer: nothing can be changed", hint=hint)

    def boot(self) -> int:
        """All but the managers is there, as after `up`: what systemd does before the keeper."""
        if recall(self.places) is None:
            raise SetupFailed(
                f"the cloud {cited(self.places.cloud)} was never started", hint="simplecloud up"
            )
        with turn_if_free(self.places) as ours:
            if ours:  # else an `up` is at it
                self._take(self._steps()[:BOOT_STEPS])
        return 0

    def _start(self) -> None:
        had_state, ran_before = self.places.state.exists(), is_there(self.places)
        try:
            self._take(self._steps())
        except (CloudError, OSError, KeyboardInterrupt):
            if ran_before:  # workers may serve: a failing `up` is no reason to take them down
                say(f"leaving what was there before; {simplecloud(self.places, 'down')} removes it")
            else:
                self._undo(forget=not had_state)
            raise

    def _undo(self, *, forget: bool) -> None:
        say("undoing what was begun")
        try:
            take_down(self.places, purge=False)
        except CloudError as error:
            say(f"could not undo all of it: {error.message}; {simplecloud(self.places, 'down')}")
            return
        if forget:
            shutil.rmtree(self.places.state, ignore_errors=True)  # its logs stay, to tell what went wrong

    def _take(self, steps: Sequence[tuple[str, Callable[[], None]]]) -> None:
        for number, (title, step) in enumerate(steps, start=1):
            with self.telling.step(number, title):
                step()

    def _hand_to_systemd(self) -> None:
        """A cloud that runs under a keeper of its own has none: it gets one that systemd keeps."""
        if self.asked.systemd and not systemd.is_enabled(self.places):
            end_processes(self.places, "keeper")

    def _steps(self) -> list[tuple[str, Callable[[], None]]]:
        return [
            ("machine: Docker, etcd, nftables", self._machine),
            ("images: base, etcd, proxy", self._images),
            ("settings: ports and subnet", self._settings),
            ("network: bridge and rules", self._network),
            ("store: etcd", self._store),
            ("proxy: Traefik", self._proxy),
            ("managers: a leader and a standby", self._managers),
            ("self-test: a request through the proxy", self._self_test),
        ]

    def _machine(self) -> None:
        setup.prepare(self.telling.say, docker_socket(self.places))
        end_lost(self.places)
        group = ensure_group()
        for directory, mode in (
            (self.places.run, RUN_MODE),
            (self.places.log, RUN_MODE),
            (self.places.state, 0o700),
        ):
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(mode)
        os.chown(self.places.run, 0, group)

    def _images(self) -> None:
        self.engine = DockerEngine(self.places.cloud, docker_socket(self.places))
        ensure_images(self.engine.images, self.telling.say)

    def _settings(self) -> None:
        with locked(CHOOSING):
            self.settings = settings_for(self.places, self.asked)
            if self.asked.etcd is not None:
                keep_files(self.places.state, self.asked.etcd.files)
            save(self.places, self.settings)

    def _store(self) -> None:
        orders = parts.etcd_orders(self.places, self.settings)
        for order, member_ports in zip(orders, self.settings.etcd_ports, strict=True):
            for mount in order.mounts:
                if mount.writable:
                    Path(mount.host_path).mkdir(mode=0o700, exist_ok=True)
            self._start_part(order, [(LOOPBACK, port) for port in member_ports])
        with closing(parts.store_of(self.places, self.settings)) as store:
            _until(lambda: _any_answers(store.members()), "etcd does not answer", "etcd_1")
            if not self.settings.own_etcd:
                self._await_members(store)

    def _await_members(self, store: EtcdStore) -> None:
        """Every member answers; one that does not get so is no reason to fail, but is told."""
        members = eventually(store.members, MEMBERS_S, lambda members: not _away(members))
        fix = simplecloud(self.places, "doctor --fix")
        for member in _away(members):
            self.telling.say(f"warning: {member} does not answer, and the cloud goes on without: {fix}")

    def _start_part(self, order: PartOrder, entries: Iterable[tuple[str, int]]) -> None:
        """The part is started, on these addresses and ports, which nobody else may have."""
        if not self._runs(order):
            for address, port in entries:
                require_free(self.places, self.settings, address, port)
        self.engine.parts.start(order, replace=True)

    def _runs(self, order: PartOrder) -> bool:
        """Return whether the part runs; one that was renamed has its ports all the same."""
        running = (part for part in self.engine.parts.list() if part.state == "running")
        return any(part.name == order.name or part.order == order.digest for part in running)

    def _network(self) -> None:
        with network_of(self.places, self.settings) as network:
            network.ensure()
        parts.rules_mark(self.places).touch()

    def _proxy(self) -> None:
        with closing(parts.store_of(self.places, self.settings)) as store:
            if not store.read(PROXY).entries:  # an empty root would make the proxy wait up to 20 s
                store.write({PROXY + key: value for key, value in render([]).items()})
        settings = self.settings
        entries = [(settings.bind, port) for port in (settings.http_port, *settings.tcp_ports)]
        own = [*entries, (LOOPBACK, settings.proxy_api_port)]
        order = parts.proxy_order(self.places, settings)
        self._start_part(order, own)
        if not self._runs(order):
            raise SetupFailed(f"{order.name} does not stay up", hint=f"docker logs {order.name}")

    def _managers(self) -> None:
        with closing(parts.store_of(self.places, self.settings)) as store:
            # what `down` took away is wanted again, also in a frozen cloud
            there = {container.key for container in self.engine.workers()}
            ask_again(store, None, lambda worker: worker.key not in there)
        self._keep()

    def _keep(self) -> None:
        """A keeper runs, and two managers, none of them stopped."""
        give_access(self.places, 0, ensure_group())
        if left_s := lift_hold(self.places):
            self.telling.say(f"a drill would have held the managers down for {left_s:.0f} s more: it is over")
        for pid in end_stuck(self.places):
            self.telling.say(f"process {pid} did not answer: killed, and another takes its place")
        if self.asked.systemd or systemd.is_enabled(self.places):
            systemd.enable(self.places)
        elif not processes_of(self.places, "keeper"):
            keeper.spawn(self.places, "keeper")
        _until(lambda: has_standby(self.places), "the managers do not answer", "manager-1.log")

    def _self_test(self) -> None:
        _until(lambda: proxy_answers(self.settings), "the proxy does not serve its own route", "proxy")

    def _await_apps(self) -> None:
        """The apps that the state has are ready again; one that does not get so is no reason to fail."""
        for name in late_apps(self.places, READY_S):
            self.telling.say(f"{name} is not ready yet: ps {name}")
        self._await_leader()

    def _await_leader(self) -> None:
        """A manager leads: who asks next is not told of a network that is not known to be intact."""
        if not eventually(lambda: is_led(self.places), READY_S):
            self.telling.say(f"no manager leads the cloud yet: {simplecloud(self.places, 'status')}")


def _any_answers(members: Iterable[Member]) -> bool:
    """Return whether etcd can be worked with: a member answers only with a quorum behind it."""
    return any(member.healthy for member in members)


def _away(members: Iterable[Member]) -> list[str]:
    """Return which of the embedded etcd's members do not answer."""
    numbered = enumerate(members, start=1)
    return [f"etcd{number} ({member.endpoint})" for number, member in numbered if not member.healthy]


def require_free(places: Places, settings: Settings, address: str, port: int) -> None:
    """Raise SetupFailed where another has a port of the cloud, with the option that named the port."""
    if not ports.is_free(address, port):
        owner = ports.owner_of(port)
        options = {settings.http_port: " (--http-port)"} | dict.fromkeys(settings.tcp_ports, " (--tcp-ports)")
        option = options.get(port, "")
        hint = f"ss -ltnp 'sport = :{port}'    (end that; down --purge forgets the port, with all state)"
        if port == settings.http_port and (free := free_http_port(places, address, settings.tcp_ports)):
            hint = f"simplecloud up --http-port {free}    (or end that)"
        raise SetupFailed(f"port {port}{option}, which this cloud has, is in use by {owner}", hint=hint)


def _until(holds: Callable[[], bool], complaint: str, log_of: str) -> None:
    """Return once it holds; raises SetupFailed after READY_S."""
    if not eventually(holds, READY_S):
        raise SetupFailed(f"{complaint} within {READY_S:.0f} s", hint=f"simplecloud doctor    ({log_of})")

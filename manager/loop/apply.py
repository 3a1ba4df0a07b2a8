"""Carries out the steps of a plan; each may be repeated and may end half-way.

Whatever a step cannot do, the next pass sees and plans again. A worker that cannot be started is recorded
with the reason, so that the back-off survives this manager.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import assert_never

from manager.api.errors import (
    EngineAway,
    EngineError,
    ImageNotFound,
    SecretNotFound,
    SecretRejected,
    WorkerNotFound,
)
from manager.engine.containers import KILLED
from manager.engine.contract import Engine, NameTaken
from manager.journal import Journal
from manager.loop.hosts import HostsFiles
from manager.loop.kept import beyond_undo, keys_of_removed, named_files
from manager.loop.order import worker_order
from manager.observe.host_use import memory
from manager.plan.steps import (
    Bury,
    Forget,
    Launch,
    MendNetwork,
    Pause,
    Publish,
    Rename,
    Retire,
    SaveRecords,
    SaveSpec,
    Step,
    SweepPort,
    Unpause,
    WriteHosts,
)
from manager.plan.wiring import own_names, port_of
from manager.programs.store import Programs
from manager.secrets import Secrets
from manager.state.ending import Ending, exit_words
from manager.state.model import AppSpec, WorkerRecord, container_name
from manager.state.records import (
    CLOCK_KEY,
    DECISIONS,
    PROXY,
    app_key,
    encode,
    target_key,
    worker_key,
)
from manager.state.remedy import remedy_of
from manager.store import Fence, Store
from netsetup.errors import NamespaceGone, NetworkError
from netsetup.network import Network
from netsetup.port import Port

log = logging.getLogger(__name__)

LAST_LINE_LENGTH = 200  # of the lines that an ending quotes: what a worker prints must not fill the store
CANNOT_START = 125  # the exit code that docker itself gives for a container it could not run


@dataclass(frozen=True, slots=True)
class Effects:
    """The edges that steps touch. `fence` raises when this manager may not act now.

    held_s: for how long a drill still keeps the container of this name down, or 0.
    """

    cloud: str
    tag: str
    store: Store
    engine: Engine
    network: Network
    programs: Programs
    hosts: HostsFiles
    secrets: Secrets
    journal: Journal
    fence: Callable[[], Fence]
    clock: Callable[[], float]
    held_s: Callable[[str], float]

    def apply(self, step: Step) -> None:
        """The step is done, as far as it can be now."""
        match step:
            case SaveRecords():
                self.save(step)
            case SaveSpec():
                self.save_spec(step)
            case Publish():
                self.publish(step)
            case Forget():
                self.forget(step)
            case MendNetwork():
                self.mend(step)
            case WriteHosts():
                self.write_hosts(step)
            case SweepPort():
                self.sweep(step)
            case Launch():
                self.launch(step)
            case Bury():
                self.bury(step)
            case Pause():
                self.engine.pause(container_name(self.cloud, step.record.key))
            case Unpause():
                self.engine.unpause(container_name(self.cloud, step.record.key))
            case Rename():
                self.rename(step)
            case Retire():
                self.retire(step)
            case _:
                assert_never(step)

    def save(self, step: SaveRecords) -> None:
        puts = {worker_key(record.key): encode(record) for record in step.records}
        if step.clock is not None:
            puts[CLOCK_KEY] = encode(step.clock)
        self.store.write(puts, fence=self.fence())

    def save_spec(self, step: SaveSpec) -> None:
        key = app_key(step.spec.name)
        self.store.write({key: encode(step.spec)}, fence=self.fence(), unchanged={key: step.version})
        self.journal.note(step.reason, app=step.spec.name)
        self._forget_programs()

    def publish(self, step: Publish) -> None:
        puts = {PROXY + key: value for key, value in step.change.puts.items()}
        deletes = [PROXY + key for key in step.change.deletes]
        self.store.write(puts, deletes, fence=self.fence())

    def forget(self, step: Forget) -> None:
        self.fence()
        for key in step.records:
            self.secrets.take_back(key)
        keys = [worker_key(key) for key in step.records] + [app_key(name) for name in step.apps]
        for name in step.apps:
            keys += self.store.read(f"{DECISIONS}{name}/").entries  # its history is there for an undo
            keys.append(target_key(name))
        gone = beyond_undo(self.store, step.apps) if step.apps else []
        for name in gone:
            keys += keys_of_removed(self.store, name)
        # one that an undo brings back right now keeps its history: then all of this is tried again
        self.store.write({}, keys, fence=self.fence(), absent=map(app_key, gone))
        for name in step.apps:
            self.journal.note("removed", app=name)
        if step.apps:
            self._forget_programs()

    def _forget_programs(self) -> None:
        self.programs.forget_unused(named_files(self.store, self.engine), self.clock())

    def mend(self, step: MendNetwork) -> None:
        ports = [port_of(self.tag, record, step.groups) for record in step.records]
        for sentence in self.network.ensure(ports):
            self.journal.note(f"network mended: {sentence}")

    def write_hosts(self, step: WriteHosts) -> None:
        self.fence()
        for key, text in step.texts.items():
            self.hosts.write(key, text)
        for key in step.gone:
            self.hosts.remove(key)

    def sweep(self, step: SweepPort) -> None:
        bound = self.network.look().bound.get(step.name)
        self.network.detach(step.name, bound.address if bound else None)
        self.network.unbind([step.name])

    def launch(self, step: Launch) -> None:
        """The worker runs and is connected; or its record tells why it could not be started.

        What Docker or the network failed at, or where somebody else's container has the name, is tried again
        whatever the restart policy says: the worker itself has not ended.
        """
        record = step.record
        try:
            self._start(record, step.spec, port_of(self.tag, record, step.groups))
        except (
            EngineError,
            ImageNotFound,
            WorkerNotFound,
            NetworkError,
            SecretNotFound,
            SecretRejected,
        ) as error:
            log.warning("cannot start %s: %s", record.key.label, error)
            words, taken = self._lost_file(step.spec) or str(error), isinstance(error, NameTaken)
            ending = Ending(self.clock(), "", CANNOT_START, words, remedy=error.hint if taken else "")
            ours = taken or isinstance(error, EngineAway | NetworkError)
            self._record(record, ending, "always" if ours else step.spec.template.restart, ran_s=0.0)

    def _lost_file(self, spec: AppSpec) -> str:
        """Return which of the app's copied files is gone, with what brings one back; "" for none."""
        for mount in spec.template.mounts:
            if not self.programs.path(mount.sha256).exists():
                give = f"update {spec.name} --copy FILE:{mount.path}"
                return f"its file {mount.path} is gone from this machine: {give} (or: restore FILE)"
        return ""

    def _start(self, record: WorkerRecord, spec: AppSpec, port: Port) -> None:
        if not record.reach:
            self.hosts.write(record.key, own_names(record))
        names = self.hosts.path(record.key)
        secrets = self.secrets.path(record.key) if spec.template.secrets else None
        order = worker_order(self.cloud, record, spec, self.programs, names, secrets)
        self.network.bind([port])
        found = self.engine.worker(order.name)
        if found is not None and found.has_ended:
            if not record.has_buried(found.id):
                return  # it ended since the look: whether and when it starts again depends on how
            self.network.detach(port.name, port.address)
            self.engine.remove(order.name)  # one-shot: a new container for a new try
        if found is None or not found.is_up:
            if secrets is not None:
                self.secrets.lend(record.key, spec.template.secrets)
            self.engine.create(order)
            self.engine.start(order.name, partial(self._wire, port))
            self.journal.note("started", app=record.app, worker=record.key.label)
        fresh = self.engine.worker(order.name)
        if fresh is not None and fresh.netns:
            with suppress(NamespaceGone):  # it has ended meanwhile, and how it did is noted as any ending
                self.network.attach(port, fresh.netns)

    def _wire(self, port: Port, netns: str) -> None:
        """A worker's command finds its network there; what fails here is tried again once it runs."""
        with suppress(NetworkError):
            self.network.attach(port, netns)

    def bury(self, step: Bury) -> None:
        """The ending of the worker's container is recorded, and its address refuses at once."""
        record, name = step.record, container_name(self.cloud, step.record.key)
        self.network.forget_neighbour(record.address)
        container = self.engine.worker(name)
        if container is None:
            return
        at = container.finished_at or self.clock()
        template, code = step.spec.template, container.exit_code
        words = exit_words(code, container.oom_killed, template.memory_bytes)
        lines = self._last_lines(name)
        host_bytes = memory().total_bytes
        remedy = remedy_of(record.app, template, code, container.oom_killed, lines, host_bytes)
        ending = Ending(self.clock(), container.id, code, words, container.oom_killed, lines, remedy)
        ran_s = at - (container.started_at or at)
        self._record(record, ending, template.restart, ran_s=ran_s, frozen=step.frozen)

    def _last_lines(self, name: str) -> tuple[str, ...]:
        """Return what the worker printed last; where Docker refuses to tell, it has ended all the same."""
        try:
            lines = self.engine.last_words(name)
        except EngineAway:
            raise
        except EngineError as error:
            log.warning("the last lines of %s are not known: %s", name, error)
            return ()
        return tuple(line[:LAST_LINE_LENGTH] for line in lines)

    def _record(
        self, record: WorkerRecord, ending: Ending, restart: str, *, ran_s: float, frozen: bool = False
    ) -> None:
        after = record.after(ending, restart, ran_s)
        held_until = ending.at + self.held_s(container_name(self.cloud, record.key))
        if after.retry_at is not None and held_until > after.retry_at:
            after = replace(after, retry_at=held_until)
        self.store.write({worker_key(record.key): encode(after)}, fence=self.fence())
        wait_s = after.retry_at - ending.at if after.retry_at is not None else None
        again = "" if wait_s is None else f"; next try {'at once' if wait_s < 0.5 else f'in {wait_s:.0f} s'}"
        then = "; frozen, so it is not started again" if again and frozen else again
        self.journal.note(f"{ending.told}{then}", app=record.app, worker=record.key.label)

    def rename(self, step: Rename) -> None:
        """The container has the worker's name, or is gone where another container of the worker has it.

        Where another worker's container has the name, that one is renamed first, and gets its own name back
        in a later step.
        """
        key, name = step.record.key, container_name(self.cloud, step.record.key)
        holder = self.engine.worker(name)
        if holder is not None and holder.key == key:
            if holder.id != step.container:
                self.engine.remove(step.container)
                note = f"removed a second container of it: {step.reason}"
                self.journal.note(note, app=key.app, worker=key.label)
            return
        if holder is not None:
            self.engine.rename(holder.id, f"{name}-{holder.id[:12]}")
        self.engine.rename(step.container, name)
        self.journal.note(f"renamed its container back: {step.reason}", app=key.app, worker=key.label)

    def retire(self, step: Retire) -> None:
        """The worker is gone: one SIGTERM, then the container, its port and its rules."""
        record, name = step.record, container_name(self.cloud, step.record.key)
        port_name = record.key.port_name(self.tag)
        killed = self._stop(name, step.grace_s)
        self.engine.remove(name)
        self.network.detach(port_name, record.address)
        self.network.unbind([port_name])
        how = f"; killed, as it ran on for {step.grace_s:g} s after SIGTERM" if killed else ""
        self.journal.note(f"removed: {step.reason}{how}", app=record.app, worker=record.key.label)

    def _stop(self, name: str, grace_s: float) -> bool:
        """The worker does not run; return whether it had to be killed for that."""
        began_at = time.monotonic()
        self.engine.stop([name], grace_s)
        if time.monotonic() - began_at < grace_s:
            return False
        ended = self.engine.worker(name)
        return ended is not None and ended.exit_code == KILLED

"""What the manager knows: the operator's wishes, and the record of each worker.

These are the values in etcd (manager.state.records writes them as text). A worker is one-shot and is never
restarted; the slot is the lasting place. A worker's phase is not here: it is derived (manager.state.phase).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Literal, NamedTuple

from manager.api.values import APP_NAME
from manager.state.ending import STEADY_S, Ending, backoff_s, starts_again
from manager.state.guards import (
    require_addresses,
    require_count,
    require_mark,
    require_ordinals,
    require_port,
    require_word,
)
from manager.state.templates import Template
from netsetup.addresses import port_name

Order = Literal["start-first", "stop-first"]


class WorkerKey(NamedTuple):
    """The name of one worker for good: app, slot and the revision it runs."""

    app: str
    slot: int
    revision: int

    @property
    def label(self) -> str:
        return f"{self.app}.{self.slot}"

    @property
    def full_name(self) -> str:
        """Return all three in one word; "_" cannot occur in an app's name, so such words never collide."""
        return f"{self.app}_{self.slot}_{self.revision}"

    def port_name(self, tag: str) -> str:
        """Return the name of the worker's link on the bridge of the cloud with this tag."""
        return port_name(tag, f"{self.app}/{self.slot}/{self.revision}")


@dataclass(frozen=True, slots=True)
class Past:
    """A revision that ran before, with its addresses: an update that does not get ready falls back to it."""

    revision: int
    template: Template
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    tcp_port: int | None = None

    def __post_init__(self) -> None:
        require_ordinals(self.revision)
        require_port(self.tcp_port)
        require_addresses(self.hosts, self.paths)

    @classmethod
    def of(cls, spec: AppSpec) -> Past:
        """Return what runs now of an app whose next revision is about to begin."""
        return cls(spec.revision, spec.template, spec.hosts, spec.paths, spec.tcp_port)


@dataclass(frozen=True, slots=True)
class Rollback:
    """An update that was taken back: when (unix seconds), which revision failed, and why.

    last_lines: what the worker that failed had printed last.
    """

    at: float
    revision: int
    reason: str
    last_lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Revision:
    """One entry of an app's history: what its workers were made from, since when, by which command.

    hosts, paths: how it was reached by http; empty in the records of before they were kept.
    """

    number: int
    at: float
    change: str
    template: Template
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_addresses(self.hosts, self.paths)

    @classmethod
    def of(cls, spec: AppSpec, at: float, change: str) -> Revision:
        """Return the entry of the revision that a spec is of."""
        return cls(spec.revision, at, change, spec.template, spec.hosts, spec.paths)


@dataclass(frozen=True, slots=True)
class Autoscale:
    """How an app is scaled by itself: `slo_share` of its requests within slo_s, by min to max workers.

    recommend: decisions are told and not carried out.  chooses_spares: how many spares is decided too.
    """

    min: int
    max: int
    slo_s: float = 0.25
    slo_share: float = 0.95
    mode: Literal["on", "recommend"] = "on"
    chooses_spares: bool = False

    def __post_init__(self) -> None:
        require_count(self.min, "workers")
        require_count(self.max, "workers")


@dataclass(frozen=True, slots=True)
class ScalingTarget:
    """What the autoscaler wants of an app, and all that its next decision follows from (`memory`, text)."""

    want: int
    decision: int
    at: float
    reason: str
    memory: str = ""
    spares: int = 0

    def __post_init__(self) -> None:
        require_count(self.spares, "spares")


@dataclass(frozen=True, slots=True)
class Clock:
    """How far the time of day is ahead of the seconds since a boot, which nobody sets.

    boot: the kernel's name for that boot.
    """

    boot: str
    ahead_s: float


@dataclass(frozen=True, slots=True)
class Freeze:
    """Since when (unix seconds) nothing is done by itself for an app, or for the whole cloud."""

    at: float


@dataclass(frozen=True, slots=True)
class Hurry:
    """Workers made before `at` (unix seconds) need not end what they serve.

    slots: those in these slots only, all when it is empty.
    """

    at: float
    slots: frozenset[int] = frozenset()

    def takes(self, record: WorkerRecord) -> bool:
        return record.created_at <= self.at and (not self.slots or record.slot in self.slots)


@dataclass(frozen=True, slots=True)
class AppSpec:
    """What the operator asked for.

    number: the app's mark on the network, unique in the cloud.  want: workers while it is not stopped.
    stopped_slots: those that `stop APP.SLOT` emptied.  turns: how often `restart APP.SLOT` renewed a slot.
    hurry: which of its workers the last command did not want to wait for.
    fallback: until an update has proved itself, what it began from.  newest: the highest revision ever given.
    failed: the revisions whose updates were taken back, or overtaken before they had got ready.
    overtaken: those of them that another command ended, an undo too.
    order, parallel: how an update replaces workers, and how many at a time.
    spares: how many workers wait, paused, for the next slots to be wanted.
    slots: those that shall have a worker: the lowest ones that no `stop APP.SLOT` emptied.
    """

    name: str
    number: int
    revision: int
    template: Template
    want: int
    created_at: float
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    tcp_port: int | None = None
    stopped: bool = False
    removing: bool = False
    hurry: Hurry | None = None
    stopped_slots: frozenset[int] = frozenset()
    turns: Mapping[int, int] = field(default_factory=dict)
    newest: int = 1
    fallback: Past | None = None
    rolled_back: Rollback | None = None
    failed: frozenset[int] = frozenset()
    overtaken: frozenset[int] = frozenset()
    order: Order = "start-first"
    parallel: int = 1
    autoscale: Autoscale | None = None
    spares: int = 0
    slots: frozenset[int] = field(init=False, compare=False, repr=False)  # each worker's plan asks for it

    def __post_init__(self) -> None:
        require_word(APP_NAME, self.name, "no app's name")
        require_ordinals(self.revision)
        require_port(self.tcp_port)
        require_addresses(self.hosts, self.paths)
        require_mark(self.number)
        require_count(self.want, "workers")
        require_count(self.spares, "spares")
        if self.template.is_tcp and self.tcp_port is None:
            raise ValueError(f"{self.name} is for tcp and has no port of the proxy's")
        object.__setattr__(self, "slots", frozenset(self._lowest(self.wanted)))

    @property
    def scales_itself(self) -> bool:
        """Whether the autoscaler says how many workers there are; where it recommends, it does not."""
        return self.autoscale is not None and self.autoscale.mode == "on"

    @property
    def places(self) -> tuple[AppSpec | Past, ...]:
        """What it is now, and what it is again when the update that goes on fails."""
        return (self,) if self.fallback is None else (self, self.fallback)

    @property
    def templates(self) -> Mapping[int, Template]:
        """What the workers of its revisions are made from; during an update there are two."""
        return {place.revision: place.template for place in reversed(self.places)}

    def template_of(self, revision: int) -> Template:
        """Return what a worker of this revision is made from; of one that is neither, what the app is now."""
        past = self.fallback
        return past.template if past and past.revision == revision else self.template

    @property
    def is_updating(self) -> bool:
        """Whether an update replaces workers; while none are wanted it waits for the first that is."""
        return self.fallback is not None and self.wanted > 0

    @property
    def wanted(self) -> int:
        """The workers that shall run at this moment."""
        return 0 if self.stopped or self.removing else self.want

    @property
    def spare_slots(self) -> frozenset[int]:
        """The slots that shall have a spare: the next ones after those of the workers."""
        if self.stopped or self.removing:
            return frozenset()
        return frozenset(self._lowest(self.wanted + self.spares)[self.wanted :])

    def labels(self, slots: Iterable[int]) -> list[str]:
        """Return the names of the workers in these slots, in their order."""
        return [f"{self.name}.{slot}" for slot in sorted(slots)]

    def _lowest(self, count: int) -> list[int]:
        enough = range(1, count + len(self.stopped_slots) + 1)
        return [slot for slot in enough if slot not in self.stopped_slots][:count]


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker from before its container exists until after it is gone.

    failures: endings in a row.  retry_at: no new container before this time (unix seconds); None with an
    ending: there will be none.  leaving_since: when it was taken out of service for good.
    was_up: it has run, connected, in a frozen app: whatever it lacks from then on was taken from it.
    egress: it may open connections to other networks.  reach: and to workers of these apps.
    spare: it is in no service; once it is ready it is paused until its slot is wanted, and from then on it
    is a worker as all are, created_at being that moment.
    host: its address as text.
    """

    app: str
    slot: int
    revision: int
    number: int
    turn: int
    address: IPv4Address
    drain_s: float
    created_at: float
    port: int | None = None
    failures: int = 0
    restarts: int = 0
    retry_at: float | None = None
    leaving_since: float | None = None
    ending: Ending | None = None
    was_up: bool = False
    egress: bool = False
    reach: tuple[str, ...] = ()
    spare: bool = False
    # each pass asks for these, dozens of times
    key: WorkerKey = field(init=False, compare=False, repr=False)
    host: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        require_word(APP_NAME, self.app, "no app's name")
        require_ordinals(self.slot, self.revision)
        require_port(self.port)
        require_mark(self.number)
        object.__setattr__(self, "key", WorkerKey(self.app, self.slot, self.revision))
        object.__setattr__(self, "host", str(self.address))

    @property
    def endpoint(self) -> str:
        """Return where requests for it go, as ADDRESS:PORT."""
        return f"{self.host}:{self.port}"

    def has_buried(self, container: str) -> bool:
        """Return whether the ending of the container of this id is recorded."""
        return self.ending is not None and self.ending.container == container

    def after(self, ending: Ending, restart: str, ran_s: float) -> WorkerRecord:
        """Return the record after its container ended, or could not be started, having run for `ran_s`."""
        failures = 1 if ran_s >= STEADY_S else self.failures + 1
        again = starts_again(restart, ending.exit_code, failures)
        retry_at = ending.at + backoff_s(failures) if again else None
        return replace(
            self, failures=failures, restarts=self.restarts + again, retry_at=retry_at, ending=ending
        )


def container_name(cloud: str, key: WorkerKey) -> str:
    """Return the name of the worker's container."""
    return f"sc_{cloud}_{key.full_name}"

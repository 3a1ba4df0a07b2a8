"""The steps that a plan is made of. Each may be repeated; each is logged once, with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from balancer.routes import Change
from manager.state.model import AppSpec, Clock, WorkerKey, WorkerRecord

GRACE_S = 10.0  # from SIGTERM to SIGKILL


@dataclass(frozen=True, slots=True)
class SaveRecords:
    """The records are stored, in one transaction; with `clock`, where that is what their times follow."""

    records: tuple[WorkerRecord, ...]
    reason: str
    clock: Clock | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """The worker runs in a container and is connected to the bridge, whatever was missing.

    groups: the marks of the apps that it reaches.
    """

    record: WorkerRecord
    spec: AppSpec
    reason: str
    groups: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bury:
    """The ending of the worker's container is recorded; requests to its address fail at once."""

    record: WorkerRecord
    spec: AppSpec
    reason: str
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """The worker's processes are suspended; it answers nobody."""

    record: WorkerRecord
    reason: str


@dataclass(frozen=True, slots=True)
class Unpause:
    """The worker's processes go on where they were."""

    record: WorkerRecord
    reason: str


@dataclass(frozen=True, slots=True)
class Rename:
    """The worker's container of this id has the worker's name, by which every other step finds it."""

    record: WorkerRecord
    container: str
    reason: str


@dataclass(frozen=True, slots=True)
class Publish:
    """The proxy's routes are changed, in one transaction."""

    change: Change
    reason: str


@dataclass(frozen=True, slots=True)
class Retire:
    """The worker's container, port and rules are gone.  grace_s: from SIGTERM to SIGKILL."""

    record: WorkerRecord
    reason: str
    grace_s: float = GRACE_S


@dataclass(frozen=True, slots=True)
class Forget:
    """The records of workers that are gone, and of apps without any, are deleted in one transaction."""

    records: tuple[WorkerKey, ...]
    apps: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class MendNetwork:
    """The bridge and its rules are as they should be, with a place in them for each of the workers.

    groups: the marks of the apps that they reach.
    """

    records: tuple[WorkerRecord, ...]
    groups: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class WriteHosts:
    """The workers' files of names say these texts, and those of the workers in `gone` are no more."""

    texts: Mapping[WorkerKey, str]
    gone: frozenset[WorkerKey]


@dataclass(frozen=True, slots=True)
class SweepPort:
    """A port that belongs to no worker is gone."""

    name: str


@dataclass(frozen=True, slots=True)
class SaveSpec:
    """An update has ended: its spec says so, unless an operator has changed the spec meanwhile."""

    spec: AppSpec
    version: int
    reason: str


# What takes Docker a while; its worker is busy until then.
SlowStep = Launch | Bury | Pause | Unpause | Rename | Retire
Step = SlowStep | SaveSpec | SaveRecords | WriteHosts | Publish | Forget | MendNetwork | SweepPort


def explain(step: Step) -> str:
    """Return a step as one sentence for the log."""
    match step:
        case SaveSpec(spec=spec, reason=reason):
            return f"note for {spec.name}: {reason}"
        case SaveRecords(reason=reason):
            return f"record {reason}"
        case Launch(record=record, reason=reason):
            return f"start {record.key.label}: {reason}"
        case Bury(record=record, reason=reason):
            return f"note the ending of {record.key.label}: {reason}"
        case Pause(record=record, reason=reason):
            return f"pause {record.key.label}: {reason}"
        case Unpause(record=record, reason=reason):
            return f"unpause {record.key.label}: {reason}"
        case Rename(record=record, reason=reason):
            return f"rename the container of {record.key.label}: {reason}"
        case Publish(reason=reason):
            return f"publish {reason}"
        case Retire(record=record, reason=reason):
            return f"remove {record.key.label}: {reason}"
        case Forget(reason=reason):
            return f"forget {reason}"
        case MendNetwork():
            return "mend the network: bridge and rules are not known to be intact"
        case WriteHosts(texts=texts, gone=gone):
            return f"tell the names: {', '.join(sorted({key.label for key in (*texts, *gone)}))}"
        case SweepPort(name=name):
            return f"remove port {name}: no worker has it"

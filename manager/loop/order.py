"""The container that a worker runs in, as its record and its app's spec ask for it."""

from __future__ import annotations

from pathlib import Path

from manager.engine.orders import FileMount, WorkerOrder
from manager.plan.wiring import HOSTS
from manager.programs.store import Programs
from manager.secrets import INSIDE
from manager.state.model import AppSpec, WorkerRecord, container_name
from manager.state.records import encode
from manager.state.wishes import as_adopted

# What a worker is, kept beside it: from these labels `adopt` rebuilds the state when etcd has lost it.
RECORD_LABEL, SPEC_LABEL = "simplecloud.record", "simplecloud.spec"


def worker_order(
    cloud: str, record: WorkerRecord, spec: AppSpec, programs: Programs, names: Path, secrets: Path | None
) -> WorkerOrder:
    """Return the container that the worker runs in.

    names: its /etc/hosts, unless the app has one of its own.  secrets: where it has those that it is lent.
    """
    template = spec.template
    files = [FileMount(str(programs.path(mount.sha256)), mount.path) for mount in template.mounts]
    files += [FileMount(str(names), HOSTS)] if HOSTS not in {mount.path for mount in template.mounts} else []
    files += [FileMount(str(secrets), INSIDE)] if secrets is not None else []
    return WorkerOrder(
        name=container_name(cloud, record.key),
        app=record.app,
        slot=record.slot,
        revision=record.revision,
        image=template.image,
        command=template.command,
        hostname=record.key.label,
        entrypoint=() if template.copies_program else None,
        environment=template.environment,
        files=tuple(files),
        cpus=template.cpus,
        memory_bytes=template.memory_bytes,
        pids=template.pids,
        user=template.user,
        directory=template.directory,
        cap_add=template.cap_add,
        read_only=template.read_only,
        egress=template.egress,
        labels={RECORD_LABEL: encode(record), SPEC_LABEL: encode(as_adopted(spec, frozenset()))},
    )

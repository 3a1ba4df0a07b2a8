"""Checks of what the store holds against what can be read of it, and against what runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing

from manager.api.documents import counted, some
from manager.api.errors import StoreUnavailable
from manager.api.places import Places
from manager.engine.containers import Container
from manager.engine.docker_engine import DockerEngine
from manager.host import parts
from manager.host.checks.finding import Finding, fail, ok, warn
from manager.host.checks.processes import simplecloud
from manager.host.settings import Settings
from manager.state.model import AppSpec, ScalingTarget, WorkerKey, WorkerRecord
from manager.state.records import APPS, TARGETS, WORKERS, UnreadableRecord, decode, worker_key

_CLASSES: Mapping[str, type] = {APPS: AppSpec, WORKERS: WorkerRecord, TARGETS: ScalingTarget}


def check_records(places: Places, settings: Settings, engine: DockerEngine | None) -> Iterator[Finding]:
    """Yield what cannot be read and which workers are lost; nothing while the store does not answer."""
    try:
        with closing(parts.store_of(places, settings)) as store:
            entries = {key: entry.value for key, entry in store.read(*_CLASSES).entries.items()}
    except StoreUnavailable:
        return  # which has a line of its own
    unread = unreadable(entries)
    yield records(places, settings, unread) if unread else ok("records", f"all {len(entries)} can be read")
    if engine is not None:
        yield lost(places, engine.workers(), entries.keys(), unread)


def unreadable(entries: Mapping[str, str]) -> dict[str, str]:
    """Return the keys of the records that this version cannot read, each with the reason."""
    found = {}
    for key, text in entries.items():
        kind = next(prefix for prefix in _CLASSES if key.startswith(prefix))
        try:
            decode(_CLASSES[kind], text)
        except UnreadableRecord as error:
            found[key] = str(error)
    return found


def records(places: Places, settings: Settings, unread: Mapping[str, str]) -> Finding:
    """Return that there are records which cannot be read: their apps are left alone.

    The fix forgets the first of them: the version of simplecloud that wrote it could read it.
    """
    key, why = min(unread.items())
    others = "".join(f", {other}" for other in sorted(unread)[1:])
    tls = parts.tls_of(places, settings)
    pems = {"--cacert": tls.ca, "--cert": tls.cert, "--key": tls.key} if tls is not None else {}
    options = "".join(f" {option} {path}" for option, path in pems.items() if path)
    endpoints = ",".join(settings.etcd_endpoints)
    fix = f"etcdctl --endpoints {endpoints}{options} del {parts.store_root(places.cloud)}{key}"
    return fail("records", f"left alone, as they cannot be read: {key} ({why}){others}", fix)


def lost(
    places: Places, workers: Iterable[Container], keys: Collection[str], unread: Collection[str]
) -> Finding:
    """Return whether every worker has its record; those of a record that cannot be read are not lost."""
    alone = {key.split("/")[1] for key in unread}
    strays = [
        worker
        for worker in workers
        if worker_key(WorkerKey(worker.app, worker.slot, worker.revision)) not in keys
        and worker.app not in alone
    ]
    if not strays:
        return ok("workers", "each has its record")
    names = some([worker.name for worker in strays])
    fact = f"{counted(len(strays), 'container')} without a record, left alone: {names}"
    ended = next((worker.name for worker in strays if not worker.is_up), None)
    return warn("workers", fact, f"docker rm {ended}" if ended else simplecloud(places, "adopt -y"))

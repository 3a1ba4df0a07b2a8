"""Checks of what the store holds against what can be read of it, and against what runs."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from ipaddress import IPv4Network

from manager.api.documents import counted, some
from manager.api.errors import StoreUnavailable
from manager.api.places import Places
from manager.engine.containers import Container
from manager.engine.contract import Engine
from manager.engine.docker_engine import DockerEngine
from manager.host import parts
from manager.host.checks.finding import Finding, fail, ok, warn
from manager.host.settings import Settings
from manager.host.telling import simplecloud
from manager.state.model import AppSpec, ScalingTarget, WorkerRecord
from manager.state.records import APPS, TARGETS, WORKERS, UnreadableRecord, decode_at, worker_key
from manager.store import Store

_CLASSES: Mapping[str, type] = {APPS: AppSpec, WORKERS: WorkerRecord, TARGETS: ScalingTarget}
_MADE_ANEW = (TARGETS, WORKERS)  # by the autoscaler, and from its container by `adopt`


def check_records(places: Places, settings: Settings, engine: DockerEngine | None) -> Iterator[Finding]:
    """Yield what cannot be read and which workers are lost; nothing while the store does not answer."""
    try:
        with closing(parts.store_of(places, settings)) as store:
            yield from compare(places, settings, store, engine)
    except StoreUnavailable:
        return  # which has a line of its own


def compare(places: Places, settings: Settings, store: Store, engine: Engine | None) -> Iterator[Finding]:
    """Yield whether all in the store can be read, and whether all containers are in it."""
    entries = {key: entry.value for key, entry in store.read(*_CLASSES).entries.items()}
    unread = unreadable(entries, settings.network)
    yield records(places, settings, unread) if unread else ok("records", f"all {len(entries)} can be read")
    if engine is not None:
        workers = engine.workers()
        since = store.read(WORKERS).entries  # a worker that has come meanwhile had its record first
        yield lost(places, workers, {*entries, *since}, unread)


def unreadable(entries: Mapping[str, str], subnet: IPv4Network) -> dict[str, str]:
    """Return the keys of the records that this version cannot use, each with the reason."""
    found = {}
    for key, text in entries.items():
        kind = next(prefix for prefix in _CLASSES if key.startswith(prefix))
        try:
            decode_at(_CLASSES[kind], key, text, subnet)
        except UnreadableRecord as error:
            found[key] = str(error)
    return found


def records(places: Places, settings: Settings, unread: Mapping[str, str]) -> Finding:
    """Return that there are records which cannot be read: their apps are left alone.

    The fix is for the first of them: what is made anew is forgotten, anything else only saved; the fact tells
    how that is forgotten, and its workers with it.
    """
    key, why = min(unread.items())
    others = "".join(f", {other}" for other in sorted(unread)[1:])
    fact = f"left alone, as they cannot be read: {key} ({why}){others}"
    full = shlex.quote(f"{parts.store_root(places.cloud)}{key}")
    forget = f"{_etcdctl(places, settings)} del {full}"
    if key.startswith(_MADE_ANEW):
        return fail("records", fact, forget)
    file = shlex.quote(f"{key.replace('/', '-')}.json")
    fix = f"{_etcdctl(places, settings)} get --print-value-only {full} > {file}"
    outlook = f"another version of simplecloud may read {key}; once it is saved, `{forget}` ends its app"
    return fail("records", f"{fact}; {outlook}", fix)


def _etcdctl(places: Places, settings: Settings) -> str:
    """Return how etcdctl is called for the cloud's store, and installed before that where it is not."""
    tls = parts.tls_of(places, settings)
    pems = {"--cacert": tls.ca, "--cert": tls.cert, "--key": tls.key} if tls is not None else {}
    options = "".join(f" {option} {path}" for option, path in pems.items() if path)
    install = "" if shutil.which("etcdctl") else "apt-get install etcd-client && "
    return f"{install}etcdctl --endpoints {','.join(settings.etcd_endpoints)}{options}"


def lost(
    places: Places, workers: Iterable[Container], keys: Collection[str], unread: Collection[str]
) -> Finding:
    """Return whether every worker has its record; those of a record that cannot be read are not lost."""
    alone = {key.split("/")[1] for key in unread}
    strays = [worker for worker in workers if worker_key(worker.key) not in keys and worker.app not in alone]
    if not strays:
        return ok("workers", "each has its record")
    names = some([worker.name for worker in strays])
    fact = f"{counted(len(strays), 'container')} without a record, left alone: {names}"
    ended = next((worker.name for worker in strays if not worker.is_up), None)
    return warn("workers", fact, f"docker rm {ended}" if ended else simplecloud(places, "adopt -y"))

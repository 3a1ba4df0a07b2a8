"""When the store has lost what runs: adopt it by its labels; and copies of the state, out and in.

Nothing here removes anything. `adopt` is the one command that writes records of workers: there is nobody
else who could, since the reconciler leaves workers without a record alone.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path

from manager.api.arguments import Arguments
from manager.api.documents import counted, document, some
from manager.api.errors import CloudError, NetworkFailed, SecretNotFound, UsageError
from manager.engine.containers import Container
from manager.loop.order import RECORD_LABEL, SPEC_LABEL
from manager.programs.store import Programs
from manager.secrets import Secrets
from manager.server import Call
from manager.service.changes import Changes, Made, Wish, read_specs, wanted
from manager.service.dispatch import Answer
from manager.service.intake import only_file
from manager.service.waiting import until_settled
from manager.state import wishes
from manager.state.model import AppSpec, Revision, WorkerRecord
from manager.state.records import (
    APPS,
    REVISIONS,
    app_key,
    decode,
    encode,
    readable,
    revision_key,
    worker_key,
)
from manager.state.specs import held_in, reinstated
from manager.state.world import World, strays
from netsetup.addresses import allocate, is_for_ports
from netsetup.errors import NetworkError

FORMAT = 1
STATE = "state.json"
MAX_STATE_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Adoption:
    """The specs and records that the labels of running workers tell."""

    specs: Mapping[str, AppSpec]
    records: tuple[WorkerRecord, ...]


def adoption(world: World, tcp_ports: range) -> Adoption:
    """Return what can be rebuilt of the workers that have no record; pure.

    The newest revision of an app is what it wants; an app that is still known keeps its spec. A mark, a tcp
    port or an address that somebody else has got meanwhile is given anew.
    Raises RouteTaken when another app has got a route, NetworkFailed when there is no address left.
    """
    found = [pair for pair in map(_labelled, strays(world)) if pair is not None]
    records = tuple(record for record, _ in found)
    specs: dict[str, AppSpec] = {}
    for record, spec in sorted(found, key=lambda pair: pair[0].revision):
        if record.app not in world.specs:
            mine = [r for r in records if r.app == record.app and r.revision == spec.revision]
            slots = frozenset(r.slot for r in mine if not r.spare)
            as_found = replace(spec, turns={r.slot: r.turn for r in mine if r.turn})
            specs[record.app] = wishes.as_adopted(as_found, slots, spares=len(mine) - len(slots))
    known, held = dict(world.specs), held_in(world)
    for name, spec in specs.items():
        others = replace(held, marks=held.marks - {spec.number})
        known[name] = reinstated(known, spec, tcp_ports, others)
    return Adoption({name: known[name] for name in specs}, tuple(_placed(world, known, records)))


def _placed(
    world: World, specs: Mapping[str, AppSpec], records: Collection[WorkerRecord]
) -> Iterator[WorkerRecord]:
    """Return the records with the marks of their apps, and with addresses of the cloud that no other has."""
    recorded = {record.address for record in world.records.values()}
    used = world.addresses | {record.address for record in records}
    for record in records:
        keeps = record.address not in recorded and is_for_ports(world.subnet, record.address)
        address = record.address if keeps else _other_address(world, used)
        recorded.add(address)
        used.add(address)
        yield replace(record, number=specs[record.app].number, address=address)


def _other_address(world: World, used: Collection[IPv4Address]) -> IPv4Address:
    try:
        return allocate(world.subnet, used)
    except NetworkError as error:
        raise NetworkFailed(f"not every lost worker can be adopted: {error}", hint=error.hint) from error


def _labelled(container: Container) -> tuple[WorkerRecord, AppSpec] | None:
    """Return what a container's labels tell of its worker and app; None when it ended, or they are not whole.

    They are of the time when it was made: a spare that runs has been in service since.
    """
    record = readable(WorkerRecord, container.labels.get(RECORD_LABEL, ""))
    spec = readable(AppSpec, container.labels.get(SPEC_LABEL, ""))
    if not container.is_up or record is None or spec is None:
        return None
    return replace(record, spare=record.spare and container.state == "paused"), spec


def lost_notes(world: World) -> Iterator[str]:
    """Yield what is worth knowing of containers that have lost their record, with what can be done."""
    lost: list[str] = []
    others: list[str] = []
    for container in strays(world):
        (others if _labelled(container) is None else lost).append(container.name)
    if lost:
        have = "has no record and is" if len(lost) == 1 else "have no record and are"
        yield f"{counted(len(lost), 'worker')} {have} left alone (adopt -y): {some(lost)}"
    if others:
        containers = f"{counted(len(others), 'container')} with this cloud's labels"
        yield f"{containers} cannot be adopted (docker rm -f {others[0]}): {some(others)}"


@dataclass(frozen=True, slots=True)
class Rescue:
    """The commands adopt, backup and restore."""

    changes: Changes
    programs: Programs
    secrets: Secrets
    tcp_ports: range

    def adopt(self, call: Call, arguments: Arguments) -> Answer:
        picture = self.changes.reconciler.seen()
        # raises while it is away: the picture is of before then, and tells of no loss
        known = self.changes.store.read(APPS, REVISIONS).entries
        told = adoption(picture.world, self.tcp_ports)
        if arguments.flag("dry_run"):
            steps = [f"adopt {record.key.label}" for record in told.records]
            return document("Plan", {"steps": steps})
        if not told.records:
            every = "every worker has its record: nothing to adopt"
            return document("Result", {"message": every, "notes": list(lost_notes(picture.world))})
        puts = {app_key(spec.name): encode(spec) for spec in told.specs.values()}
        puts |= {worker_key(record.key): encode(record) for record in told.records}
        for spec in told.specs.values():
            key = revision_key(spec.name, spec.revision)
            if key not in known:
                entry = Revision.of(spec, self.changes.clock(), call.request.method)
                puts[key] = encode(entry)
        revision = self.changes.write(puts, absent=list(puts))
        self.changes.reconciler.dirty.set()
        specs = {**picture.world.specs, **told.specs}
        adopted = wanted(specs[name] for name in dict.fromkeys(record.app for record in told.records))
        message = until_settled(self.changes.reconciler, call, Made(adopted, "", revision), arguments)
        return document("Result", {"message": f"adopted {counted(len(told.records), 'worker')}; {message}"})

    def backup(self, call: Call, arguments: Arguments) -> Answer:
        snapshot = self.changes.store.read(APPS, REVISIONS)
        there = {key.removeprefix(APPS) for key in snapshot.entries if key.startswith(APPS)}
        # the history of removed apps is for an undo
        entries = {key: at.value for key, at in snapshot.entries.items() if key.split("/")[1] in there}
        specs = read_specs(snapshot)
        contents = {mount.sha256 for spec in specs.values() for mount in spec.template.mounts}
        self._require_whole(specs.values())
        with os.fdopen(os.dup(only_file(call)), "wb") as out, tarfile.open(fileobj=out, mode="w") as tar:
            _add(tar, STATE, json.dumps({"format": FORMAT, "entries": entries}).encode())
            for sha256 in sorted(contents):
                tar.add(self.programs.path(sha256), arcname=f"programs/{sha256}")
        held = f"{counted(len(specs), 'app')} and {counted(len(contents), 'file')}"
        secrets = sorted({name for spec in specs.values() for name in spec.template.secrets})
        notes = [f"secrets are not, and are to be set again: {', '.join(secrets)}"] if secrets else []
        return document("Result", {"message": f"{held} are in the backup", "notes": notes})

    def restore(self, call: Call, arguments: Arguments) -> Answer:
        with os.fdopen(os.dup(only_file(call)), "rb") as file:
            packed = self._unpacked(file)
        held = self.changes.held()
        present = read_specs(self.changes.store.read(APPS))
        self._require_secrets(spec for name, spec in packed.items() if name not in present)

        def edit(specs: Mapping[str, AppSpec]) -> Wish:
            all_specs = dict(specs)
            for spec in packed.values():
                if spec.name not in all_specs:
                    again = reinstated(all_specs, spec, self.tcp_ports, held)
                    all_specs[spec.name] = wishes.undone(None, again)
            return Wish(tuple(spec for name, spec in all_specs.items() if name not in specs))

        if arguments.flag("dry_run"):
            _, wish = self.changes.foresee(edit)
            return document("Plan", {"steps": [f"restore {spec.name}" for spec in wish.specs]})
        made = self.changes.make(call, edit)
        if not made.apps:
            return document("Result", {"message": "every app of the backup is there: nothing to restore"})
        message = until_settled(self.changes.reconciler, call, made, arguments)
        return document("Result", {"message": message})

    def _require_whole(self, specs: Iterable[AppSpec]) -> None:
        """Raise CloudError for an app with a copied file that is gone from this machine, or damaged."""
        for spec in specs:
            for mount in spec.template.mounts:
                if not self.programs.is_whole(mount.sha256):
                    raise CloudError(
                        f"no backup was made: the file of {spec.name} for {mount.path} is gone or damaged",
                        hint=f"update {spec.name} --copy FILE:{mount.path}",
                    )

    def _require_secrets(self, specs: Iterable[AppSpec]) -> None:
        """Raise SecretNotFound with all secrets of the apps that are not there."""
        kept = {secret.name for secret in self.secrets.all()}
        missing = sorted({name for spec in specs for name in spec.template.secrets} - kept)
        if missing:
            raise SecretNotFound(
                f"the backup's apps need secrets that are not here: {', '.join(missing)}",
                hint=f"simplecloud secret set {missing[0]} < FILE",
            )

    def _unpacked(self, file: io.BufferedIOBase) -> dict[str, AppSpec]:
        """Take the backup's files in and return its specs; raises UsageError for what is no backup."""
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                specs = _specs_in(tar)
                for member in tar.getmembers():
                    if member.name.startswith("programs/") and member.isfile():
                        self._take(tar, member)
        except (tarfile.TarError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"that is not a backup of simplecloud: {error}", hint="backup cloud.backup"
            ) from error
        return specs

    def _take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Take one file in; its name must be its content's sha256."""
        source = tar.extractfile(member)
        if source is None:
            return
        descriptor = os.memfd_create("restored", os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(descriptor), "wb") as out:
                while chunk := source.read(1 << 20):
                    out.write(chunk)
            taken = self.programs.take(descriptor, member.name, executable=False)
        finally:
            os.close(descriptor)
        if taken.name != Path(member.name).name:
            raise ValueError(f"{member.name} is damaged")


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    tar.addfile(member, io.BytesIO(content))


def _specs_in(tar: tarfile.TarFile) -> dict[str, AppSpec]:
    state = tar.extractfile(STATE)
    if state is None:
        raise ValueError(f"it has no {STATE}")
    plain = json.loads(state.read(MAX_STATE_BYTES))
    if plain["format"] != FORMAT:
        raise ValueError(f"its format is {plain['format']}, known is {FORMAT}")
    specs = [decode(AppSpec, text) for key, text in plain["entries"].items() if key.startswith(APPS)]
    return {spec.name: spec for spec in specs}

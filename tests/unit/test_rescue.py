"""What is rebuilt of workers that the store has lost, beside what has come since."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from hashlib import sha256
from ipaddress import IPv4Address
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from manager.api.arguments import Arguments
from manager.api.errors import AppNotFound, CloudError, NetworkFailed, RouteTaken, SecretNotFound, UsageError
from manager.engine.containers import Container
from manager.loop.order import RECORD_LABEL, SPEC_LABEL
from manager.plan.plan import plan
from manager.plan.steps import SaveRecords
from manager.programs.store import Programs
from manager.secrets import Secrets
from manager.server import Call
from manager.service.changes import Changes
from manager.service.rescue import Adoption, Rescue, adoption, lost_notes
from manager.state.model import AppSpec, WorkerKey, WorkerRecord
from manager.state.records import app_key, encode, revision_key
from manager.state.specs import Held
from manager.state.templates import Mount
from manager.state.world import World
from netsetup.addresses import is_for_ports
from tests.fakes.store import FakeStore
from tests.simulation.worlds import NOW, SUBNET, TEMPLATE, a_container, a_worker, an_app, known, serving

PORTS = range(9000, 9004)
OTHER = replace(an_app("other", want=1), number=2)


def labelled(spec: AppSpec, record: WorkerRecord) -> Container:
    labels = {RECORD_LABEL: encode(record), SPEC_LABEL: encode(spec)}
    return replace(a_container(record.key), labels=labels)


def lost(
    specs: Iterable[AppSpec], records: Iterable[WorkerRecord], spec: AppSpec, *mine: WorkerRecord
) -> World:
    """Return a picture in which the store knows the first and has lost an app's spec and its workers."""
    known = serving(specs, records)
    strays = {record.key: labelled(spec, record) for record in mine}
    return replace(known, containers={**known.containers, **strays})


def test_what_is_adopted_is_what_it_was() -> None:
    spec = replace(an_app(), number=3, tcp_port=9001)
    record = replace(a_worker(2), number=3)

    told = adoption(lost([OTHER], [], spec, record), PORTS)

    assert told.records == (record,)
    assert (told.specs["web"].number, told.specs["web"].tcp_port, told.specs["web"].want) == (3, 9001, 1)


def test_what_another_app_has_got_is_given_anew() -> None:
    other, spec = replace(OTHER, number=1, tcp_port=9000), replace(an_app(), tcp_port=9000)

    told = adoption(lost([other], [], spec, a_worker(1)), PORTS)

    assert (told.specs["web"].number, told.specs["web"].tcp_port) == (2, 9001)
    assert [record.number for record in told.records] == [2]


def test_a_worker_whose_record_cannot_be_read_is_not_lost() -> None:
    world = lost([], [], an_app(), a_worker(1))

    told = adoption(replace(world, unreadable={"web": "apps/web"}), PORTS)

    assert told == Adoption({}, ())


def test_a_worker_that_was_restarted_is_not_replaced_for_what_the_others_labels_say_of_it() -> None:
    restarted = replace(a_worker(1), turn=1)
    before = replace(an_app(), turns={})

    told = adoption(lost([], [], before, restarted, a_worker(2)), PORTS)

    assert told.specs["web"].turns == {1: 1}


def test_a_worker_joins_its_app_as_it_was_made_again() -> None:
    told = adoption(lost([replace(an_app(), number=5)], [], an_app(), a_worker(1)), PORTS)

    assert told.specs == {}
    assert [record.number for record in told.records] == [5]


def test_lost_workers_are_left_alone_beside_a_new_app_of_their_name_and_leave_once_adopted() -> None:
    spec, mine = replace(an_app(want=1), revision=2, newest=2), a_worker(1, revision=2)
    world = lost([spec], [mine], an_app(want=1), a_worker(1))
    told = adoption(world, PORTS)

    after = plan(known(world, *told.records))

    assert plan(world).steps == ()
    assert told.specs == {}
    (save,) = [step for step in after.steps if isinstance(step, SaveRecords)]
    assert [(record.revision, record.leaving_since) for record in save.records] == [(1, NOW)]


def test_an_adopted_worker_of_another_subnet_gets_an_address_of_this_one() -> None:
    astray = replace(a_worker(2), address=IPv4Address("10.8.0.12"))

    told = adoption(lost([], [], an_app(), a_worker(1), astray), PORTS)

    assert told.records[0] == a_worker(1)
    assert is_for_ports(SUBNET, told.records[1].address)


def test_no_adopted_worker_has_the_address_of_another() -> None:
    taken = replace(a_worker(1, app="other"), address=a_worker(1).address)
    twin = replace(a_worker(3), address=a_worker(2).address)
    world = lost([OTHER], [taken], an_app(), a_worker(1), a_worker(2), twin)

    told = adoption(world, PORTS)

    addresses = [record.address for record in chain(world.records.values(), told.records)]
    assert len({*addresses}) == 4
    assert told.records[1] == a_worker(2)


def test_without_a_free_address_or_route_nothing_is_adopted() -> None:
    narrow = next(SUBNET.subnets(new_prefix=30))
    only = replace(a_worker(1, app="other"), address=narrow[2])
    spec, mine = an_app(), replace(a_worker(1), address=narrow[2])

    with pytest.raises(NetworkFailed, match="adopted"):
        adoption(replace(lost([OTHER], [only], spec, mine), subnet=narrow), PORTS)
    with pytest.raises(RouteTaken):
        adoption(lost([replace(OTHER, hosts=spec.hosts)], [], spec, mine), PORTS)


def test_only_workers_that_the_store_has_lost_are_adopted() -> None:
    world = serving([an_app()], [a_worker(1)])

    assert adoption(world, PORTS).records == ()
    assert WorkerKey("web", 1, 1) in world.containers


def test_a_container_that_adopt_cannot_take_up_is_not_said_to_be_one_for_it() -> None:
    world = lost([], [], an_app(), a_worker(1))
    foreign = replace(a_container(WorkerKey("web", 9, 77)), name="junk")
    both = replace(world, containers={**world.containers, WorkerKey("web", 9, 77): foreign})

    notes = list(lost_notes(both))

    assert notes[0] == "1 worker has no record and is left alone (adopt -y): sc_default_web_1_1"
    assert notes[1].startswith("1 container with this cloud's labels cannot be adopted")
    assert notes[1].endswith("(docker rm -f junk): junk")
    assert list(lost_notes(serving([an_app()], [a_worker(1)]))) == []


def rescue(tmp_path: Path, *specs: AppSpec) -> Rescue:
    """Return the commands over a store with these apps and no files or secrets."""
    store = FakeStore(lambda: NOW)
    store.write({app_key(spec.name): encode(spec) for spec in specs})
    seen = SimpleNamespace(world=serving(specs, []))
    desk = SimpleNamespace(store=store, held=Held, reconciler=SimpleNamespace(seen=lambda: seen))
    desk.foresee = partial(Changes.foresee, cast(Changes, desk))
    changes = cast(Changes, desk)
    secrets = Secrets(tmp_path / "kept", tmp_path / "lent")
    return Rescue(changes, Programs(tmp_path / "programs"), secrets, PORTS)


def with_file(path: Path) -> Call:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    return cast(Call, SimpleNamespace(request=SimpleNamespace(files=[descriptor], method="backup")))


def test_backups_go_to_regular_files_only(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    for command in (rescue(tmp_path).backup, rescue(tmp_path).restore):
        with pytest.raises(UsageError, match="one regular file goes with backup"):
            command(with_file(pipe), Arguments({}))


def test_no_backup_is_made_of_a_file_that_is_gone_or_damaged(tmp_path: Path) -> None:
    content = sha256(b"whole").hexdigest()
    spec = replace(an_app(), template=replace(TEMPLATE, mounts=(Mount(content, "/app/tool"),)))
    rescued, file = rescue(tmp_path, spec), tmp_path / "backup"
    (tmp_path / "programs").mkdir()

    for kept in (None, b"damaged"):
        if kept is not None:
            rescued.programs.path(content).write_bytes(kept)
        with pytest.raises(CloudError, match="the file of web for /app/tool is gone or damaged"):
            rescued.backup(with_file(file), Arguments({}))
    assert file.read_bytes() == b""

    rescued.programs.path(content).write_bytes(b"whole")
    rescued.backup(with_file(file), Arguments({}))
    assert file.stat().st_size


def test_a_restore_without_the_secrets_of_its_apps_names_them_before_it_begins(tmp_path: Path) -> None:
    spec, file = replace(an_app(), template=replace(TEMPLATE, secrets=("db", "api"))), tmp_path / "backup"
    rescue(tmp_path, spec).backup(with_file(file), Arguments({}))

    with pytest.raises(SecretNotFound, match="api, db"):
        rescue(tmp_path).restore(with_file(file), Arguments({}))


def test_a_dry_run_of_a_restore_refuses_what_would_be_refused(tmp_path: Path) -> None:
    spec, file = replace(an_app(), template=replace(TEMPLATE, reach=("db",))), tmp_path / "backup"
    rescue(tmp_path, spec).backup(with_file(file), Arguments({}))

    with pytest.raises(AppNotFound, match="db"):
        rescue(tmp_path).restore(with_file(file), Arguments({"dry_run": True}))


def test_a_backup_tells_which_secrets_it_lacks(tmp_path: Path) -> None:
    spec, file = replace(an_app(), template=replace(TEMPLATE, secrets=("db", "api"))), tmp_path / "backup"

    answer = rescue(tmp_path, spec).backup(with_file(file), Arguments({}))

    assert answer["notes"] == ["secrets are not, and are to be set again: api, db"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("web",), "1 app and 0 files are in the backup"),
        (("web", "api"), "2 apps and 0 files are in the backup"),
    ],
)
def test_a_backup_counts_in_words(tmp_path: Path, names: tuple[str, ...], told: str) -> None:
    answer = rescue(tmp_path, *map(an_app, names)).backup(with_file(tmp_path / "backup"), Arguments({}))

    assert answer["message"] == told


def test_no_backup_has_the_history_of_apps_that_were_removed(tmp_path: Path) -> None:
    rescued, file = rescue(tmp_path, an_app()), tmp_path / "backup"
    rescued.changes.store.write({revision_key(name, 1): "" for name in ("web", "gone")})

    rescued.backup(with_file(file), Arguments({}))

    with tarfile.open(file) as tar:
        (state,) = (json.load(packed) for member in tar if (packed := tar.extractfile(member)))
    assert set(state["entries"]) == {app_key("web"), revision_key("web", 1)}

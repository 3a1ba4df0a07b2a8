"""What a step leaves behind in the store and on disk, on fakes of the edges."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from manager.api.errors import Conflict, EngineError
from manager.api.values import KEPT_REMOVALS
from manager.engine.containers import Container
from manager.engine.orders import WorkerOrder
from manager.journal import Journal, events
from manager.loop.apply import Effects
from manager.loop.hosts import HostsFiles
from manager.loop.order import SPEC_LABEL, worker_order
from manager.plan.steps import Bury, Forget, Launch, Rename, SaveSpec
from manager.programs.store import UNUSED_FOR_S, Programs
from manager.secrets import Secrets
from manager.state.model import AppSpec, Revision, WorkerKey, WorkerRecord
from manager.state.records import (
    FROZEN,
    REVISIONS,
    UNDO,
    WORKERS,
    app_key,
    decode,
    encode,
    freeze_key,
    revision_key,
    undo_key,
)
from manager.state.templates import Mount
from manager.store import Fence
from netsetup.network import Network
from tests.fakes.engine import FakeEngine, fake_image
from tests.fakes.store import FakeStore
from tests.simulation.faults import Faults
from tests.simulation.network import FakeHosts, FakeNetwork
from tests.simulation.worlds import NOW, TEMPLATE, a_worker, an_app

DIGESTS = tuple(digit * 64 for digit in "abcd")


def nothing() -> None:
    """The world stands still."""


@dataclass(frozen=True, slots=True)
class Edges:
    """The effects of a manager that leads, and what they touch."""

    store: FakeStore
    engine: FakeEngine
    programs: Programs
    secrets: Secrets
    effects: Effects

    def copied_long_ago(self) -> None:
        """A file of each of the digests has been there for hours."""
        self.programs.directory.mkdir()
        for digest in DIGESTS:
            path = self.programs.path(digest)
            path.touch()
            os.utime(path, (NOW, NOW - 2 * UNUSED_FOR_S))

    def container(self, slot: int) -> Container:
        """Return the container of a worker of web, which runs."""
        self.effects.launch(Launch(a_worker(slot), an_app(), ""))
        (found,) = [c for c in self.engine.workers() if c.name == f"sc_default_web_{slot}_1"]
        return found

    def launched(self, restart: str) -> WorkerRecord:
        """Launch a worker under a restart policy; return its record after."""
        spec = replace(an_app(), template=replace(TEMPLATE, restart=restart))
        self.effects.launch(Launch(a_worker(1), spec, ""))
        (entry,) = self.store.read(WORKERS).entries.values()
        return decode(WorkerRecord, entry.value)


@pytest.fixture
def edges(tmp_path: Path) -> Edges:
    store = FakeStore(lambda: NOW)
    store.write({"manager": "1"})
    fence = Fence("manager", store.read("manager").entries["manager"].create_revision)
    engine = FakeEngine(now=lambda: NOW, images=[fake_image(TEMPLATE.image)])
    faults = Faults(nothing, nothing)
    programs, secrets = Programs(tmp_path / "programs"), Secrets(tmp_path / "kept", tmp_path / "lent")
    effects = Effects(
        cloud="default",
        tag="ab12",
        store=store,
        engine=engine,
        network=cast(Network, FakeNetwork(faults, dict, lambda container: 0)),
        programs=programs,
        hosts=cast(HostsFiles, FakeHosts(faults)),
        secrets=secrets,
        journal=Journal(store, lambda: fence, lambda: NOW),
        fence=lambda: fence,
        clock=lambda: NOW,
        held_s=lambda container: 0.0,
    )
    return Edges(store, engine, programs, secrets, effects)


def test_a_worker_that_docker_refuses_has_ended_as_its_restart_policy_says(edges: Edges) -> None:
    edges.engine.fail_next = "no such command"

    assert edges.launched("no").retry_at is None


def test_of_a_worker_whose_file_is_gone_the_command_is_told_that_brings_it_back(edges: Edges) -> None:
    edges.engine.fail_next = "invalid mount config for type bind"

    edges.effects.launch(Launch(a_worker(1), copying("e" * 64), ""))

    (entry,) = edges.store.read(WORKERS).entries.values()
    ending = decode(WorkerRecord, entry.value).ending
    assert ending is not None
    assert ending.words == (
        "its file /app/server.py is gone from this machine: "
        "update web --copy FILE:/app/server.py (or: restore FILE)"
    )


def test_what_docker_did_not_answer_is_tried_again_whatever_the_restart_policy(edges: Edges) -> None:
    edges.engine.lose_next_answer = True

    assert edges.launched("no").retry_at == NOW


def test_that_a_worker_ended_before_it_was_joined_is_no_failure_of_the_network(edges: Edges) -> None:
    edges.effects.launch(Launch(a_worker(1), an_app(), ""))

    assert edges.store.read(WORKERS).entries == {}


def test_an_ending_is_noted_where_docker_refuses_the_last_lines(
    edges: Edges, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: FakeEngine, name: str, lines: int = 5) -> list[str]:
        raise EngineError("cannot read the logs: container is dead or marked for removal")

    monkeypatch.setattr(FakeEngine, "last_words", refused)
    edges.effects.launch(Launch(a_worker(1), an_app(), ""))

    edges.effects.bury(Bury(a_worker(1), an_app(), ""))

    (entry,) = edges.store.read(WORKERS).entries.values()
    ending = decode(WorkerRecord, entry.value).ending
    assert ending is not None
    assert ending.last_lines == ()


def test_of_a_first_ending_it_is_told_that_the_next_try_comes_at_once(edges: Edges) -> None:
    edges.effects.launch(Launch(a_worker(1), an_app(), ""))
    edges.effects.bury(Bury(a_worker(1), an_app(), ""))

    edges.effects.journal.start()
    edges.effects.journal.stop()

    assert events(edges.store)[-1].text.endswith("; next try at once")


@pytest.mark.parametrize(
    ("exit_code", "restart", "port", "remedy"),
    [
        (0, "always", None, "update web --restart on-failure"),
        (1, "always", None, ""),
        (0, "no", None, ""),
        (0, "always", 8000, ""),
    ],
)
def test_of_a_job_that_did_its_work_it_is_told_what_keeps_it_from_being_run_again(
    exit_code: int, restart: str, port: int | None, remedy: str, edges: Edges
) -> None:
    spec = replace(an_app(), template=replace(TEMPLATE, restart=restart, port=port))
    job = replace(a_worker(1), port=port)
    edges.effects.launch(Launch(job, spec, ""))
    edges.engine.end("sc_default_web_1_1", exit_code)

    edges.effects.bury(Bury(job, spec, ""))

    ending = decode(WorkerRecord, edges.store.read(WORKERS).entries["workers/web/1/1"].value).ending
    assert ending is not None
    assert ending.remedy == remedy


def test_a_worker_whose_name_somebody_took_is_tried_again_and_says_what_mends_it(edges: Edges) -> None:
    once = replace(an_app(), template=replace(TEMPLATE, restart="no"))
    edges.engine.taken.add("sc_default_web_1_1")

    edges.effects.launch(Launch(a_worker(1), once, ""))

    record = decode(WorkerRecord, edges.store.read(WORKERS).entries["workers/web/1/1"].value)
    mends = "docker rename sc_default_web_1_1 sc_default_web_1_1-other"
    assert record.retry_at is not None
    assert record.ending is not None
    assert record.ending.told == f"another container has the name sc_default_web_1_1 ({mends})"
    assert record.ending.remedy == mends


def test_a_container_is_given_its_name_back(edges: Edges) -> None:
    worker = edges.container(1)
    edges.engine.rename(worker.id, "x")

    edges.effects.rename(Rename(a_worker(1), worker.id, ""))

    assert edges.engine.workers() == [worker]


def test_two_containers_that_have_each_other_s_names_get_their_own(edges: Edges) -> None:
    first, second = edges.container(1), edges.container(2)
    for container, name in ((first, "x"), (second, first.name), (first, second.name)):
        edges.engine.rename(container.id, name)

    edges.effects.rename(Rename(a_worker(1), first.id, ""))
    edges.effects.rename(Rename(a_worker(2), second.id, ""))

    assert edges.engine.workers() == [first, second]


def test_a_second_container_of_a_worker_goes_and_the_one_with_the_name_stays(edges: Edges) -> None:
    older = edges.container(1)
    edges.engine.rename(older.id, "x")
    newer = edges.container(1)

    edges.effects.rename(Rename(a_worker(1), older.id, ""))

    assert edges.engine.workers() == [newer]


def test_what_has_its_name_again_is_left_alone(edges: Edges) -> None:
    worker = edges.container(1)

    edges.effects.rename(Rename(a_worker(1), worker.id, ""))

    assert edges.engine.workers() == [worker]


def test_a_file_of_names_that_was_copied_in_is_kept(edges: Edges) -> None:
    spec = replace(an_app(), template=replace(TEMPLATE, mounts=(Mount("a" * 64, "/etc/hosts"),)))

    order = worker_order("default", a_worker(1), spec, edges.programs, Path("/names"), None)

    assert [file.host_path for file in order.files] == [str(edges.programs.path("a" * 64))]


@pytest.mark.parametrize(
    ("command", "workdir", "directory"),
    [
        ("/app/web.py", None, "/app"),
        ("/app/web.py", "/srv", "/srv"),
        ("/app/of-the-image", None, None),
        ("/opt/web.py", None, None),
        ("sh", None, None),
        ("sh", "/srv", "/srv"),
    ],
)
def test_a_copied_program_begins_beside_its_files_unless_told_where(
    edges: Edges, command: str, workdir: str | None, directory: str | None
) -> None:
    mounts = (Mount("a" * 64, "/app/web.py"), Mount("b" * 64, "/opt/web.py"))
    template = replace(TEMPLATE, command=(command,), workdir=workdir, mounts=mounts)
    spec = replace(an_app(), template=template)

    order = worker_order("default", a_worker(1), spec, edges.programs, Path("/names"), None)

    assert order.directory == directory


def test_a_worker_is_forgotten_with_the_secrets_that_it_was_lent(edges: Edges) -> None:
    lent = edges.secrets.path(WorkerKey("web", 1, 1))
    lent.mkdir(parents=True)
    (lent / "password").write_text("x")

    edges.effects.forget(Forget((WorkerKey("web", 1, 1),), (), ""))

    assert not lent.exists()


def removed_before(store: FakeStore) -> list[str]:
    """As many apps were removed as an undo brings back, and web is removed now; return them, oldest first."""
    names = [f"job-{number}" for number in range(KEPT_REMOVALS)]
    for name in names:
        store.write({undo_key(name): "", freeze_key(name): "", revision_key(name, 1): ""})
    store.write({undo_key("web"): "", app_key("web"): encode(an_app())})
    return names


def test_of_apps_that_were_removed_the_last_ones_stay_for_an_undo(edges: Edges) -> None:
    edges.store.write({undo_key("there"): "", app_key("there"): encode(an_app())})
    first, *last = removed_before(edges.store)

    edges.effects.forget(Forget((), ("web",), ""))

    kept = edges.store.read(UNDO, FROZEN, REVISIONS).entries
    assert {key for key in kept if first in key.split("/")} == set()
    assert {key.removeprefix(UNDO) for key in kept if key.startswith(UNDO)} == {"there", *last, "web"}


def test_an_app_that_an_undo_brings_back_keeps_its_history_while_another_one_is_removed(edges: Edges) -> None:
    first, *_ = removed_before(edges.store)
    asked: list[str] = []

    def fence() -> Fence:
        asked.append("")
        if len(asked) == 2:  # what goes is chosen
            edges.store.write({app_key(first): encode(an_app())})
        return edges.effects.fence()

    with pytest.raises(Conflict):
        replace(edges.effects, fence=fence).forget(Forget((), ("web",), ""))

    assert revision_key(first, 1) in edges.store.read(REVISIONS).entries


def test_copied_files_that_nothing_names_go_with_an_app(edges: Edges) -> None:
    edges.copied_long_ago()
    stored, undone, lost, _ = DIGESTS
    edges.store.write({app_key("other"): encode(copying(stored)), undo_key("web"): encode(copying(undone))})
    order = WorkerOrder("sc_default_lost_1_1", "lost", 1, 1, TEMPLATE.image, ("serve",), "lost.1")
    edges.engine.create(replace(order, labels={SPEC_LABEL: encode(copying(lost))}))

    edges.effects.forget(Forget((), ("web",), ""))

    assert {path.name for path in edges.programs.directory.iterdir()} == {stored, undone, lost}


def test_copied_files_that_nothing_names_go_with_the_end_of_an_update(edges: Edges) -> None:
    edges.copied_long_ago()
    before, now, _, _ = DIGESTS
    kept = Revision(1, NOW, "run", copying(before).template)
    edges.store.write({app_key("web"): encode(copying(now)), revision_key("web", 1): encode(kept)})
    version = edges.store.read(app_key("web")).entries[app_key("web")].mod_revision

    edges.effects.save_spec(SaveSpec(copying(now), version, "revision 2 is ready"))

    assert {path.name for path in edges.programs.directory.iterdir()} == {before, now}


def copying(digest: str) -> AppSpec:
    """Return an app whose workers have the file of that digest."""
    return replace(an_app(), template=replace(TEMPLATE, mounts=(Mount(digest, "/app/server.py"),)))

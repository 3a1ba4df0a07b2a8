"""Secrets are kept for root alone, lent to workers while they have them, and shown to nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from manager.api.arguments import Arguments
from manager.api.errors import CloudError, SecretInUse, SecretNotFound, SecretRejected, StoreUnavailable
from manager.loop.reconcile import Picture
from manager.secrets import SIZE_LIMIT_BYTES, Secrets
from manager.server import Call
from manager.service.changes import Changes, Edit
from manager.service.secrets import SecretVerbs
from manager.state import wishes
from manager.state.model import AppSpec, WorkerKey
from manager.state.world import World
from tests.simulation.worlds import TEMPLATE, an_app, serving

WORKER = WorkerKey("web", 1, 1)
HAS_DB = replace(TEMPLATE, secrets=("db",))


@dataclass(slots=True)
class Renewing:
    """Takes changes of the apps of this world, or refuses them."""

    world: World
    refusal: CloudError | None = None
    made: list[AppSpec] = field(default_factory=list)

    def make(self, call: Call, edit: Edit) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.made += edit(self.world.specs).specs

    def verbs(self, secrets: Secrets) -> SecretVerbs:
        picture = Picture(self.world, 1, converged=True)
        reconciler = SimpleNamespace(seen=lambda: picture)
        changes = SimpleNamespace(make=self.make, journal=SimpleNamespace(note=str), reconciler=reconciler)
        return SecretVerbs(secrets, cast(Changes, changes))

    def set_db(self, secrets: Secrets) -> Mapping[str, object]:
        with holding(b"hush") as descriptor:
            call = cast(Call, SimpleNamespace(request=SimpleNamespace(files=[descriptor])))
            return self.verbs(secrets).secret(call, Arguments({"action": "set", "name": "db"}))


def sharing(*names: str) -> World:
    """Return apps that have the secret and a spare each."""
    return serving([replace(an_app(name), spares=1, template=HAS_DB) for name in names], [])


@pytest.fixture
def secrets(tmp_path: Path) -> Iterator[Secrets]:
    secrets = Secrets(tmp_path / "kept", tmp_path / "lent")
    yield secrets
    secrets.unmount()


@contextmanager
def holding(content: bytes) -> Iterator[int]:
    descriptor = os.memfd_create("test")
    try:
        os.write(descriptor, content)
        yield descriptor
    finally:
        os.close(descriptor)


def put(secrets: Secrets, name: str, content: bytes) -> None:
    with holding(content) as descriptor:
        secrets.put(name, descriptor)


def test_a_secret_is_kept_for_root_alone(secrets: Secrets) -> None:
    put(secrets, "db", b"hush")

    assert (secrets.kept / "db").read_bytes() == b"hush"
    assert (secrets.kept / "db").stat().st_mode & 0o777 == 0o600
    assert secrets.kept.stat().st_mode & 0o777 == 0o700
    assert [(kept.name, kept.size_bytes) for kept in secrets.all()] == [("db", 4)]


def test_a_secret_that_is_set_anew_replaces_the_former_one(secrets: Secrets) -> None:
    put(secrets, "db", b"former")
    put(secrets, "db", b"new")

    assert [(kept.name, kept.size_bytes) for kept in secrets.all()] == [("db", 3)]
    assert os.listdir(secrets.kept) == ["db"]


@pytest.mark.parametrize(
    ("content", "why"), [(b"", "nothing came"), (b"x" * (SIZE_LIMIT_BYTES + 1), "larger than 512K")]
)
def test_what_cannot_be_a_secret_changes_nothing(content: bytes, why: str, secrets: Secrets) -> None:
    put(secrets, "db", b"former")

    with pytest.raises(SecretRejected, match=why):
        put(secrets, "db", content)

    assert (secrets.kept / "db").read_bytes() == b"former"


def test_a_secret_that_is_not_there_is_named(secrets: Secrets) -> None:
    with pytest.raises(SecretNotFound, match='no secret is named "db"') as caught:
        secrets.require(["db"])

    assert caught.value.hint == "simplecloud secret set db < FILE"


def test_a_worker_is_lent_what_it_was_given_in_memory_and_nothing_else(secrets: Secrets) -> None:
    put(secrets, "db", b"hush")
    put(secrets, "other", b"not for web")

    secrets.lend(WORKER, ["db"])

    assert {path.name: path.read_bytes() for path in secrets.path(WORKER).iterdir()} == {"db": b"hush"}
    assert secrets.lent.is_mount()
    assert secrets.lent.stat().st_mode & 0o777 == 0o700


def test_workers_that_start_at_once_have_one_memory_for_their_secrets(secrets: Secrets) -> None:
    put(secrets, "db", b"hush")
    keys = [WorkerKey("web", slot, 1) for slot in range(1, 9)]

    with ThreadPoolExecutor(len(keys)) as pool:
        list(pool.map(lambda key: secrets.lend(key, ["db"]), keys))
    lent = [(secrets.path(key) / "db").read_bytes() for key in keys]
    secrets.unmount()

    assert lent == [b"hush"] * len(keys)
    assert not secrets.lent.is_mount()


def test_lending_again_brings_what_is_there_now(secrets: Secrets) -> None:
    put(secrets, "db", b"former")
    secrets.lend(WORKER, ["db"])
    put(secrets, "db", b"new")

    secrets.lend(WORKER, ["db"])

    assert (secrets.path(WORKER) / "db").read_bytes() == b"new"


def test_what_was_lent_goes_with_the_worker_and_the_memory_with_the_cloud(secrets: Secrets) -> None:
    put(secrets, "db", b"hush")
    secrets.lend(WORKER, ["db"])

    secrets.take_back(WORKER)
    left = os.listdir(secrets.lent)
    secrets.unmount()

    assert left == []
    assert not secrets.lent.is_mount()
    assert [kept.name for kept in secrets.all()] == ["db"]


def test_a_secret_is_said_to_be_set_also_when_the_spares_cannot_be_made_anew(secrets: Secrets) -> None:
    renewing = Renewing(sharing("web"), StoreUnavailable("etcd does not answer"))

    answer = renewing.set_db(secrets)

    assert answer["message"] == "the secret db is set (4 bytes)"
    assert answer["notes"] == [
        "the spares of web keep the former one (etcd does not answer): secret set db again",
        "who runs keeps the former one until it is replaced: restart web",
    ]


def test_only_an_app_that_runs_is_told_to_be_restarted_for_another_secret(secrets: Secrets) -> None:
    stopped = replace(an_app("api"), stopped=True, template=HAS_DB)
    renewing = Renewing(serving([stopped, replace(an_app("web"), template=HAS_DB)], []))

    answer = renewing.set_db(secrets)

    assert answer["notes"] == ["who runs keeps the former one until it is replaced: restart web"]


def test_an_app_with_a_record_that_cannot_be_read_keeps_no_other_from_having_new_spares(
    secrets: Secrets,
) -> None:
    renewing = Renewing(replace(sharing("api", "web"), unreadable={"api": "workers/api/1/1"}))

    answer = renewing.set_db(secrets)

    assert [spec.name for spec in renewing.made] == ["web"]
    assert cast(list[str], answer["notes"])[0].startswith("the spares of api keep the former one (left alone")


def test_a_secret_that_a_stopped_app_may_go_back_to_is_removed_once_it_was_started(secrets: Secrets) -> None:
    put(secrets, "db", b"hush")
    stopped = wishes.stopped(replace(an_app(), template=HAS_DB), None)
    renewing = Renewing(serving([wishes.updated(stopped, TEMPLATE)], []))

    with pytest.raises(SecretInUse, match="until its update has proved itself") as refusal:
        renewing.verbs(secrets).secret(cast(Call, None), Arguments({"action": "rm", "name": "db"}))

    assert refusal.value.hint == "start web"

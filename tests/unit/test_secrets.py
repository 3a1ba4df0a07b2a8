"""Secrets are kept for root alone, lent to workers while they have them, and shown to nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from manager.api.errors import SecretNotFound, SecretRejected
from manager.secrets import SIZE_LIMIT_BYTES, Secrets
from manager.state.model import WorkerKey

WORKER = WorkerKey("web", 1, 1)


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
    with pytest.raises(SecretNotFound, match="no secret is named 'db'") as caught:
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

"""Secrets reach the workers that were given them, and are in no record, inspection, log or listing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.cloud import LAUNCHER, Apps, Cloud, docker_by_hand, eventually, inside

HUSH = "correct-horse-battery"


@pytest.fixture
def kept(cloud: Cloud, apps: Apps) -> Iterator[str]:
    """Lend the name of a secret that is set; it and the test's apps are gone afterwards."""
    assert cloud.run("secret", "set", "db-password", given=HUSH.encode()).code == 0
    yield "db-password"
    apps.remove()
    cloud.ok("secret", "rm", "db-password")


def test_a_worker_reads_its_secret_as_a_file_in_memory(apps: Apps, cloud: Cloud, kept: str) -> None:
    name = apps.run("sleep", "1000", options=("--secret", kept, "--user", "65534"))
    container = cloud.container(f"{name}.1")

    assert inside(container, "cat", f"/run/secrets/{kept}").stdout == HUSH
    assert " /run/secrets tmpfs ro," in inside(container, "cat", "/proc/mounts").stdout
    assert inside(container, "sh", "-c", f"echo no > /run/secrets/{kept}").code != 0


def test_a_secret_is_in_no_record_inspection_log_or_listing(apps: Apps, cloud: Cloud, kept: str) -> None:
    name = apps.run("sleep", "1000", options=("--secret", kept))

    with docker_by_hand() as client:
        inspected = json.dumps(client.inspect_container(cloud.container(f"{name}.1")))
    with cloud.store() as store:
        records = [entry.value for entry in store.read("").entries.values()]
    logs = [path.read_text() for path in cloud.places.log.glob("*.log")]
    told = [
        cloud.ok(*words).stdout
        for words in (("inspect", name), ("describe", name), ("events",), ("secret", "ls"))
    ]

    assert len(records) > 3
    assert [text for text in (inspected, *records, *logs, *told) if HUSH in text] == []


def test_no_process_that_knows_a_secret_leaves_a_core_dump(apps: Apps, cloud: Cloud, kept: str) -> None:
    name = apps.run("sleep", "1000", options=("--secret", kept))
    pids = (cloud.worker(f"{name}.1").pid, *cloud.manager_pids())

    # the standby may just have begun
    eventually(lambda: [dumps(pid) for pid in pids] == ["0"] * 3, what="that nobody leaves a core dump")


def test_a_shell_that_is_given_a_secret_leaves_no_core_dump(cloud: Cloud) -> None:
    with_dumps = ["sh", "-c", 'ulimit -S -c "$(ulimit -H -c)" && exec "$@"', "sh"]
    command = [*with_dumps, LAUNCHER, "--cloud", cloud.name, "secret", "set", "typed"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as shell:
        eventually(lambda: dumps(shell.pid) == "0", within_s=10, what="a shell without core dumps")
        shell.communicate(HUSH.encode())

    cloud.ok("secret", "rm", "typed")


def dumps(pid: int | None) -> str:
    """Return the most bytes that a core dump of the process may have."""
    limits = Path(f"/proc/{pid}/limits").read_text()
    return next(line.split()[4] for line in limits.splitlines() if line.startswith("Max core file size"))


def test_a_secret_in_use_cannot_be_removed_and_one_that_is_not_there_not_given(
    apps: Apps, cloud: Cloud, kept: str
) -> None:
    name = apps.run("sleep", "1000", options=("--secret", kept))

    removed, given = (
        cloud.run("secret", "rm", kept),
        cloud.run("run", "--secret", "nosuch", "other", "sleep", "9"),
    )

    assert (removed.code, given.code) == (1, 1)
    assert f"{name} has the secret {kept}" in removed.stderr
    assert 'no secret is named "nosuch"' in given.stderr
    assert "other" not in cloud.app_names()
    assert [(item["name"], item["apps"]) for item in cloud.ok("secret", "ls", "-o", "json").items] == [
        (kept, [name])
    ]


def test_a_rollback_to_a_secret_that_was_removed_is_refused(apps: Apps, cloud: Cloud) -> None:
    assert cloud.run("secret", "set", "passing", given=b"hush").code == 0
    name = apps.run("sleep", "1000", options=("--secret", "passing"))
    cloud.ok("update", name, "--no-secret")
    cloud.ok("secret", "rm", "passing")

    refused = cloud.run("rollback", name)

    assert (refused.code, 'no secret is named "passing"' in refused.stderr) == (1, True)
    assert [item["state"] for item in cloud.ok("history", name, "-o", "json").items] == ["former", "current"]


def test_a_dry_run_changes_no_secret(cloud: Cloud, kept: str) -> None:
    told = [
        cloud.run("secret", "set", kept, "--dry-run", given=b"another"),
        cloud.run("secret", "rm", kept, "--dry-run"),
    ]
    empty = cloud.run("secret", "set", kept, "--dry-run", given=b"")

    assert [(each.code, each.stdout.split(maxsplit=1)[1].strip()) for each in told] == [
        (0, f"set the secret {kept}"),
        (0, f"remove the secret {kept}"),
    ]
    assert empty.code == 1
    assert [item["size_bytes"] for item in cloud.ok("secret", "ls", "-o", "json").items] == [len(HUSH)]


def test_workers_that_a_scale_adds_have_what_was_set_anew(apps: Apps, cloud: Cloud, kept: str) -> None:
    name = apps.run("sleep", "1000", options=("--secret", kept, "--spares", "2"))
    eventually(lambda: [w.state for w in cloud.workers(name, "-a")].count("spare") == 2, what="two spares")

    assert cloud.run("secret", "set", kept, given=b"another").code == 0
    cloud.ok("scale", f"{name}=3")

    found = [inside(cloud.container(f"{name}.{n}"), "cat", f"/run/secrets/{kept}").stdout for n in (2, 3)]
    assert found == ["another", "another"]


def test_workers_that_are_replaced_have_what_was_set_anew(apps: Apps, cloud: Cloud, kept: str) -> None:
    name = apps.run("sleep", "1000", options=("--secret", kept))

    told = cloud.run("secret", "set", kept, given=b"another")
    before = inside(cloud.container(f"{name}.1"), "cat", f"/run/secrets/{kept}").stdout
    cloud.ok("restart", name)

    assert f"restart {name}" in told.stderr
    assert before == HUSH
    container = str(cloud.worker(f"{name}.1").container)
    assert inside(container, "cat", f"/run/secrets/{kept}").stdout == "another"


def test_a_script_cannot_set_a_secret_and_says_how_it_is_done(cloud: Cloud) -> None:
    outcome = cloud.script("secret set db-password\n")

    assert outcome.code == 2
    assert f"simplecloud --cloud {cloud.name} secret set db-password < FILE" in outcome.stderr
    assert cloud.ok("secret", "ls", "-o", "json").items == []

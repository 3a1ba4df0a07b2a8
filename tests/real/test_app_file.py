"""Apps from a file: made so by `apply`, told apart by `diff`, written by `export`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.real.cloud import SERVER, Apps, Cloud


@pytest.fixture
def written(tmp_path: Path) -> Path:
    shutil.copy(SERVER, tmp_path / "server.py")
    return tmp_path / "apps.toml"


def test_a_file_is_applied_once_and_then_there_is_nothing_to_do(
    apps: Apps, cloud: Cloud, written: Path
) -> None:
    name = apps.name()
    written.write_text(f'[apps.{name}]\ncommand = "./server.py"\nport = 8000\nworkers = 2\n')

    planned = cloud.ok("apply", "-f", str(written), "--dry-run").stdout
    assert name not in cloud.app_names()

    applied = cloud.ok("apply", "-f", str(written))
    assert planned.startswith("run ")
    assert applied.stdout.startswith(planned)
    assert cloud.is_ready(name, 2)

    again = cloud.ok("apply", "-f", str(written))
    assert (again.stdout, f"nothing to do: {name}" in again.stderr) == ("", True)
    assert cloud.ok("diff", "-f", str(written), "-o", "json").items == []


def test_what_was_changed_by_hand_differs_and_is_put_back(apps: Apps, cloud: Cloud, written: Path) -> None:
    name = apps.name()
    written.write_text(f'[apps.{name}]\ncommand = "./server.py"\nport = 8000\nworkers = 1\n')
    cloud.ok("apply", "-f", str(written))

    cloud.ok("update", name, "--memory", "64M", "-e", "A=1")
    cloud.ok("scale", f"{name}=2")
    differing = cloud.run("diff", "-f", str(written), "-o", "json")
    cloud.ok("apply", "-f", str(written))

    assert differing.code == 1
    assert {item["option"] for item in differing.items} == {"memory", "env", "workers"}
    assert cloud.ok("diff", "-f", str(written), "-o", "json").items == []
    assert cloud.is_ready(name, 1)


def test_what_is_exported_can_be_applied(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)

    exported = cloud.ok("export", name).stdout

    applied = cloud.run("apply", "-f", "-", given=exported.encode())
    assert (applied.code, f"nothing to do: {name}" in applied.stderr) == (0, True)


def test_an_app_that_was_exported_and_removed_comes_back_with_the_program_that_was_copied(
    apps: Apps, cloud: Cloud, written: Path
) -> None:
    name = apps.serve(1)
    exported = cloud.ok("export", name).stdout
    written.write_text(exported)
    cloud.ok("rm", name, "-y")

    differing = cloud.run("diff", "-f", str(written))
    cloud.ok("apply", "-f", str(written))

    assert differing.code == 1
    assert cloud.is_ready(name, 1)
    assert cloud.ok("export", name).stdout == exported


def test_a_copied_program_that_is_another_by_now_differs_and_is_put_back(
    apps: Apps, cloud: Cloud, written: Path
) -> None:
    name, here = apps.name(), written.parent
    cloud.ok("run", "-p", "8000", name, "./server.py", "8000", cwd=here)
    exported = cloud.ok("export", name).stdout
    written.write_text(exported)
    with written.with_name("server.py").open("a") as other:
        other.write("# another\n")
    cloud.ok("update", name, "./server.py", "8000", cwd=here)

    differing = cloud.run("diff", "-f", str(written), "-o", "json")
    cloud.ok("apply", "-f", str(written))

    assert (differing.code, [item["option"] for item in differing.items]) == (1, ["/app/server.py"])
    assert cloud.ok("export", name).stdout == exported


def test_a_file_with_a_fault_changes_nothing(cloud: Cloud, written: Path) -> None:
    before = cloud.app_names()
    written.write_text('[apps.good]\ncommand = "sleep 9"\n[apps.bad]\ncommand = "sleep 9"\nprot = 8000\n')

    refused = cloud.run("apply", "-f", str(written))

    assert refused.code == 2
    assert f"{written}: line 5: bad: run has no option --prot (did you mean port?)" in refused.stderr
    assert cloud.app_names() == before

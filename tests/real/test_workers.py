"""A worker is what was asked for: its words, its environment, its limits, its files, and no more rights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.real.busybox import static_busybox
from tests.real.cloud import Apps, Cloud, Outcome, docker_by_hand, eventually

TELL_ARGUMENTS = "import sys, json; print(json.dumps(sys.argv[1:]))"
ONCE = ("--restart", "no")
ODD_WORDS = (
    "two words",
    "",
    "'single' \"double\"",
    "$HOSTNAME ${HOME} `id` $(id)",
    "a\nline\ttab",
    "back\\slash",
    "ünïcödé ☁ 🐳",
    "-n",
    "--",
    "*?[x]",
    "#no comment; no end",
)


def printed(cloud: Cloud, worker: str, *, ends: bool = True) -> str:
    """Return what a worker wrote, as Docker has it, after its end where it ends by itself."""
    with docker_by_hand() as client:
        if ends:
            client.wait(cloud.container(worker), timeout=60)
        written: bytes = client.logs(cloud.container(worker))
    return written.decode()


def inspected(cloud: Cloud, worker: str) -> Mapping[str, Any]:
    with docker_by_hand() as client:
        seen: Mapping[str, Any] = client.inspect_container(cloud.container(worker))
    return seen


def test_every_word_reaches_the_worker_as_it_was_given(apps: Apps, cloud: Cloud) -> None:
    name = apps.name()
    cloud.ok("run", *ONCE, name, "python3", "-c", TELL_ARGUMENTS, *ODD_WORDS)

    assert json.loads(printed(cloud, f"{name}.1")) == list(ODD_WORDS)
    assert cloud.app(name).command == ["python3", "-c", TELL_ARGUMENTS, *ODD_WORDS]


def test_words_of_a_script_are_quoted_and_expanded_as_in_a_shell(apps: Apps, cloud: Cloud) -> None:
    name = apps.name()
    script = f"""
        set greeting "hello there"
        run --restart no {name} -- python3 -c '{TELL_ARGUMENTS}' \\
            "$greeting" '$greeting' a\\ b "" ${{greeting}}! 'semi;colon'   # a comment
    """

    outcome = cloud.script(script)

    assert outcome.code == 0, outcome
    words = json.loads(printed(cloud, f"{name}.1"))
    assert words == ["hello there", "$greeting", "a b", "", "hello there!", "semi;colon"]


def test_the_environment_is_what_was_asked_for_and_secrets_stay_out_of_the_logs(
    apps: Apps, cloud: Cloud
) -> None:
    code = "import os, json; print(json.dumps(dict(os.environ)))"
    options = ("-e", "A=1", "-e", "EMPTY=", "-e", "ODD=x=y z$HOME 'q' ☁", *ONCE)
    name = apps.name()
    cloud.ok("run", *options, name, "python3", "-c", code)

    environment = json.loads(printed(cloud, f"{name}.1"))

    assert {key: environment[key] for key in ("A", "EMPTY", "ODD")} == {
        "A": "1",
        "EMPTY": "",
        "ODD": "x=y z$HOME 'q' ☁",
    }
    assert environment["HOSTNAME"] == f"{name}.1"
    logs = "".join(path.read_text() for path in cloud.places.log.iterdir() if path.is_file())
    assert "x=y z$HOME" not in logs


def test_a_worker_is_confined_by_default(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sleep", "1000")

    host = inspected(cloud, f"{name}.1")["HostConfig"]

    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]  # no seccomp=...: Docker's default holds
    assert host["PidsLimit"] == 512
    assert host["NetworkMode"] == "none"
    assert host["RestartPolicy"]["Name"] in ("", "no")
    assert host["Init"] is True
    assert host["LogConfig"]["Config"].keys() >= {"max-size"}
    assert not host["PortBindings"]
    assert not host["Binds"]


def test_every_worker_has_a_memory_limit(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sleep", "1000")

    assert inspected(cloud, f"{name}.1")["HostConfig"]["Memory"] > 0


def test_limits_are_read_back_as_they_were_given(apps: Apps, cloud: Cloud) -> None:
    options = ("--cpus", "0.5", "--memory", "64M", "--pids", "40", "--user", "nobody", "--cap-add", "CHOWN")
    name = apps.run("sleep", "1000", options=(*options, "--read-only"))

    seen = inspected(cloud, f"{name}.1")

    host = seen["HostConfig"]
    assert host["NanoCpus"] == 500_000_000 or host["CpuQuota"] / host["CpuPeriod"] == 0.5
    assert host["Memory"] == 64 * 2**20
    assert host["PidsLimit"] == 40
    assert [name.removeprefix("CAP_") for name in host["CapAdd"]] == ["CHOWN"]
    assert host["ReadonlyRootfs"] is True
    assert seen["Config"]["User"] == "nobody"


def test_a_worker_beyond_its_memory_is_killed_and_the_reason_says_so(apps: Apps, cloud: Cloud) -> None:
    """It starts again after each end: on a full machine Docker takes some for a kill by somebody."""
    name = apps.name("hungry")
    ending = "exit code 137: killed, memory limit 16M reached"

    cloud.run("run", "--memory", "16M", name, "python3", "-c", "b'x' * 10**9")

    eventually(lambda: ending in cloud.worker(f"{name}.1").reason, within_s=30)


def run_file(apps: Apps, cloud: Cloud, word: str, *arguments: str, cwd: Path) -> Outcome:
    """Run a file of this machine once and return what `run` said and the worker wrote."""
    name = apps.name("file")
    outcome = cloud.run("run", *ONCE, name, word, *arguments, cwd=cwd)
    assert outcome.code == 0, outcome
    return Outcome(0, printed(cloud, f"{name}.1"), outcome.stderr)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory with a script, a static program and a text."""
    (tmp_path / "below").mkdir()
    (tmp_path / "hello").write_text('#!/bin/sh\necho "hello $1 from $0"\n')
    (tmp_path / "hello").chmod(0o755)
    shutil.copy(static_busybox(), tmp_path / "busybox")
    (tmp_path / "words.txt").write_text("some words\n")
    return tmp_path


@pytest.mark.parametrize("word", ["./hello", "../hello"])
def test_a_file_of_this_machine_is_copied_in(word: str, apps: Apps, cloud: Cloud, tools: Path) -> None:
    cwd = tools / "below" if word.startswith("..") else tools

    assert run_file(apps, cloud, word, "you", cwd=cwd).stdout == "hello you from /app/hello\n"


def test_an_absolute_path_that_the_image_lacks_is_copied_in(apps: Apps, cloud: Cloud, tools: Path) -> None:
    assert run_file(apps, cloud, str(tools / "hello"), "you", cwd=tools).stdout.startswith("hello you from /")


def test_an_absolute_path_that_the_image_has_is_the_image_s(apps: Apps, cloud: Cloud, tools: Path) -> None:
    assert run_file(apps, cloud, "/bin/echo", "there", cwd=tools).stdout == "there\n"


def test_a_static_program_runs_as_it_is(apps: Apps, cloud: Cloud, tools: Path) -> None:
    assert run_file(apps, cloud, "./busybox", "echo", "static", cwd=tools).stdout == "static\n"


def test_a_copied_file_is_where_it_was_asked_for_and_cannot_be_written(
    apps: Apps, cloud: Cloud, tools: Path
) -> None:
    name = apps.name()
    command = ("sh", "-c", "cat /srv/w /app/hello; echo x 2>/dev/null >>/srv/w || echo cannot write")

    outcome = cloud.run(
        "run", *ONCE, "--copy", "words.txt:/srv/w", "--copy", "hello", name, *command, cwd=tools
    )

    assert outcome.code == 0, outcome
    written = printed(cloud, f"{name}.1").splitlines()
    assert (written[0], written[1], written[-1]) == ("some words", "#!/bin/sh", "cannot write")


def test_workers_keep_the_file_that_was_copied_when_the_original_changes(
    apps: Apps, cloud: Cloud, tools: Path
) -> None:
    name = apps.name()
    (tools / "hello").write_text("#!/bin/sh\necho first; exec sleep 1000\n")
    assert cloud.run("run", name, "./hello", cwd=tools).code == 0

    (tools / "hello").write_text("#!/bin/sh\necho second; exec sleep 1000\n")
    cloud.ok("scale", f"{name}=2")

    assert eventually(lambda: printed(cloud, f"{name}.2", ends=False), within_s=5) == "first\n"

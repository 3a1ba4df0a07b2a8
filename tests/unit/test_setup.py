"""What a machine lacks, what apt says, and whether a dockerd answers."""

from __future__ import annotations

import http.server
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from manager.host import dockerd, packages

ROOT = Path(__file__).parents[2]
TELL = "print(os.umask(0), os.environ['PATH'], sep=':')"
UNREACHABLE = """\
Err:1 http://deb.debian.org/debian bookworm InRelease
  Temporary failure resolving 'deb.debian.org'
Reading package lists...
W: Failed to fetch http://deb.debian.org/debian/dists/bookworm/InRelease  Temporary failure resolving
W: Some index files failed to download. They have been ignored, or old ones used instead.
"""


def test_a_tool_that_is_not_on_the_path_is_missing(tmp_path: Path) -> None:
    present = tmp_path / "dockerd"
    present.touch(mode=0o755)

    names = [tool.program for tool in packages.missing_tools(path=str(tmp_path))]

    assert names == ["etcd", "nft", "iptables", "mmdebstrap"]


def test_neither_a_user_s_path_that_su_kept_nor_a_strict_umask_tells_in_what_is_done() -> None:
    program = f"import os; from manager.__main__ import settle_in; settle_in(); {TELL}"
    ended = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={"PATH": "/usr/bin", "PYTHONPATH": str(ROOT)},
        umask=0o077,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    umask, own, *system = ended.stdout.strip().split(":")
    assert (umask, own) == ("18", "/usr/bin")
    assert {"/usr/local/sbin", "/usr/sbin", "/sbin"} == set(system)


def test_a_complete_machine_is_not_touched_and_nothing_is_said() -> None:
    said: list[str] = []

    packages.install([], said.append)

    assert said == []


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("Reading package lists...\n", ""),
        (
            UNREACHABLE,
            "Failed to fetch http://deb.debian.org/debian/dists/bookworm/InRelease  "
            "Temporary failure resolving",
        ),
        ("W: old key\nE: Unable to locate package etcd-server\n", "Unable to locate package etcd-server"),
        ("E: the cause\nE: mmdebstrap failed to run\n", "the cause"),
    ],
)
def test_the_first_complaint_is_the_cause(output: str, cause: str) -> None:
    assert packages.apt_error_in(output) == cause


# --- dockerd


class Ping(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/_ping" else 404)
        self.end_headers()

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None:
        pass


class Broken(Ping):
    status = 500


class Silent(socketserver.BaseRequestHandler):
    """Takes the request and hangs up."""


@contextmanager
def serving(path: Path, answer: type[socketserver.BaseRequestHandler]) -> Iterator[None]:
    with socketserver.UnixStreamServer(str(path), answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="fake-dockerd")
        thread.start()
        yield
        server.shutdown()
        thread.join()


def test_a_dockerd_that_answers_a_ping_is_there(tmp_path: Path) -> None:
    with serving(tmp_path / "docker.sock", Ping):
        assert dockerd.dockerd_answers(tmp_path / "docker.sock")


@pytest.mark.parametrize("answer", [Broken, Silent])
def test_a_dockerd_that_does_not_answer_well_is_not_there(
    tmp_path: Path, answer: type[socketserver.BaseRequestHandler]
) -> None:
    with serving(tmp_path / "docker.sock", answer):
        assert not dockerd.dockerd_answers(tmp_path / "docker.sock")


def test_a_socket_that_a_dead_dockerd_left_does_not_answer(tmp_path: Path) -> None:
    with serving(tmp_path / "docker.sock", Ping):
        pass

    assert not dockerd.dockerd_answers(tmp_path / "docker.sock")
    assert not dockerd.dockerd_answers(tmp_path / "never.sock")


@pytest.mark.parametrize(
    ("daemon_json", "expected"),
    [
        ("", ["dockerd", "--live-restore"]),
        ('{"debug": true}', ["dockerd", "--live-restore"]),
        ('{"live-restore": false}', ["dockerd"]),
        ("{not json", ["dockerd", "--live-restore"]),
    ],
)
def test_workers_outlive_dockerd_unless_its_settings_decide(daemon_json: str, expected: list[str]) -> None:
    assert dockerd.command(daemon_json) == expected


def test_a_process_that_nobody_has_reaped_is_no_reason_not_to_start(tmp_path: Path) -> None:
    file = tmp_path / "dockerd.pid"
    with subprocess.Popen(["true"]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is left a zombie
        file.write_text(f"{ended.pid}\n")

        dockerd.forget_ended(file)

    assert not file.exists()


def test_a_process_that_lives_on_is_not_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "containerd.pid"
    file.write_text(f"{os.getpid()}\n")

    dockerd.forget_ended(file, within_s=0.01)

    assert file.exists()

"""Whatever comes over the manager's socket: it is answered or cut off, and the manager serves on."""

from __future__ import annotations

import grp
import json
import os
import resource
import select
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from manager.api.places import GROUP
from manager.api.wire import MAX_FRAME_BYTES
from tests.real.cloud import ROOT, Apps, Cloud, Outcome, eventually
from tests.real.line import answer, ask, line_to

NOBODY = 65534
PS = b'{"jsonrpc":"2.0","id":7,"method":"ps","params":{}}\n'


@pytest.fixture(autouse=True)
def serves_on(cloud: Cloud) -> Iterator[None]:
    """The same manager answers afterwards as before."""
    before = cloud.status()["manager"]
    yield
    assert cloud.status()["manager"] == before


def answered(line: socket.socket, sent: bytes) -> Any:
    """Return the frame that answers what was sent, though it was refused before its end."""
    with suppress(BrokenPipeError, ConnectionResetError):
        line.sendall(sent)
    with line.makefile("rb") as frames:
        return json.loads(frames.readline())


DEEP = b'{"a":' * 10_000

BAD_FRAMES = {
    "garbage": b"\x00\xff{]garbage\n",
    "not utf-8": b'{"jsonrpc":"2.0","id":1,"method":"\xff\xfe","params":{}}\n',
    "empty": b"\n",
    "a number": b"7\n",
    "no version": b'{"id":1,"method":"ps","params":{}}\n',
    "params as list": b'{"jsonrpc":"2.0","id":1,"method":"ps","params":[1]}\n',
    "id as object": b'{"jsonrpc":"2.0","id":{},"method":"ps","params":{}}\n',
    "deep": b"[" * 10_000 + b"]" * 10_000 + b"\n",
    "deep params": b'{"jsonrpc":"2.0","id":1,"method":"ps","params":' + DEEP + b"}" * 10_000 + b"\n",
    "big number": b'{"jsonrpc":"2.0","id":' + b"9" * 10_000 + b',"method":"ps","params":{}}\n',
}  # fmt: skip


@pytest.mark.parametrize("frame", BAD_FRAMES.values(), ids=BAD_FRAMES)
def test_a_frame_that_is_no_request_gets_an_error_and_the_connection_goes_on(
    frame: bytes, cloud: Cloud
) -> None:
    with line_to(cloud) as line:
        refused = answered(line, frame)

        assert refused["error"]["data"]["kind"] in ("frame-rejected", "usage")
        assert refused["error"]["data"]["hint"]
        assert answered(line, PS)["result"]["kind"] == "WorkerList"


BAD_REQUESTS = {
    "unknown method": ("destroy", {}),
    "unknown parameter": ("ps", {"nosuch": "x"}),
    "text for a list": ("ps", {"app": "web"}),
    "number for a text": ("run", {"name": 7, "command": ["true"]}),
    "object for a list": ("scale", {"change": {"web": 3}}),
    "list of numbers": ("rm", {"app": [1, 2]}),
    "nothing for a text": ("inspect", {"target": None}),
    "nothing at all": ("run", {}),
    "text for a flag": ("ps", {"all": "yes"}),
    "bad kind": ("run", {"name": "web", "command": ["true"], "workers": "many"}),
    "files that did not come": ("run", {"name": "x", "command": ["./x"], "files": [{"word": "./x"}]}),
    "a path as a name": ("run", {"name": "../../x", "command": ["true"]}),
}


@pytest.mark.parametrize(("method", "params"), BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_a_request_with_wrong_words_or_types_is_a_usage_error(
    method: str, params: dict[str, object], cloud: Cloud
) -> None:
    before = cloud.app_names()
    with line_to(cloud) as line:
        frame = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        refused = answered(line, json.dumps(frame).encode() + b"\n")

    assert refused["error"]["data"]["kind"] == "usage", refused
    assert refused["id"] == 1
    assert cloud.app_names() == before


def test_a_method_that_there_is_not_is_told_by_the_code_of_json_rpc(cloud: Cloud) -> None:
    with line_to(cloud) as line:
        assert answered(line, PS.replace(b'"ps"', b'"sacle"'))["error"]["code"] == -32601


def test_a_request_without_an_id_gets_no_answer(cloud: Cloud) -> None:
    with line_to(cloud) as line:
        asked_without = b'{"jsonrpc":"2.0","method":"apps"}\n'

        assert answered(line, asked_without + PS)["result"]["kind"] == "WorkerList"


def test_a_frame_over_a_mebibyte_gets_an_error_and_the_connection_is_closed(cloud: Cloud) -> None:
    with line_to(cloud) as line:
        refused = answered(line, b"x" * (MAX_FRAME_BYTES + 100_000))

        assert refused["error"]["data"]["kind"] == "frame-rejected"
        assert "1 MiB" in refused["error"]["message"]
        assert is_closed(line)


def is_closed(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_frame_just_below_a_mebibyte_is_read(cloud: Cloud) -> None:
    padding = " " * (MAX_FRAME_BYTES - len(PS))

    with line_to(cloud) as line:
        assert "result" in answered(line, PS.rstrip() + padding.encode() + b"\n")


def test_half_a_frame_and_a_hang_up_harm_nobody(cloud: Cloud) -> None:
    with line_to(cloud) as line:
        line.sendall(PS[:20])
    with line_to(cloud) as line:
        line.sendall(PS[:20])
        line.shutdown(socket.SHUT_WR)
        assert is_closed(line)


def test_a_request_that_comes_byte_by_byte_is_answered(cloud: Cloud) -> None:
    with line_to(cloud) as line, line_to(cloud) as other:
        for byte in PS[:-1]:
            line.sendall(bytes([byte]))
            assert "result" in answered(other, PS)

        assert "result" in answered(line, PS[-1:])


def test_several_requests_of_one_line_are_answered_in_turn(cloud: Cloud) -> None:
    with line_to(cloud) as line, line.makefile("rb") as frames:
        line.sendall(PS + PS.replace(b"7", b'"eight"') + PS)

        assert [json.loads(frames.readline())["id"] for _ in range(3)] == [7, "eight", 7]


def test_more_idle_clients_than_are_served_are_told_so_and_room_comes_back(cloud: Cloud) -> None:
    with ExitStack() as crowd:
        lines = [crowd.enter_context(line_to(cloud)) for _ in range(150)]
        refused = answered(lines[-1], b"")

        assert "too many clients" in refused["error"]["message"]
        assert "result" in answered(lines[0], PS)
    eventually(lambda: cloud.run("apps").code == 0, within_s=5)


def test_a_client_that_does_not_read_is_dropped_and_holds_nobody_up(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sh", "-c", "yes 'a line that is rather long, as lines go' | head -c 4000000; sleep 1000")

    with line_to(cloud) as deaf, line_to(cloud) as other:
        ask(deaf, "logs", {"target": [name], "follow": True})
        assert "result" in answered(other, PS)
        eventually(lambda: hung_up(deaf), within_s=15)


def hung_up(line: socket.socket) -> bool:
    """Return whether the other end has closed the connection, whatever is still to be read."""
    poll = select.poll()
    poll.register(line, select.POLLRDHUP)
    return bool(poll.poll(0))


def test_hanging_up_ends_a_stream_that_is_followed(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sh", "-c", "echo begun; exec sleep 1000")
    pid = cloud.status()["manager"]["pid"]
    before = len(os.listdir(f"/proc/{pid}/task"))

    for _ in range(5):
        with line_to(cloud) as line, line.makefile("rb") as frames:
            ask(line, "logs", {"target": [name], "follow": True})
            assert b"begun" in frames.readline()

    eventually(lambda: len(os.listdir(f"/proc/{pid}/task")) <= before + 2, within_s=10)


def test_descriptors_that_nobody_takes_do_not_pile_up(cloud: Cloud) -> None:
    pid = cloud.status()["manager"]["pid"]
    before = len(os.listdir(f"/proc/{pid}/fd"))

    with open(os.devnull) as file:
        for _ in range(20):
            with line_to(cloud) as line:
                socket.send_fds(line, [PS], [file.fileno()] * 10)
                answer(line)

    eventually(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= before + 3, within_s=5)


@pytest.mark.parametrize("path", ["/dev/zero", "/tmp"])
def test_only_regular_files_are_taken_in(path: str, cloud: Cloud) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    frame = {"name": "taken", "command": ["./x"], "files": [{"word": "./x", "role": "command"}]}
    request = {"jsonrpc": "2.0", "id": 1, "method": "run", "params": frame}
    with line_to(cloud) as line, line.makefile("rb") as frames:
        socket.send_fds(line, [json.dumps(request).encode() + b"\n"], [descriptor])
        os.close(descriptor)
        refused = json.loads(frames.readline())

    assert refused["error"]["data"]["kind"] == "program-rejected"
    assert "taken" not in cloud.app_names()


# Tells whether the manager answers (0), refuses in words (1), or is out of reach for this user (2).
KNOCK = """
import socket, sys
line = socket.socket(socket.AF_UNIX)
try:
    line.connect(sys.argv[1])
except PermissionError:
    sys.exit(2)
line.sendall(sys.argv[2].encode())
sys.exit(b'"result"' not in line.recv(65536))
"""


@dataclass(frozen=True, slots=True)
class User:
    """A user of this machine who is not root; `program` is a copy of the shell that they can read."""

    uid: int
    groups: Sequence[int]
    program: Path

    def run(self, *words: str, cwd: Path = Path("/")) -> Outcome:
        """Return what the system's Python does with these words, run by this user in that directory."""
        ended = subprocess.run(
            [str(shutil.which("python3", path="/usr/bin:/usr/local/bin")), *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            env={"PYTHONPATH": str(self.program), "PATH": "/usr/bin:/bin"},
            user=self.uid,
            group=self.uid,
            extra_groups=self.groups,
        )
        return Outcome(ended.returncode, ended.stdout, ended.stderr)

    def shell(self, cloud: Cloud, *words: str) -> Outcome:
        return self.run("-P", "-m", "shell", "--cloud", cloud.name, *words)

    def knock(self, path: str, cwd: Path = Path("/")) -> int:
        return self.run("-c", KNOCK, path, PS.decode(), cwd=cwd).code


@pytest.fixture(scope="module")
def program() -> Iterator[Path]:
    """A copy of what the shell is made of where everybody can read it, wherever this checkout is."""
    directory = Path(tempfile.mkdtemp(prefix="simplecloud-shell-"))
    shutil.copytree(ROOT / "shell", directory / "shell")
    shutil.copytree(ROOT / "manager" / "api", directory / "manager" / "api")
    shutil.copy(ROOT / "manager" / "__init__.py", directory / "manager")
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def stranger(program: Path) -> User:
    return User(NOBODY, (), program)


@pytest.fixture
def member(program: Path) -> User:
    return User(NOBODY, (grp.getgrnam(GROUP).gr_gid,), program)


def test_the_socket_is_for_root_and_the_group_only(stranger: User, member: User, cloud: Cloud) -> None:
    path = str(cloud.places.socket)

    assert stranger.knock(path) == 2
    assert member.knock(path) == 0


def test_a_stranger_who_got_hold_of_the_socket_is_refused_by_the_manager(
    stranger: User, cloud: Cloud
) -> None:
    path = cloud.places.socket
    path.parent.chmod(0o755)
    path.chmod(0o666)
    try:
        refused = stranger.knock(str(path))
    finally:
        path.chmod(0o660)
        path.parent.chmod(0o750)

    assert refused == 1


def test_the_files_of_a_cloud_are_closed_to_other_users(cloud: Cloud) -> None:
    places = cloud.places

    modes = [path.stat().st_mode & 0o777 for path in (places.run, places.state, places.log, places.socket)]

    assert modes == [0o750, 0o700, 0o750, 0o660]


def test_a_user_without_permission_gets_exit_6_and_the_way_in(stranger: User, cloud: Cloud) -> None:
    outcome = stranger.shell(cloud, "ps")

    assert outcome.code == 6, outcome
    assert "group simplecloud" in outcome.stderr
    assert "hint:  sudo usermod -aG simplecloud" in outcome.stderr


def test_a_member_of_the_group_works_without_root(member: User, apps: Apps, cloud: Cloud) -> None:
    name = apps.name()

    ran = member.shell(cloud, "run", name, "sleep", "1000")
    listed = member.shell(cloud, "ps", name, "-q")

    assert ran.code == 0, ran
    assert listed.stdout == f"{name}.1\n"


def test_a_manager_may_open_as_many_files_as_the_machine_lets_it(cloud: Cloud) -> None:
    for pid in cloud.manager_pids():  # the standby may just have begun
        eventually(partial(_may_open_all, pid), what=f"that process {pid} may open as many files")


def _may_open_all(pid: int) -> bool:
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    return soft == hard


def looks(line: socket.socket) -> Iterator[dict[str, Any]]:
    """Yield the documents of each look that comes."""
    with line.makefile("rb") as frames:
        for frame in frames:
            yield json.loads(frame)["params"]["item"]["documents"]


def test_watch_sends_everything_once_and_then_what_has_changed(cloud: Cloud, apps: Apps) -> None:
    name = apps.run("sleep", "1000")
    with line_to(cloud) as line:
        ask(line, "watch", {"interval": "200ms"})
        told = looks(line)
        first = next(told)

        assert first.keys() == {"apps", "ps", "events", "status", "host"}
        assert [item["name"] for item in first["apps"]["items"]] == [name]

        cloud.ok("freeze", name)
        next(look for look in told if look.get("status", {}).get("frozen") == [name])
        assert any(not look.keys() & {"apps", "status", "events"} for look in told)


def test_watch_once_is_one_look_and_its_end(cloud: Cloud) -> None:
    with line_to(cloud) as line:
        ask(line, "watch", {"once": True})

        with line.makefile("rb") as frames:
            look, end = json.loads(frames.readline()), json.loads(frames.readline())
    assert look["params"]["item"]["kind"] == "Look"
    assert end["result"]["kind"] == "Result"

"""Commands run inside workers: made and looked at through docker's client, joined through a socket of ours.

Docker turns the connection that starts a command into the command's streams. docker's client may have read
the first bytes of these into a buffer of its own, so the request is written here, and nothing beyond the
head of the answer is read.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import docker

from manager.api.errors import Conflict, EngineError
from manager.engine.connection import Connection
from manager.engine.containers import Execution
from manager.engine.orders import ExecOrder

_HEAD_BYTES = 16384
_ANSWER_S = 20.0
_BEGIN_S, _POLL_S = 10.0, 0.02
# Keys that leave a command running are of no use without a way back to it; docker's own, ctrl-p first,
# would be held back from every program that knows ctrl-p.
_NEVER_TYPED = ",".join(["ctrl-@"] * 8)


class DockerExecs:
    """The commands inside one cloud's workers; safe to use from any thread. See Execs for what holds."""

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection = connection
        self._path = str(path)

    def create(self, name: str, order: ExecOrder) -> str:
        with self._connection.borrow(f"run a command in {name}") as client:
            answer = client.exec_create(
                name,
                list(order.command),
                stdin=order.stdin,
                tty=order.tty,
                user=order.user or "",
                environment=list(order.environment),
                workdir=order.directory,
                detach_keys=_NEVER_TYPED,
            )
        return str(answer["Id"])

    def start(self, execution_id: str, *, tty: bool) -> socket.socket:
        found = self.look(execution_id)
        if found.running or found.exit_code is not None:  # docker itself says so as the command's output
            raise Conflict("the command was started before", hint="ps")
        body = json.dumps({"Detach": False, "Tty": tty}).encode()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(_ANSWER_S)
            sock.connect(self._path)
            sock.sendall(_request(f"/exec/{execution_id}/start", body))
            _check_answer(sock)
            sock.setblocking(True)  # it goes to another process, which expects an ordinary socket
        except OSError as error:
            sock.close()
            raise EngineError("cannot start the command: docker does not answer", hint="doctor") from error
        except EngineError:
            sock.close()
            raise
        return sock

    def resize(self, execution_id: str, rows: int, columns: int) -> None:
        with self._connection.borrow("resize the terminal") as client:
            client.exec_resize(execution_id, height=rows, width=columns)

    def hang_up(self, execution_id: str) -> None:
        with self._connection.borrow("hang up on the command") as client:
            pid = _pid_of(client, execution_id)
            if not pid:
                return
            with suppress(ProcessLookupError):
                process = os.pidfd_open(pid)
                try:
                    # a pid may have been given to another process meanwhile; what is open stays what it is
                    if _pid_of(client, execution_id) == pid:
                        signal.pidfd_send_signal(process, signal.SIGHUP)
                finally:
                    os.close(process)

    def look(self, execution_id: str) -> Execution:
        with self._connection.borrow("look at the command") as client:
            answer = client.exec_inspect(execution_id)
        code = None if answer["Running"] else answer["ExitCode"]
        return Execution(execution_id, str(answer["ContainerID"]), bool(answer["Running"]), code)


def _pid_of(client: docker.APIClient, execution_id: str) -> int:
    """Return the process of a command, 0 once it has ended; one that is being started is waited for.

    Docker hands its streams over before it calls it running, and calls it that before it has a process.
    """
    give_up_at = time.monotonic() + _BEGIN_S
    while (answer := client.exec_inspect(execution_id))["ExitCode"] is None:
        if answer["Pid"] or time.monotonic() >= give_up_at:
            return int(answer["Pid"])
        time.sleep(_POLL_S)
    return 0


def _request(path: str, body: bytes) -> bytes:
    head = [
        f"POST {path} HTTP/1.1",
        "Host: docker",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: Upgrade",
        "Upgrade: tcp",
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def _check_answer(sock: socket.socket) -> None:
    """Read the head of Docker's answer, and raise what it says unless the streams follow."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte or len(head) > _HEAD_BYTES:
            raise EngineError("cannot start the command: docker hung up", hint="doctor")
        head += byte
    status = int(head.split(b" ", 2)[1])
    if status == HTTPStatus.SWITCHING_PROTOCOLS:
        return
    raise EngineError(f"cannot start the command: {_message(sock.recv(65536))}", hint="ps")


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"]).strip()
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip() or "no reason given"

"""Commands run inside workers: made and looked at through docker's client, joined through a socket of ours.

Docker turns the connection that starts a command into the command's streams. docker's client may have read
the first bytes of these into a buffer of its own, so the request is written here, and nothing beyond the
head of the answer is read.
"""

from __future__ import annotations

import json
import socket

from manager.api.errors import Conflict, EngineError
from manager.engine.connection import Connection
from manager.engine.containers import Execution
from manager.engine.orders import ExecOrder

_HEAD_BYTES = 16384
_ANSWER_S = 20.0
_UPGRADED, _CONFLICT = 101, 409


class DockerExecs:
    """The commands inside one cloud's workers; safe to use from any thread."""

    def __init__(self, connection: Connection, base_url: str) -> None:
        self._connection = connection
        self._path = base_url.removeprefix("unix://")

    def create(self, name: str, order: ExecOrder) -> str:
        """Return the id of a command that is ready to be started in the container.

        Raises WorkerNotFound; EngineError when the container does not run.
        """
        with self._connection.borrow(f"run a command in {name}") as client:
            answer = client.exec_create(
                name,
                list(order.command),
                stdin=order.stdin,
                tty=order.tty,
                user=order.user or "",
                environment=list(order.environment),
                workdir=order.directory,
            )
        return str(answer["Id"])

    def start(self, execution_id: str, *, tty: bool) -> socket.socket:
        """Start the command, and return the socket that carries its streams.

        With a tty they are one stream of bytes; without, Docker's frames tell stdout from stderr. Shutting
        down the sending side is the end of its stdin.  Raises Conflict when it was started before.
        """
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
        except (EngineError, Conflict):
            sock.close()
            raise
        return sock

    def resize(self, execution_id: str, rows: int, columns: int) -> None:
        """The command's terminal has this size.  Raises EngineError while the command does not run."""
        with self._connection.borrow("resize the terminal") as client:
            client.exec_resize(execution_id, height=rows, width=columns)

    def look(self, execution_id: str) -> Execution:
        """Return what became of the command.  Raises WorkerNotFound when its container is gone."""
        with self._connection.borrow("look at the command") as client:
            answer = client.exec_inspect(execution_id)
        code = None if answer["Running"] else answer["ExitCode"]
        return Execution(execution_id, str(answer["ContainerID"]), bool(answer["Running"]), code)


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
    if status == _UPGRADED:
        return
    said = _message(sock.recv(65536))
    if status == _CONFLICT and "already" in said:
        raise Conflict(f"the command was started before: {said}", hint="top TARGET")
    raise EngineError(f"cannot start the command: {said}", hint="ps")


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"]).strip()
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip() or "no reason given"

"""The manager's socket: requests in, items and results out, one thread a client.

A client may be anything: frames are bounded, a slow reader is dropped, the number of clients is limited,
and the kernel tells who is there (SO_PEERCRED). What a request does is not known here: `Dispatch` does it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from manager.api import wire
from manager.api.errors import CloudError, FrameRejected, NotAllowed, UsageError
from manager.api.wire import Lines, NotARequest, Request
from manager.host.access import SOCKET_MODE
from manager.procfs import text_of

MAX_CLIENTS = 128
BACKLOG = 1024  # those beyond MAX_CLIENTS are told so, which takes being accepted
ACCEPT_AGAIN_S = 0.2
LOOK_S = 1.0  # after which the socket's path is looked for when nobody came
SEND_LIMIT_S = 5.0  # a reader that takes longer for one frame is gone

log = logging.getLogger(__name__)


class ClientGone(Exception):
    """The client hung up or does not read."""


class NoSuchMethod(UsageError):
    """The method of a request is none of the manager's."""


@dataclass(slots=True)
class Call:
    """One request under way: its files, a way to send items, and whether anybody still listens.

    handed: descriptors that go with the answer, and are closed here afterwards.
    """

    request: Request
    sock: socket.socket
    after: Callable[[], None] | None = None
    handed: list[int] = field(default_factory=list)

    def emit(self, kind: str, **fields: object) -> None:
        """Send one item of the stream; raises ClientGone when nobody takes it."""
        self.emit_all(kind, [fields])

    def emit_all(self, kind: str, items: Iterable[Mapping[str, object]]) -> None:
        """Send some items of the stream together, for what comes in thousands."""
        if not self.request.notifies:
            _send(self.sock, *(wire.item(self.request.id, {"kind": kind, **fields}) for fields in items))

    def progress(self, text: str) -> None:
        """Send a line that tells how far the work is."""
        self.emit("Progress", text=text)

    def check(self) -> None:
        """Raise ClientGone when the client has hung up; one that only sends no more waits for its answer."""
        listening = select.poll()  # select() takes no descriptor beyond 1023
        listening.register(self.sock, 0)  # a hang-up and an error are told unasked
        if listening.poll(0):
            raise ClientGone


Dispatch = Callable[[Call], Mapping[str, object]]


@dataclass(slots=True)
class Server:
    """Serves the socket at `path` to root and to the members of group `gid` until it is stopped."""

    path: Path
    gid: int
    dispatch: Dispatch
    _listener: socket.socket = field(init=False)
    _thread: threading.Thread = field(init=False)
    _clients: dict[socket.socket, threading.Thread] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Take the socket's path, whoever had it before, and answer on it for as long as it is there."""
        self._bind()
        self._thread = threading.Thread(target=self._accept, name="server", daemon=True)
        self._thread.start()

    def _bind(self) -> None:
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(draft))
        draft.chmod(SOCKET_MODE)
        os.chown(draft, 0, self.gid)
        self._listener.listen(BACKLOG)
        self._listener.settimeout(LOOK_S)
        draft.rename(self.path)

    def stop(self) -> None:
        """Close the socket and every client, and wait for their threads."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=2)
        for sock, thread in list(self._clients.items()):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=1)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                self._keep_path()
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue  # nobody came, perhaps because the path is gone
            except OSError:  # stopped; or out of descriptors, which clients that go give back
                self._stopping.wait(ACCEPT_AGAIN_S)
            else:
                self._admit(sock)

    def _keep_path(self) -> None:
        """The socket is there again where somebody removed it; another one is the next manager's."""
        if self.path.exists():
            return
        self._listener.close()
        self._bind()
        log.warning("%s was gone: this manager answers on it again", self.path)

    def _admit(self, sock: socket.socket) -> None:
        sock.settimeout(SEND_LIMIT_S)
        refusal = self._refusal(sock)
        if refusal is not None:
            with contextlib.suppress(ClientGone):
                _send(sock, wire.failure(None, refusal))
            sock.close()
            return
        thread = threading.Thread(target=self._serve, args=(sock,), name="client", daemon=True)
        self._clients[sock] = thread
        thread.start()

    def _refusal(self, sock: socket.socket) -> CloudError | None:
        if len(self._clients) >= MAX_CLIENTS:
            return CloudError(
                f"too many clients ({MAX_CLIENTS})",
                hint="pgrep -af -- 'shell/__main__.py|-m shell'    (end some of them)",
            )
        uid, gid, pid = _peer(sock)
        if uid != 0 and self.gid not in {gid, *_groups_of(pid)}:
            return NotAllowed(
                f"user {uid} may not manage this cloud", hint="sudo usermod -aG simplecloud $USER"
            )
        return None

    def _serve(self, sock: socket.socket) -> None:
        lines = Lines(sock)
        try:
            while self._answer_next(sock, lines):
                pass
        except (ClientGone, OSError):
            pass  # the client hung up; what it asked for goes on
        finally:
            lines.close_files()
            sock.close()
            self._clients.pop(sock, None)

    def _answer_next(self, sock: socket.socket, lines: Lines) -> bool:
        """Read one request and answer it; False at the end of the stream."""
        sock.settimeout(None)
        try:
            line = lines.read()
        except FrameRejected as error:
            _send(sock, wire.failure(None, error, wire.PARSE_ERROR))
            return False
        finally:
            sock.settimeout(SEND_LIMIT_S)
        if line is None:
            return False
        files = lines.take_files()
        try:
            request = wire.request_of(line, files)
        except FrameRejected as error:
            _close(files)
            _send(sock, _refused(error))
            return True
        self._answer(sock, request)
        return True

    def _answer(self, sock: socket.socket, request: Request) -> None:
        call = Call(request, sock)
        try:
            self._tell(sock, call)
        finally:
            _close((*request.files, *call.handed))
        if call.after is not None:
            call.after()

    def _tell(self, sock: socket.socket, call: Call) -> None:
        """Carry out what was asked, and answer who asked with an id."""
        outcome = self._outcome(call)
        if call.request.notifies:
            return
        try:
            _send(sock, outcome, files=call.handed)
        except FrameRejected as error:  # a mistake of ours must not take the manager down
            log.exception("the answer to %s cannot be told", call.request.method)
            _send(sock, wire.failure(call.request.id, error))

    def _outcome(self, call: Call) -> Mapping[str, object]:
        """Return the frame that answers the request."""
        request = call.request
        try:
            return wire.result(request.id, self.dispatch(call))
        except NoSuchMethod as error:
            return wire.failure(request.id, error, wire.METHOD_NOT_FOUND)
        except UsageError as error:
            return wire.failure(request.id, error, wire.INVALID_PARAMS)
        except CloudError as error:
            return wire.failure(request.id, error)


def _refused(error: FrameRejected) -> Mapping[str, object]:
    """Return the frame that answers what is no request."""
    if isinstance(error, NotARequest):
        return wire.failure(error.id, error, error.code)
    return wire.failure(None, error, wire.PARSE_ERROR)


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _send(sock: socket.socket, *messages: Mapping[str, object], files: Sequence[int] = ()) -> None:
    try:
        wire.send(sock, *messages, files=files)
    except OSError as error:
        raise ClientGone from error


def _peer(sock: socket.socket) -> tuple[int, int, int]:
    """Return uid, gid and pid of the process at the other end, as the kernel knows them."""
    pid, uid, gid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return uid, gid, pid


def _groups_of(pid: int) -> set[int]:
    lines = text_of(pid, "status").splitlines()
    return {int(gid) for line in lines if line.startswith("Groups:") for gid in line.split()[1:]}

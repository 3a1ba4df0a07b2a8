"""A manager on a real Unix socket: knows apps and workers, and can die before it answers."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from manager.api import wire
from manager.api.documents import listing
from manager.api.errors import AppNotFound, CloudError
from manager.api.places import Places

Answer = Mapping[str, object]
Verb = Callable[["FakeCall"], Answer]


@dataclass(frozen=True, slots=True)
class PlacesAt(Places):
    """The places of a cloud whose socket is in a directory of a test."""

    directory: Path = Path()

    @property
    def run(self) -> Path:
        return self.directory


@dataclass(frozen=True, slots=True)
class PlacesWithState(PlacesAt):
    """The state, too, is in a directory of a test."""

    @property
    def state(self) -> Path:
        return self.directory / "state"


@dataclass(frozen=True, slots=True)
class FakeCall:
    """A request as it came: its parameters, what its files contain, and a way to send items."""

    method: str
    params: Mapping[str, object]
    contents: tuple[bytes, ...]
    emit: Callable[[Mapping[str, object]], None]


def app_item(name: str, want: int, ready: int, **changed: object) -> dict[str, object]:
    """Return an item of AppList."""
    return {
        "name": name,
        "command": ["./server.py"],
        "image": "simplecloud/base",
        "revision": 1,
        "want": want,
        "ready": ready,
        "scaling": "manual",
        "rate_rps": None,
        "p95_s": 0.12,
        "memory_bytes": 64 * 2**20,
        "urls": [f"http://{name}.localhost:8080/"],
        "created_at": "2024-01-01T00:00:00.000Z",
        "note": "",
        **changed,
    }


def worker_item(app: str, slot: int, state: str = "ready", **changed: object) -> dict[str, object]:
    """Return an item of WorkerList."""
    return {"name": f"{app}.{slot}", "app": app, "slot": slot, "state": state, "reason": "", **changed}


class Death(Exception):
    """Raised by a verb: the manager dies before it has answered."""


@dataclass(slots=True)
class FakeManager:
    """Answers on `places.socket` from start to stop; `deaths` calls are taken and never answered.

    `apps` and `workers` may be changed by the test at any time; `verbs` adds or replaces methods.
    """

    places: Places
    apps: dict[str, dict[str, object]] = field(default_factory=dict)
    workers: list[dict[str, object]] = field(default_factory=list)
    verbs: dict[str, Verb] = field(default_factory=dict)
    proxy_url: str = "http://127.0.0.1:8080"
    deaths: int = 0
    calls: list[FakeCall] = field(default_factory=list)
    _listener: socket.socket | None = None
    _threads: list[threading.Thread] = field(default_factory=list)
    _clients: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> FakeManager:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Take the socket's path and answer on it."""
        self.places.socket.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.places.socket))
        self._listener.listen()
        self._spawn(self._accept, self._listener)

    def stop(self) -> None:
        """Die: hang up on everybody, and leave the socket's path as a killed process does."""
        assert self._listener is not None
        for sock in (self._listener, *self._clients):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)
        self._listener.close()

    def methods(self) -> list[str]:
        """Return the methods that were asked for, in order."""
        return [call.method for call in self.calls]

    def _spawn(self, act: Callable[[socket.socket], None], sock: socket.socket) -> None:
        thread = threading.Thread(target=act, args=(sock,), name="fake manager", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self._clients.append(sock)
            self._spawn(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        lines = wire.Lines(sock)
        with sock, contextlib.suppress(OSError):
            while (line := lines.read()) is not None:
                request = wire.request_of(line, lines.take_files())
                contents = tuple(_read_and_close(descriptor) for descriptor in request.files)
                call = FakeCall(request.method, request.params, contents, _emitter(sock, request.id))
                self.calls.append(call)
                if self.deaths > 0:
                    self.deaths -= 1
                    return
                try:
                    answer = self._frame(request.id, call)
                except Death:
                    return
                wire.send(sock, answer)

    def _frame(self, number: int | str | None, call: FakeCall) -> Answer:
        verb = self.verbs.get(call.method) or self._known().get(call.method)
        try:
            if verb is None:
                return wire.result(number, {"kind": "Result", "message": f"{call.method} done"})
            return wire.result(number, verb(call))
        except CloudError as error:
            return wire.failure(number, error)

    def _known(self) -> Mapping[str, Verb]:
        return {"apps": self._apps, "ps": self._ps, "status": self._status}

    def _apps(self, call: FakeCall) -> Answer:
        names = self._asked(call)
        return _list("AppList", [self.apps[name] for name in names or self.apps])

    def _ps(self, call: FakeCall) -> Answer:
        names = self._asked(call)
        return _list("WorkerList", [item for item in self.workers if not names or item["app"] in names])

    def _asked(self, call: FakeCall) -> list[str]:
        asked = call.params.get("app", [])
        assert isinstance(asked, list)
        for name in asked:
            if name not in self.apps:
                raise AppNotFound(f'no app is named "{name}"', hint="apps")
        return asked

    def _status(self, _: FakeCall) -> Answer:
        manager = {"pid": os.getpid(), "started_at": "2024-01-01T00:00:00.000Z", "role": "leader"}
        return {"kind": "Status", "manager": manager, "proxy": {"url": self.proxy_url, "healthy": True}}


def _list(kind: str, items: list[dict[str, object]]) -> Answer:
    return {**listing(kind, []), "items": items}


def _emitter(sock: socket.socket, number: int | str | None) -> Callable[[Mapping[str, object]], None]:
    return lambda item: wire.send(sock, wire.item(number, item))


def _read_and_close(descriptor: int) -> bytes:
    with open(descriptor, "rb") as file:
        return file.read()

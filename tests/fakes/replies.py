"""A manager that answers from a table, on a real Unix socket, and a cloud's places around it.

python -m tests.fakes.replies DIRECTORY     a prompt against such a manager, for a person to look at
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from manager.api import wire
from manager.api.documents import document, listing
from manager.api.errors import AppNotFound, CloudError
from manager.api.quantities import span
from manager.api.views import AppView, EventView, ImageView, WorkerView
from tests.fakes.manager import PlacesAt

Answer = Callable[[Mapping[str, object]], Mapping[str, object]]


def app(name: str, **fields: object) -> AppView:
    """Return an app that runs well, but for the fields given."""
    usual: dict[str, object] = {
        "name": name,
        "command": ["python3", "server.py", "--name", "two words"],
        "image": "simplecloud/base",
        "revision": 1,
        "want": 3,
        "ready": 3,
        "min": None,
        "max": None,
        "scaling": "manual",
        "slo_s": None,
        "rate_rps": 463.2,
        "p95_s": 0.0042,
        "error_ratio": 0.0,
        "cpu_cores": 0.25,
        "memory_bytes": 12_900_000,
        "urls": [f"http://{name}.localhost:8080/", f"http://127.0.0.1:8080/{name}/"],
        "created_at": "2026-01-02T03:04:05.678Z",
        "note": "",
    }
    return AppView(**(usual | fields))  # type: ignore[arg-type]


def worker(name: str, **fields: object) -> WorkerView:
    """Return a worker that runs well, but for the fields given."""
    of, _, slot = name.partition(".")
    usual: dict[str, object] = {
        "name": name,
        "app": of,
        "slot": int(slot),
        "revision": 1,
        "state": "ready",
        "address": f"10.200.0.{10 + int(slot)}",
        "port": 8000,
        "container": f"4f1d2c3b4a5{slot}",
        "pid": 4000 + int(slot),
        "started_at": "2026-01-02T03:04:05.678Z",
        "restarts": 0,
        "rate_rps": 154.4,
        "p95_s": 0.0042,
        "inflight": 1,
        "cpu_cores": 0.08,
        "memory_bytes": 4_300_000,
        "reason": "",
    }
    return WorkerView(**(usual | fields))  # type: ignore[arg-type]


def event(worker: str, text: str) -> EventView:
    return EventView("1-1", "2026-01-02T03:04:05.678Z", worker.partition(".")[0], worker, text)


def image(name: str) -> ImageView:
    return ImageView(name, "1f2e3d4c5b6a", 188_000_000, "2026-01-02T03:04:05.678Z")


def status(**fields: object) -> Mapping[str, object]:
    """Return the status of a cloud that is well, but for the fields given."""
    usual: dict[str, object] = {
        "cloud": "default",
        "manager": {"pid": 4711, "started_at": "2026-01-02T03:04:05.678Z", "role": "leader"},
        "standbys": [],
        "etcd": {
            "healthy": True,
            "members": [
                {"name": f"etcd-{n}", "endpoint": f"127.0.0.1:{n}", "healthy": True} for n in (1, 2, 3)
            ],
        },
        "proxy": {"url": "http://127.0.0.1:8080", "healthy": True},
        "docker": {"healthy": True, "version": "20.10.24", "live_restore": True},
        "network": {"intact": True, "bridge": "sc37a8br", "subnet": "10.200.0.0/16", "gateway": "10.200.0.1"},
        "host": {
            "cores": 2,
            "memory_bytes": 4_000_000_000,
            "used_cores": 0.5,
            "used_memory_bytes": 1_000_000_000,
        },
        "converged": True,
        "apps": 2,
        "workers": 4,
        "notes": [],
    }
    return document("Status", usual | fields)


@dataclass
class Replies:
    """Answers a method from `answers`, after its `items`; what is not there, or raises, is an error as usual.

    A method in `stuck` sends its items and is never answered.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    items: dict[str, list[Mapping[str, object]]] = field(default_factory=dict)
    stuck: frozenset[str] = frozenset()

    def frames(self, line: bytes) -> Iterator[Mapping[str, object]]:
        request = wire.request_of(line)
        for item in self.items.get(request.method, []):
            yield wire.item(request.id, item)
        if request.method == "watch":
            yield from self._looks(request)
        elif request.method not in self.stuck:
            yield self._answer(request)

    def _looks(self, request: wire.Request) -> Iterator[Mapping[str, object]]:
        """Yield looks at what the other methods answer, a whole one each time."""
        while True:
            try:
                looked: dict[str, object] = {
                    key: self.answers[key]({}) for key in ("apps", "ps", "events", "status")
                }
                looked["host"] = self.answers["status"]({})["host"]
            except CloudError as error:
                yield wire.failure(request.id, error)
                return
            yield wire.item(request.id, {"kind": "Look", "documents": looked})
            if request.params.get("once"):
                yield wire.result(request.id, document("Result", {"message": ""}))
                return
            # as a manager waits between two looks
            time.sleep(span(str(request.params["interval"])))

    def _answer(self, request: wire.Request) -> Mapping[str, object]:
        known = self.answers.get(request.method)
        if known is None:
            return wire.failure(request.id, AppNotFound(f"nothing is known of {request.method}", hint="apps"))
        try:
            return wire.result(request.id, known(request.params))
        except CloudError as error:
            return wire.failure(request.id, error)


def a_cloud(*present: Mapping[str, object], **answers: Answer) -> Replies:
    """Return the replies of a cloud that has these apps, as exported, and takes every change."""

    def done(params: Mapping[str, object]) -> Mapping[str, object]:
        return document("Result", {"message": "done"})

    taken = dict.fromkeys(("run", "update", "scale", "autoscale"), done)
    exported = {"export": lambda params: {"items": [*present], "usual": {}}}
    return Replies({**taken, **exported, **answers})


def town() -> Replies:
    """Return the replies of a small cloud: web in 3 workers of 4, and pong."""
    apps = [
        app("web", want=4, note="1 worker starts"),
        app(
            "pong",
            want=1,
            ready=1,
            rate_rps=None,
            p95_s=None,
            error_ratio=None,
            urls=["tcp://127.0.0.1:9000"],
        ),
    ]
    workers = [
        *(worker(f"web.{slot}") for slot in (1, 2, 3)),
        worker("web.4", state="starting", address=None, reason="waiting for GET / to answer"),
        worker("pong.1", rate_rps=None, p95_s=None, inflight=None),
    ]
    return Replies(
        {
            "apps": lambda params: listing("AppList", apps),
            "ps": lambda params: listing("WorkerList", workers),
            "images": lambda params: listing("ImageList", [image("simplecloud/base")]),
            "secret": lambda params: listing("SecretList", []),
            "status": lambda params: status(apps=2, workers=5),
            "events": lambda params: listing("EventList", [event("web.4", "started")]),
        }
    )


@contextmanager
def serving(directory: Path, replies: Replies) -> Iterator[PlacesAt]:
    """Serve the replies on a socket in `directory` until the end of the block."""
    places = PlacesAt("default", directory=directory)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(places.socket))
        listener.listen(16)
        thread = threading.Thread(target=_accept, args=(listener, replies), name="replies")
        thread.start()
        try:
            yield places
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            places.socket.unlink()


def _accept(listener: socket.socket, replies: Replies) -> None:
    """Serve each client in a thread of its own, until the listener is shut down."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(client, replies), daemon=True).start()


def _serve(client: socket.socket, replies: Replies) -> None:
    lines = wire.Lines(client)
    with client, suppress(OSError):  # a client may hang up at any time
        while line := lines.read():
            for frame in replies.frames(line):
                wire.send(client, frame)


def main(directory: Path) -> int:
    from shell.dispatch import perform
    from shell.prompt import repl
    from shell.session import Session

    replies = town()
    # a command that takes its time, to press ^C at
    replies.stuck = frozenset({"scale"})
    replies.items["scale"] = [{"kind": "Progress", "text": "web.4  created 10.200.0.14"}]
    with serving(directory, replies) as places:
        return repl.run(Session(places, perform, interactive=True, gives_stdin=True))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

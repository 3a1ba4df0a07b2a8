"""The last picture of the cloud that a prompt has: names with what they are doing, and its health.

The manager pushes it to a thread while a prompt is shown, so that no key ever waits for an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import Event, Thread

from manager.api.errors import CloudError
from manager.api.values import BASE_IMAGE
from shell.client import Ask
from shell.prompt.named import Named
from shell.prompt.past import Histories, Past, decisions_of
from shell.text import cells
from shell.text.document import Document, fields, items, number, words

Follow = Callable[[float, Callable[[Document], None], Event], None]  # shell.following.follow, of one client
QUESTIONS: Mapping[str, Document] = {"images": {}, "secret": {"action": "ls"}}  # seldom answered otherwise

EVERY_S = 2.0  # at the latest, when nothing happens


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of the cloud.

    `known`: a manager has answered.  `away`: the last time it did not; the rest is what it said before.
    `down`: the cloud is, and has nothing.  None of them: nobody was asked yet.

    images: those that workers can run in.  variables: of the shell, as they are written.
    environment: of each app, the variables of its workers.  members: of etcd, by number.
    """

    apps: tuple[Named, ...] = ()
    workers: tuple[Named, ...] = ()
    images: tuple[Named, ...] = ()
    secrets: tuple[Named, ...] = ()
    revisions: Past = field(default_factory=dict)
    decisions: Past = field(default_factory=dict)
    environment: Mapping[str, tuple[Named, ...]] = field(default_factory=dict)
    members: tuple[Named, ...] = ()
    variables: tuple[Named, ...] = ()
    ready: int = 0
    want: int = 0
    rate_rps: float = 0.0
    known: bool = False
    away: bool = False
    down: bool = False


def snapshot_of(answers: Mapping[str, Document]) -> Snapshot:
    """Return the snapshot that documents make: of apps, ps, images and secret, of status and explain APP."""
    listed = items(answers["apps"].get("items"))
    members = items(fields(answers.get("status", {}).get("etcd")).get("members"))
    return Snapshot(
        apps=_named(answers["apps"], _app_meta),
        workers=_named(answers["ps"], _worker_meta),
        images=tuple(image for image in _named(answers["images"], _size_meta) if _is_for_workers(image.name)),
        secrets=_named(answers["secret"], _size_meta),
        decisions=decisions_of(answers),
        environment={str(item.get("name")): _variables(item) for item in listed},
        members=tuple(Named(str(number), _member_meta(each)) for number, each in enumerate(members, 1)),
        ready=round(sum(number(item.get("ready")) or 0 for item in listed)),
        want=round(sum(number(item.get("want")) or 0 for item in listed)),
        rate_rps=sum(number(item.get("rate_rps")) or 0.0 for item in listed),
        known=True,
    )


def _named(answer: Document, meta_of: Callable[[Document], str]) -> tuple[Named, ...]:
    return tuple(Named(str(item.get("name")), meta_of(item)) for item in items(answer.get("items")))


def _is_for_workers(image: str) -> bool:
    """Tell whether an image is not one of the cloud's own parts."""
    return image.partition(":")[0] == BASE_IMAGE or not image.startswith(BASE_IMAGE.partition("/")[0] + "/")


def _app_meta(item: Document) -> str:
    ready = f"{cells.cell(item.get('ready'), 'count', 0)}/{cells.cell(item.get('want'), 'count', 0)} ready"
    rate = item.get("rate_rps")
    return ready if rate is None else f"{ready}, {cells.cell(rate, 'rate', 0)} req/s"


def _worker_meta(item: Document) -> str:
    facts = (item.get("state"), item.get("address"), item.get("reason"))
    return " ".join(cells.cell(fact, "text", 0) for fact in facts if fact)


def _variables(item: Document) -> tuple[Named, ...]:
    return tuple(map(Named, words(item.get("environment"))))


def _member_meta(member: Document) -> str:
    return f"{cells.cell(member.get('endpoint'), 'text', 0)} {'healthy' if member.get('healthy') else 'away'}"


def _size_meta(item: Document) -> str:
    return cells.cell(item.get("size_bytes"), "bytes", 0)


class Watch:
    """Keeps a snapshot fresh, by a thread of its own, while a prompt is shown; its owner stops it."""

    def __init__(self, ask: Ask, follow: Follow, changed: Callable[[], None]) -> None:
        self.snapshot = Snapshot()
        self._ask = ask
        self._follow = follow
        self._changed = changed
        self._documents: dict[str, Document] = {}
        self._histories = Histories(ask)
        self._wake = Event()
        self._hidden = Event()
        self._hidden.set()
        self._stopping = False
        self._thread = Thread(target=self._run, name="snapshot", daemon=True)
        self._thread.start()

    def show(self) -> None:
        """Be told by the manager from now on."""
        self._hidden = Event()
        self._wake.set()

    def hide(self) -> None:
        """Leave the manager alone until `show`."""
        self._hidden.set()

    def stop(self) -> None:
        """End the thread, and wait for it."""
        self._stopping = True
        self.hide()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._stopping:
                return
            self._documents.clear()
            self._follow(EVERY_S, self._take, self._hidden)

    def _take(self, look: Document) -> None:
        """Take a look; what a manager that is away said before still stands, unless the cloud is down."""
        match look:
            case {"documents": news}:
                snapshot = self._told(fields(news))
            case {"down": True}:
                snapshot = Snapshot(down=True)
            case _:
                snapshot = replace(self.snapshot, away=True)
        if snapshot != self.snapshot:
            self.snapshot = snapshot
            self._changed()

    def _told(self, news: Document) -> Snapshot:
        self._documents |= {key: fields(document) for key, document in news.items()}
        try:
            for key in QUESTIONS.keys() - self._documents.keys():
                self._documents[key] = self._ask(key, QUESTIONS[key])
        except CloudError:
            return self.snapshot  # the next look tells
        revisions = self._histories.take(items(self._documents["apps"].get("items")))
        return replace(snapshot_of(self._documents), revisions=revisions)

"""Looks at the cloud all the while, and remembers what did not hold and what the leader used."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field

from manager.api.errors import CloudError
from manager.host.parts import store_of
from manager.state.records import PROXY, WORKERS
from manager.store import EtcdStore
from tests.chaos import parts
from tests.chaos.invariants import broken_in_store, changed
from tests.chaos.samples import Sample, sample
from tests.chaos.schedule import CALM
from tests.real.cloud import Cloud, containers_of

LOOK_S = 0.1
CONTAINERS_EVERY = 5  # looks: Docker's answers take longer


@dataclass(slots=True)
class Watch:
    """Looks ten times a second from entering to leaving.  broken: what it saw that must not be, once each."""

    cloud: Cloud
    untouched: Mapping[str, tuple[str, str]]
    broken: dict[str, float] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    looks: int = 0
    began_at: float = field(default_factory=time.monotonic)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._watch, name="watch")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        with closing(store_of(self.cloud.places, self.cloud.settings)) as store:
            while not self._over.wait(LOOK_S):
                self.looks += 1
                at_s = time.monotonic() - self.began_at
                self._note(at_s, self._in_store(store))
                if self.looks % CONTAINERS_EVERY == 0:
                    self._note(at_s, self._in_docker())
                    self.samples += filter(None, (sample(pid, at_s) for pid in parts.leader(self.cloud)))

    def _note(self, at_s: float, broken: Iterable[str]) -> None:
        for words in broken:
            self.broken.setdefault(words, at_s)

    def _in_store(self, store: EtcdStore) -> list[str]:
        try:
            entries = store.read(WORKERS, PROXY).entries
        except CloudError:
            return []  # etcd is away, as it was told to be
        return broken_in_store({key: entry.value for key, entry in entries.items()})

    def _in_docker(self) -> list[str]:
        try:
            return changed(self.untouched, containers_of(self.cloud))
        except parts.AWAY:
            return []  # Docker is away, or another app's container went between the list and the look


def of_calm(cloud: Cloud) -> Mapping[str, tuple[str, str]]:
    """Return the containers of the app that nobody touches."""
    return {name: each for name, each in containers_of(cloud).items() if f"_{CALM}_" in name}

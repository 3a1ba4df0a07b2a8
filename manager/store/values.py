"""What goes into the store and comes out of it, whoever keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from manager.api.errors import Conflict

NO_REVISIONS: Mapping[str, int] = MappingProxyType({})


class Fenced(Conflict):
    """The leader key is no longer the one this manager created: it no longer leads and may change nothing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's value, the revision that created it and the one that changed it last."""

    value: str
    create_revision: int
    mod_revision: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The entries as they all were at one revision; those of one prefix in key order."""

    revision: int
    entries: Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class Fence:
    """The leader key as its manager created it; a write under this fence applies only while it stands."""

    key: str
    create_revision: int


@dataclass(frozen=True, slots=True)
class Member:
    """An etcd endpoint, and whether it answered a linearisable read just now."""

    endpoint: str
    healthy: bool


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files; `cert` and `key` go together and are empty where the server asks for none."""

    ca: str
    cert: str = ""
    key: str = ""


class Store(Protocol):
    """What the manager needs of a store; keys and prefixes are relative to the store's root."""

    @property
    def available(self) -> bool:
        """True until a call found nobody who answers, and again from the next answer on."""

    def read(self, prefix: str, *others: str) -> Snapshot:
        """Return every entry whose key starts with one of the prefixes, at one revision.

        Raises StoreUnavailable.
        """

    def revision(self) -> int:
        """Return a number that every change of the store makes larger, whoever made it.

        It may be that of the last answer, up to a second ago.  Raises StoreUnavailable.
        """

    def write(
        self,
        puts: Mapping[str, str],
        deletes: Iterable[str] = (),
        *,
        fence: Fence | None = None,
        absent: Iterable[str] = (),
        unchanged: Mapping[str, int] = NO_REVISIONS,
        lease: int | None = None,
    ) -> int:
        """Put and delete all of it or nothing, and return the revision.

        unchanged: the mod_revision each key must still have, 0 for no such key.  absent: keys that must not
        exist.  lease: what is put vanishes with it.

        Raises Fenced when the fence does not stand, Conflict when a key is not as expected or the lease has
        ended, StoreUnavailable when it was certainly not applied, NotConfirmed when it may still be,
        ValueError for a key that is both put and deleted.
        """

    def delete_prefix(self, prefix: str) -> int:
        """Delete every key that starts with the prefix, and return the revision.

        Raises StoreUnavailable, NotConfirmed.
        """

    def grant(self, ttl_s: int) -> int:
        """Return a new lease of at least ttl_s seconds; raises StoreUnavailable."""

    def refresh(self, lease: int) -> bool:
        """Give the lease its full time again; False when it has ended. Raises StoreUnavailable."""

    def revoke(self, lease: int) -> None:
        """The lease and the keys put under it are gone; raises StoreUnavailable."""

    def members(self) -> list[Member]:
        """Return every endpoint with its health, in the order given; never raises for one that is away."""

    def close(self) -> None:
        """The connections are closed."""

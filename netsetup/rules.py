"""The rules of one cloud as the kernel has them, and the way back when they are not as they shall be."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from netsetup.isolation import (
    FAMILIES,
    Element,
    bound_ports,
    changes,
    elements_of,
    emptying,
    removal,
    shape,
    table_name,
)
from netsetup.nft import Nft, generation
from netsetup.port import Port


@dataclass(frozen=True, slots=True)
class Tables:
    """Both tables at one generation of the kernel's rules.

    rules: nft's own text of them.  ports: those whose elements are whole.
    """

    generation: int
    rules: str
    elements: frozenset[Element]
    ports: Mapping[str, Port]


class Rules:
    """Both nft tables of a cloud.

    What was read is kept as long as the kernel's generation number says that nobody changed anything: a
    look then costs 0.05 ms instead of 4.
    """

    def __init__(self, nft: Nft, tag: str, ruleset: str) -> None:
        self._nft = nft
        self._tag = tag
        self._ruleset = ruleset
        self._lock = threading.RLock()
        self._tables: Tables | None = None
        self._as_loaded = ""

    def ensure(self, ports: Iterable[Port] = ()) -> bool:
        """The rules are as they shall be, ports that were bound still are; return whether they were not.

        ports: bound in the same transaction, for fresh rules let nobody through whom they do not know.
        Tables of another shape are made anew: a chain that somebody added may drop all that is forwarded.
        nft writes rules in words of its own, so the first call loads them in any case to learn these.
        """
        with self._lock:
            before = self._read()
            if before.rules and before.rules == self._as_loaded:
                return False
            bound = {**before.ports, **{port.name: port for port in ports}}
            wanted = frozenset[Element]().union(*map(elements_of, bound.values()))
            fits = shape(before.rules) == shape(self._ruleset)
            start, present = (emptying, before.elements) if fits else (removal, ())
            script = (start(self._tag), self._ruleset, changes(self._tag, present, wanted))
            self._nft.run("\n".join(script))
            self._as_loaded = self._read().rules
            return before.rules != self._as_loaded

    def intact(self) -> bool:
        """Return whether the rules are those that ensure() loaded."""
        with self._lock:
            return bool(self._as_loaded) and self._read().rules == self._as_loaded

    def bound(self) -> Mapping[str, Port]:
        """Return the ports that are bound whole."""
        with self._lock:
            return self._read().ports

    def bind(self, ports: Iterable[Port]) -> None:
        """Each port has its elements and no others, all in one transaction.  Raises NetworkError."""
        wanted = {port.name: elements_of(port) for port in ports}
        self._replace(wanted, frozenset().union(*wanted.values()))

    def unbind(self, names: Iterable[str]) -> None:
        """No port of these names has elements.  Raises NetworkError."""
        self._replace(names, frozenset())

    def remove(self) -> None:
        """Both tables are gone."""
        with self._lock:
            self._nft.run(removal(self._tag))

    def count(self) -> int:
        """Return how many tables of the cloud there are."""
        table = table_name(self._tag)
        return sum(self._nft.has_table(family, table) for family in FAMILIES)

    def _replace(self, names: Iterable[str], wanted: frozenset[Element]) -> None:
        about = frozenset(names)
        with self._lock:
            present = [element for element in self._read().elements if element.port in about]
            script = changes(self._tag, present, wanted)
            if script:
                self._nft.run(script)

    def _read(self) -> Tables:
        now = generation()
        if self._tables is None or self._tables.generation != now:
            table = table_name(self._tag)
            rules = "".join(self._nft.rules(family, table) for family in FAMILIES)
            elements = self._nft.elements("bridge", table)
            self._tables = Tables(now, rules, elements, bound_ports(elements))
        return self._tables

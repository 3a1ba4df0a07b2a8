"""Copies of a whole cloud: what many histories begin with is played once."""

from __future__ import annotations

import copyreg
import pickle
import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from ipaddress import IPv4Address, IPv4Network
from queue import SimpleQueue
from typing import Any

from manager.engine.containers import Container
from manager.loop.reconcile import Picture
from manager.observe.verdicts import Target, Verdict
from manager.state.model import AppSpec, WorkerKey, WorkerRecord
from manager.store import Entry
from netsetup.port import Port
from tests.simulation.cloud import Cloud
from tests.simulation.network import Link
from tests.simulation.proxy import Request

# A copy has these anew: nobody holds a lock between two turns, and no history reads what a queue has.
_MADE_ANEW: tuple[Callable[[], object], ...] = (threading.Lock, threading.RLock, SimpleQueue)
# Of these all copies have the very same, since nothing ever changes one: three quarters of what a cloud is.
_VALUES = (
    AppSpec,
    Container,
    Entry,
    IPv4Address,
    IPv4Network,
    Link,
    Picture,
    Port,
    Request,
    Target,
    Verdict,
    WorkerKey,
    WorkerRecord,
)


@dataclass(frozen=True, slots=True)
class Form:
    """What copies of a cloud are made from: all that may change, pickled, and the values in it."""

    pickled: bytes
    values: tuple[object, ...]


def _anew(make: Callable[[], object]) -> Callable[[object], tuple[Any, ...]]:
    return lambda _: (make, ())


class _Press(pickle.Pickler):
    dispatch_table = copyreg.dispatch_table | {type(make()): _anew(make) for make in _MADE_ANEW}

    def __init__(self, into: BytesIO) -> None:
        super().__init__(into, pickle.HIGHEST_PROTOCOL)
        self.values: list[object] = []
        self._places: dict[int, int] = {}

    def persistent_id(self, thing: object) -> int | None:
        if not isinstance(thing, _VALUES):
            return None
        place = self._places.setdefault(id(thing), len(self.values))
        if place == len(self.values):
            self.values.append(thing)
        return place


class _Cast(pickle.Unpickler):
    def __init__(self, form: Form) -> None:
        super().__init__(BytesIO(form.pickled))
        self._values = form.values

    def persistent_load(self, place: int) -> object:
        return self._values[place]


def pressed(cloud: Cloud) -> Form:
    """Return all that the cloud is, for any number of copies."""
    into = BytesIO()
    press = _Press(into)
    press.dump(cloud)
    return Form(into.getvalue(), tuple(press.values))


def copy_of(form: Form) -> Cloud:
    """Return a cloud that goes on from there, and shares nothing that changes with another copy."""
    cloud: Cloud = _Cast(form).load()
    return cloud

"""Copies of a whole cloud: what many histories begin with is played once."""

from __future__ import annotations

import copyreg
import pickle
import threading
from collections.abc import Callable
from io import BytesIO
from queue import SimpleQueue
from typing import Any

from tests.simulation.cloud import Cloud

# A copy has these anew: nobody holds a lock between two turns, and no history reads what a queue has.
_MADE_ANEW: tuple[Callable[[], object], ...] = (threading.Lock, threading.RLock, SimpleQueue)


def _anew(make: Callable[[], object]) -> Callable[[object], tuple[Any, ...]]:
    return lambda _: (make, ())


class _Press(pickle.Pickler):
    dispatch_table = copyreg.dispatch_table | {type(make()): _anew(make) for make in _MADE_ANEW}


def pressed(cloud: Cloud) -> bytes:
    """Return all that the cloud is, for any number of copies."""
    into = BytesIO()
    _Press(into, pickle.HIGHEST_PROTOCOL).dump(cloud)
    return into.getvalue()


def copy_of(form: bytes) -> Cloud:
    """Return a cloud that goes on from there, and shares nothing that changes with another copy."""
    cloud: Cloud = pickle.loads(form)
    return cloud

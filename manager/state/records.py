"""Values of manager.state.model as text for the store, and back.

Every record carries its schema version. One of an unknown version, or half written, is refused with its
key and never deleted: a newer manager may have written it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache, partial
from ipaddress import IPv4Address, IPv4Network
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from manager.state.model import AppSpec, WorkerKey, WorkerRecord
from netsetup.addresses import is_for_ports

VERSION = 1
REVISIONS, UNDO, TARGETS, DECISIONS = "revisions/", "undo/", "targets/", "decisions/"
FROZEN, ALL = "frozen/", "all"  # no app can be called "all"
CLOCK, CLOCK_KEY = "clock/", "clock/ahead"
FARTHEST_S = 6e10  # 1900 years: as far as calendars go back
KEPT_HOLDS = 30  # decisions that changed no number: those of about a minute
APPS, WORKERS, PROXY = "apps/", "workers/", "proxy/"
REQUESTS, EVENTS, LEADER = "requests/", "events/", "manager"

T = TypeVar("T")
Reader = Callable[[Any], Any]


class UnreadableRecord(ValueError):
    """A stored value that this version does not understand."""


def app_key(name: str) -> str:
    return f"{APPS}{name}"


def revision_key(name: str, number: int) -> str:
    return f"{REVISIONS}{name}/{number:06d}"


def undo_key(name: str) -> str:
    return f"{UNDO}{name}"


def target_key(name: str) -> str:
    return f"{TARGETS}{name}"


def freeze_key(name: str) -> str:
    """Return the key that is there while the app is frozen; the cloud's name here is ALL."""
    return f"{FROZEN}{name}"


def decision_key(name: str, number: int) -> str:
    return f"{DECISIONS}{name}/{number:08d}"


def held_decision_key(name: str, number: int) -> str:
    """Return the key of a decision that changed no number, which a later one takes over."""
    return f"{DECISIONS}{name}/held-{number % KEPT_HOLDS:02d}"


def worker_key(key: WorkerKey) -> str:
    return f"{WORKERS}{key.app}/{key.slot}/{key.revision}"


def encode(record: object) -> str:
    """Return a record of manager.state.model as text."""
    if not is_dataclass(record) or isinstance(record, type):
        raise TypeError(f"{type(record).__name__} is not a record")
    return _ENCODER.encode({"v": VERSION, **_plain(record)})


def _plain(value: object) -> Any:
    if isinstance(value, IPv4Address):
        return str(value)
    if isinstance(value, frozenset):
        return sorted(value)
    if is_dataclass(value):
        cls: type = type(value)
        return {name: getattr(value, name) for name in _readers(cls)}
    raise TypeError(f"cannot store a {type(value).__name__}")


_ENCODER = json.JSONEncoder(default=_plain, separators=(",", ":"), sort_keys=True)


def decode(cls: type[T], text: str) -> T:
    """Return the record of class `cls` that `encode` wrote; raises UnreadableRecord."""
    try:
        plain = json.loads(text)
        if plain["v"] != VERSION:
            raise UnreadableRecord(f"version {plain['v']} is not known here (known: {VERSION})")
        record: T = _build(cls, plain)
        return record
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise UnreadableRecord(f"no {cls.__name__}: {error}") from error


def readable(cls: type[T], text: str) -> T | None:
    """Return the record as `decode` does, None for one that this version does not understand."""
    try:
        return decode(cls, text)
    except UnreadableRecord:
        return None


def decode_at(cls: type[T], key: str, text: str, subnet: IPv4Network) -> T:
    """Return the record that is stored under `key` of a cloud; raises UnreadableRecord.

    Also for one that says it is another's, which it would stand in for, and for a worker's with an address
    that no worker can have: with the gateway's it would take the whole cloud off its network.
    """
    record = decode(cls, text)
    if isinstance(record, AppSpec) and app_key(record.name) != key:
        raise UnreadableRecord(f"it is of {record.name}")
    if isinstance(record, WorkerRecord) and worker_key(record.key) != key:
        raise UnreadableRecord(f"it is of revision {record.revision} of {record.key.label}")
    if isinstance(record, WorkerRecord) and not is_for_ports(subnet, record.address):
        raise UnreadableRecord(f"{record.address} is no address for a worker of {subnet}")
    return record


def _build(cls: type, plain: Mapping[str, Any]) -> Any:
    return cls(**{name: read(plain[name]) for name, read in _readers(cls).items() if name in plain})


@cache  # annotations are text here: each look at them would compile them again
def _readers(cls: type) -> Mapping[str, Reader]:
    """Return what reads each field of a record's class."""
    hints = get_type_hints(cls)
    return {item.name: _reader(hints[item.name]) for item in fields(cls) if item.init}


def _reader(kind: Any) -> Reader:
    """Return what makes a value of the annotated kind of what JSON has for it."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return _optional(_reader(next(arm for arm in inner if arm is not NoneType)))
    if origin is Literal:
        return partial(_one_of, inner)
    if origin in (tuple, frozenset):
        return _series(origin, _reader(inner[0]))
    if origin is Mapping:
        return _mapping(inner[0], _reader(inner[1]))
    return _SCALARS.get(kind) or partial(_build if is_dataclass(kind) else _of, kind)


def _optional(read: Reader) -> Reader:
    return lambda plain: None if plain is None else read(plain)


def _series(kind: type, read: Reader) -> Reader:
    return lambda plain: kind(map(read, _of(list, plain)))


def _mapping(key: type, read: Reader) -> Reader:
    return lambda plain: {key(name): read(value) for name, value in plain.items()}


def _one_of(allowed: tuple[object, ...], plain: object) -> object:
    if plain not in allowed:
        raise ValueError(f"{plain!r} is not one of {allowed}")
    return plain


def _address(plain: object) -> IPv4Address:
    return IPv4Address(_of(str, plain))


def _number(plain: object) -> float:
    """Return the number; what no answer can carry is none: NaN, Infinity, and times that no calendar has."""
    number = float(plain) if type(plain) is int else _of(float, plain)
    if not abs(number) < FARTHEST_S:
        raise ValueError(f"{number} is no time, no length and no share")
    return number


def _of(kind: type[T], plain: object) -> T:
    if type(plain) is not kind:
        raise ValueError(f"{plain!r} is not a {kind.__name__}")
    return plain


_SCALARS: Mapping[Any, Reader] = {IPv4Address: _address, float: _number}

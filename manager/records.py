"""Values of manager.model as text for the store, and back.

Every record carries its schema version. One of an unknown version, or half written, is refused with its
key and never deleted: a newer manager may have written it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from ipaddress import IPv4Address
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from manager.model import WorkerKey

VERSION = 1
REVISIONS, UNDO, TARGETS, DECISIONS = "revisions/", "undo/", "targets/", "decisions/"
FROZEN, ALL = "frozen/", "all"  # no app can be called "all"
APPS, WORKERS, PROXY, REQUESTS, EVENTS, LEADER = (
    "apps/",
    "workers/",
    "proxy/",
    "requests/",
    "events/",
    "manager",
)

T = TypeVar("T")


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


def latest_decision_key(name: str) -> str:
    """Return the key of the newest decision, which sorts behind those that changed a number."""
    return f"{DECISIONS}{name}/latest"


def worker_key(key: WorkerKey) -> str:
    return f"{WORKERS}{key.app}/{key.slot}/{key.revision}"


def encode(record: object) -> str:
    """Return a record of manager.model as text."""
    if not is_dataclass(record) or isinstance(record, type):
        raise TypeError(f"{type(record).__name__} is not a record")
    plain = {"v": VERSION, **asdict(record)}
    return json.dumps(plain, default=_plain, separators=(",", ":"), sort_keys=True)


def _plain(value: object) -> object:
    if isinstance(value, IPv4Address):
        return str(value)
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"cannot store a {type(value).__name__}")


def decode(cls: type[T], text: str) -> T:
    """Return the record of class `cls` that `encode` wrote; raises UnreadableRecord."""
    try:
        plain = json.loads(text)
        if plain["v"] != VERSION:
            raise UnreadableRecord(f"version {plain['v']} is not known here (known: {VERSION})")
        return _build(cls, plain)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableRecord(f"not a {cls.__name__}: {error}") from error


def _build(cls: type[T], plain: Mapping[str, Any]) -> T:
    return cls(**{name: _value(kind, plain[name]) for name, kind in _kinds(cls).items() if name in plain})  # type: ignore[arg-type]


@cache  # annotations are text here: each look at them would compile them again
def _kinds(cls: type) -> Mapping[str, Any]:
    """Return the annotated kind of each field of a record's class."""
    hints = get_type_hints(cls)
    return {item.name: hints[item.name] for item in fields(cls)}


def _value(kind: Any, plain: Any) -> Any:
    """Return `plain` (from JSON) as the annotated kind of a field."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        if plain is None and NoneType in inner:
            return None
        return _value(next(arm for arm in inner if arm is not NoneType), plain)
    if origin is Literal:
        return _one_of(inner, plain)
    if origin in (tuple, frozenset):
        return origin(_value(inner[0], item) for item in plain)
    if origin is Mapping:
        return {inner[0](key): _value(inner[1], item) for key, item in plain.items()}
    if is_dataclass(kind):
        return _build(kind, plain)  # type: ignore[arg-type]
    return _scalar(kind, plain)


def _one_of(allowed: tuple[object, ...], plain: object) -> object:
    if plain not in allowed:
        raise ValueError(f"{plain!r} is not one of {allowed}")
    return plain


def _scalar(kind: type, plain: object) -> object:
    if kind is IPv4Address:
        return IPv4Address(plain)
    if kind is float and isinstance(plain, int):
        return float(plain)
    if type(plain) is not kind:
        raise ValueError(f"{plain!r} is not a {kind.__name__}")
    return plain

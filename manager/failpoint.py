"""A drill for tests: where this manager dies, right before or right after one of its effects.

SIMPLECLOUD_FAILPOINT names a file, and without it there is nothing here. While the file is there it says how
many effects on the store, Docker or the network are still to come, and `before` or `after`: "3 after". It is
gone before the manager is, so that a failpoint is met once, by whichever manager leads then.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar, cast

VARIABLE = "SIMPLECLOUD_FAILPOINT"
EFFECTS = (
    {"write"}  # on the store
    | {"create", "start", "pause", "unpause", "rename", "stop", "remove"}  # on Docker
    | {"bind", "unbind", "attach", "detach", "ensure"}  # on the network
)

_ONE_AT_A_TIME = threading.Lock()

Moment = Literal["before", "after"]
T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Failpoint:
    """Counts effects, and ends this process at the last of them."""

    file: Path

    def passes(self, effect: Callable[P, T]) -> Callable[P, T]:
        """Return the effect, with which this process may end."""

        def counted(*args: P.args, **kwargs: P.kwargs) -> T:
            moment = self._count()
            if moment == "before":
                _die()
            try:
                return effect(*args, **kwargs)
            finally:
                if moment == "after":
                    _die()

        return counted

    def _count(self) -> Moment | None:
        """Return when this process dies at the effect that comes now, None when it lives on."""
        with _ONE_AT_A_TIME:
            try:
                left, moment = self.file.read_text().split()
            except FileNotFoundError:
                return None
            if int(left) > 1:
                self.file.write_text(f"{int(left) - 1} {moment}")
                return None
            self.file.unlink()
            return "before" if moment == "before" else "after"


@dataclass(frozen=True, slots=True)
class _Edge:
    """An edge whose effects pass a failpoint."""

    edge: object
    failpoint: Failpoint

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.edge, name)
        return self.failpoint.passes(value) if name in EFFECTS else value


def on(edge: T) -> T:
    """Return the edge, its effects passing the failpoint when there is one."""
    file = os.environ.get(VARIABLE)
    return cast(T, _Edge(edge, Failpoint(Path(file)))) if file else edge


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)

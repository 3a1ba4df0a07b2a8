"""What no record may say: a pass that takes it at its word fails, and with it all apps.

Each raises ValueError with a sentence for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from balancer.routes import check_host, check_path
from manager.api.cite import cited
from manager.api.values import MAX_WORKERS

HIGHEST_MARK = 2**24  # of an app: those of clouds begin above it


def require_word(pattern: re.Pattern[str], word: str, complaint: str) -> None:
    """Raise ValueError for a word that is not what it should be: it becomes a part of a path."""
    if not pattern.fullmatch(word):
        raise ValueError(f"{cited(word[:80])} is {complaint}")


def require_port(port: int | None) -> None:
    """Raise ValueError for what is no port: nobody could connect to it, nor ask whether it is well."""
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{port} is no port")


def require_ordinals(*numbers: int) -> None:
    """Raise ValueError for what numbers no slot or revision: no pass would make any route of it."""
    if min(numbers) < 1:
        raise ValueError(f"{min(numbers)} is no number of a slot or revision")


def require_count(count: int, what: str) -> None:
    """Raise ValueError for more of something than can be: each has a place in memory."""
    if not 0 <= count <= 2 * MAX_WORKERS:
        raise ValueError(f"{count} {what} are not to be had")


def require_mark(number: int) -> None:
    """Raise ValueError for what marks no app: 0 is for who is no worker, the highest are for clouds."""
    if not 0 < number <= HIGHEST_MARK:
        raise ValueError(f"{number} is no mark of an app")


def require_addresses(hosts: Iterable[str], paths: Iterable[str]) -> None:
    """Raise ValueError for an address that no route can have: no pass would make any route."""
    faults = (*map(check_host, hosts), *map(check_path, paths))
    if fault := next(filter(None, faults), None):
        raise ValueError(fault)

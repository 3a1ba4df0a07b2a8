"""A write as a value: what it puts and deletes, what must be true for it, and why it was refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from manager.api.errors import Conflict
from manager.store.values import Entry, Fence, Fenced

PART_BYTES = 1 << 20  # etcd takes 1.5 MiB at once, unless it is told otherwise
_NO_KEY = Entry("", 0, 0)  # as etcd compares a key that does not exist


@dataclass(frozen=True, slots=True)
class Change:
    """One transaction: under the fence, and while every expected key has its mod_revision (0: no key)."""

    puts: Mapping[str, str]
    deletes: tuple[str, ...] = ()
    fence: Fence | None = None
    expected: Mapping[str, int] = field(default_factory=dict)
    lease: int | None = None


def change_of(
    puts: Mapping[str, str],
    deletes: Iterable[str],
    *,
    fence: Fence | None,
    absent: Iterable[str],
    unchanged: Mapping[str, int],
    lease: int | None,
) -> Change:
    """Return the change that Store.write was asked for; raises ValueError for a key put and deleted."""
    gone = tuple(dict.fromkeys(deletes))
    both = puts.keys() & gone
    if both:
        raise ValueError(f"{sorted(both)} cannot be both put and deleted in one transaction")
    return Change(puts, gone, fence, {**unchanged, **dict.fromkeys(absent, 0)}, lease)


def parts_of(change: Change, max_ops: int) -> list[Change]:
    """Return the change in transactions of at most max_ops operations and PART_BYTES: itself, when it fits.

    The parts put in the order given and then delete, so that what refers to a key comes after it. Each
    carries the fence and the expectations about its own keys; those about other keys guard the first.
    """
    size = max_ops - 1  # etcd counts compares like operations, and the fence is one more
    written = list(_portions(change, size)) or [[]]
    if len(written) == 1 and len(change.expected) <= size:
        return [change]
    elsewhere = change.expected.keys() - {*change.puts, *change.deletes}
    return [
        _part(change, part, elsewhere if index == 0 else frozenset()) for index, part in enumerate(written)
    ]


def _portions(change: Change, size: int) -> Iterator[list[str]]:
    """Yield the keys in their order, so many at once as a transaction takes."""
    portion: list[str] = []
    total = 0
    for key in (*change.puts, *change.deletes):
        length = len(key) + len(change.puts.get(key, "").encode(errors="replace"))
        if portion and (len(portion) == size or total + length > PART_BYTES):
            yield portion
            portion, total = [], 0
        portion.append(key)
        total += length
    if portion:
        yield portion


def _part(change: Change, keys: list[str], guards: Iterable[str]) -> Change:
    guarded = {*keys, *guards}
    return Change(
        puts={key: change.puts[key] for key in keys if key in change.puts},
        deletes=tuple(key for key in keys if key not in change.puts),
        fence=change.fence,
        expected={key: revision for key, revision in change.expected.items() if key in guarded},
        lease=change.lease,
    )


def compared_keys(change: Change) -> list[str]:
    """Return the keys whose state decides whether the change applies."""
    fence = [change.fence.key] if change.fence else []
    return list(dict.fromkeys([*fence, *change.expected]))


def refusal(change: Change, found: Mapping[str, Entry]) -> Conflict | None:
    """Return why the change must not apply to what was found of its compared keys; None when it may."""
    fence = change.fence
    if fence is not None and found.get(fence.key, _NO_KEY).create_revision != fence.create_revision:
        return Fenced("this manager leads the cloud no more; nothing was changed", hint="status")
    expected = change.expected.items()
    moved = [key for key, revision in expected if found.get(key, _NO_KEY).mod_revision != revision]
    if moved:
        return Conflict(f"{', '.join(moved)} changed in the meantime; nothing was changed now", hint="apps")
    return None

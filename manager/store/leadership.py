"""Who leads: the manager that created the leader key, for as long as its lease keeps that key alive.

The fence is the revision at which the key was created. It is never given out twice, so a manager that was
frozen while another took over can prove nothing any more, whatever it still believes.
"""

from __future__ import annotations

from manager.api.errors import Conflict
from manager.store.values import Fence, Fenced, Store


def claim(store: Store, key: str, value: str, lease: int) -> Fence:
    """The key is created under the lease and its creator leads; returns the fence for the leader's writes.

    Raises Conflict when the key exists or the lease has ended, StoreUnavailable, NotConfirmed. After a
    NotConfirmed read the key: when it holds this manager's own value, its create_revision is the fence.
    """
    return Fence(key, store.write({key: value}, absent=[key], lease=lease))


def seize(store: Store, ended: Fence, value: str, lease: int) -> Fence:
    """The key of a leader that was ended is created anew, at once and not when its lease expires.

    Two transactions, because etcd refuses to delete and put a key in one, and a put alone would keep the
    old create_revision, under which the ended leader's writes still apply. Another manager may claim the key
    between the two: that is a Conflict, and it leads. Raises as claim does.
    """
    try:
        store.write({}, [ended.key], fence=ended)
    except Fenced as error:
        raise Conflict(f"{ended.key} has another leader already", hint="status") from error
    return claim(store, ended.key, value, lease)

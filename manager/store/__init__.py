"""What the cloud remembers: a map of text under one root of etcd, changed by guarded transactions.

Law: etcd3 and grpc are imported in this package only, and none of their types or errors leaves it. It knows
keys, revisions and leases; it knows no application. values, change and leadership are plain values and
functions; rpc, cluster and etcd are the edge, and gateway another, for what etcd3 does not do: alarms, and
members that come and go. There is no watch: whoever wants to know whether something changed asks for the
revision, which cannot fall silent.

What the edge promises, since etcd3 0.12.0 offers no failover:

- A read is linearisable, of one revision, and tries every endpoint until the time is over.
- A write is sent once. Before it is sent, the endpoint proves by a linearisable read (0.5 ms) that it and
  the quorum answer: a refused connection, a frozen member and a lost quorum are noticed while nothing has
  been sent, and the write fails as StoreUnavailable. Only a failure in the milliseconds that follow is a
  NotConfirmed.
- After a NotConfirmed, look again. A write guarded by `absent` or `unchanged` on a key that it puts may be
  sent again as it is: when the first one was applied, the second is a Conflict and changes nothing.
  One that is not guarded may arrive late and undo a newer write of the same manager, whose next look at
  the store finds that out.
"""

from manager.store.etcd import DEFAULT_MAX_OPS, EtcdStore
from manager.store.leadership import claim, seize
from manager.store.values import NO_REVISIONS, Entry, Fence, Fenced, Member, Snapshot, Store, Tls

__all__ = [
    "DEFAULT_MAX_OPS",
    "NO_REVISIONS",
    "Entry",
    "EtcdStore",
    "Fence",
    "Fenced",
    "Member",
    "Snapshot",
    "Store",
    "Tls",
    "claim",
    "seize",
]

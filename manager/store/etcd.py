"""The store in etcd: requests made of changes and prefixes, snapshots made of answers."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from manager.api.errors import Conflict, NotConfirmed, StoreUnavailable
from manager.store.change import Change, change_of, compared_keys, parts_of, refusal
from manager.store.cluster import Cluster, probe_request
from manager.store.rpc import etcdrpc
from manager.store.values import NO_REVISIONS, Entry, Fence, Member, Snapshot, Tls

DEFAULT_MAX_OPS = 128  # etcd's own, for --max-txn-ops
HEARD_S = 1.0  # two refreshes of a leader's lease: their answers tell the revision, too


class EtcdStore:
    """The entries under one root of an etcd; safe to use from several threads. See Store for what holds.

    endpoints: "host:port", any of which may be down.  root: ends with "/".  max_ops: what the servers run
    with as --max-txn-ops; a larger write is sent in parts (parts_of), and a failure after the first part is
    a NotConfirmed or a Conflict with the earlier parts applied.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        root: str,
        *,
        tls: Tls | None = None,
        timeout_s: float = 2.0,
        max_ops: int = DEFAULT_MAX_OPS,
    ) -> None:
        if not endpoints or not root.endswith("/"):
            raise ValueError(f"a store needs an endpoint and a root that ends with '/', not {root!r}")
        self._cluster = Cluster(endpoints, tls, timeout_s)
        self._root = root
        self._max_ops = max_ops
        self._heard = 0, -math.inf  # the last revision that an answer told, and when

    @property
    def available(self) -> bool:
        return self._cluster.available

    def read(self, prefix: str, *others: str) -> Snapshot:
        ranges = [self._range_op(*self._under(each)) for each in (prefix, *others)]
        request = etcdrpc.TxnRequest(success=ranges)
        answer = self._cluster.ask(lambda endpoint, within_s: endpoint.txn(request, timeout=within_s))
        return Snapshot(self._hear(answer), self._entries(answer))

    def revision(self) -> int:
        revision, heard_at = self._heard
        return revision if time.monotonic() - heard_at < HEARD_S else self._cluster.probe()[1]

    def write(
        self,
        puts: Mapping[str, str],
        deletes: Iterable[str] = (),
        *,
        fence: Fence | None = None,
        absent: Iterable[str] = (),
        unchanged: Mapping[str, int] = NO_REVISIONS,
        lease: int | None = None,
    ) -> int:
        change = change_of(puts, deletes, fence=fence, absent=absent, unchanged=unchanged, lease=lease)
        first, *rest = parts_of(change, self._max_ops)
        revision = self._commit(first, self._puts_and_deletes(first))
        for part in rest:
            try:
                revision = self._commit(part, self._puts_and_deletes(part))
            except StoreUnavailable as error:
                raise NotConfirmed(f"only a part was written: {error}", hint=error.hint) from error
        return revision

    def delete_prefix(self, prefix: str) -> int:
        first, last = self._under(prefix)
        deletion = etcdrpc.DeleteRangeRequest(key=first, range_end=last)
        return self._commit(Change({}), [etcdrpc.RequestOp(request_delete_range=deletion)])

    def grant(self, ttl_s: int) -> int:
        request = etcdrpc.LeaseGrantRequest(TTL=ttl_s)
        # Repeating it leaves at worst a lease that nobody refreshes.
        answer = self._cluster.ask(lambda endpoint, within_s: endpoint.grant(request, timeout=within_s))
        return int(answer.ID)

    def refresh(self, lease: int) -> bool:
        request = etcdrpc.LeaseKeepAliveRequest(ID=lease)
        answer = self._cluster.ask(lambda endpoint, within_s: endpoint.keep_alive(request, timeout=within_s))
        self._hear(answer)
        return bool(answer.TTL > 0)  # etcd answers 0 for a lease that has ended

    def revoke(self, lease: int) -> None:
        request = etcdrpc.LeaseRevokeRequest(ID=lease)
        try:
            self._cluster.ask(lambda endpoint, within_s: endpoint.revoke(request, timeout=within_s))
        except Conflict:
            return  # it had ended before

    def members(self) -> list[Member]:
        asked = [
            (endpoint.address, endpoint.range.future(probe_request(), timeout=self._cluster.timeout_s))
            for endpoint in self._cluster.endpoints
        ]
        return [Member(address, answer.exception() is None) for address, answer in asked]

    def close(self) -> None:
        self._cluster.close()

    def _commit(self, change: Change, operations: list[Any]) -> int:
        looks = [self._range_op(self._full(key)) for key in compared_keys(change)]
        request = etcdrpc.TxnRequest(compare=self._compares(change), success=operations, failure=looks)
        answer = self._cluster.tell(lambda endpoint, within_s: endpoint.txn(request, timeout=within_s))
        revision = self._hear(answer)
        reason = None if answer.succeeded else refusal(change, self._entries(answer))
        if reason is not None:
            raise reason
        return revision

    def _hear(self, answer: Any) -> int:
        """Return the store's revision, which every answer of etcd tells."""
        revision = int(answer.header.revision)
        self._heard = revision, time.monotonic()
        return revision

    def _puts_and_deletes(self, change: Change) -> list[Any]:
        puts = [
            etcdrpc.PutRequest(key=self._full(key), value=_encoded(value), lease=change.lease or 0)
            for key, value in change.puts.items()
        ]
        deletes = [etcdrpc.DeleteRangeRequest(key=self._full(key)) for key in change.deletes]
        return [
            *(etcdrpc.RequestOp(request_put=put) for put in puts),
            *(etcdrpc.RequestOp(request_delete_range=deletion) for deletion in deletes),
        ]

    def _compares(self, change: Change) -> list[Any]:
        fence = change.fence
        fences = [self._is("CREATE", fence.key, create_revision=fence.create_revision)] if fence else []
        expected = change.expected.items()
        return [*fences, *(self._is("MOD", key, mod_revision=revision) for key, revision in expected)]

    def _is(self, target: str, key: str, **revision: int) -> Any:
        """Return the comparison of a key's revision; a key that does not exist has revision 0."""
        return etcdrpc.Compare(
            key=self._full(key), target=etcdrpc.Compare.CompareTarget.Value(target), **revision
        )

    def _range_op(self, first: bytes, last: bytes = b"") -> Any:
        return etcdrpc.RequestOp(request_range=etcdrpc.RangeRequest(key=first, range_end=last))

    def _entries(self, answer: Any) -> dict[str, Entry]:
        found = (kv for response in answer.responses for kv in response.response_range.kvs)
        start = len(_encoded(self._root))
        return {
            _decoded(kv.key[start:]): Entry(_decoded(kv.value), kv.create_revision, kv.mod_revision)
            for kv in found
        }

    def _full(self, key: str) -> bytes:
        return _encoded(self._root + key)

    def _under(self, prefix: str) -> tuple[bytes, bytes]:
        """Return the first key with the prefix and the first key after all of them."""
        first = self._full(prefix)
        return first, first[:-1] + bytes([first[-1] + 1])


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _decoded(raw: bytes) -> str:
    """Return the text; what another program wrote and is no UTF-8 stays readable and can be deleted."""
    return raw.decode(errors="surrogateescape")

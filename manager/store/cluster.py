"""The endpoints of one etcd: who answers, in what order they are asked, and what a failure proves.

gRPC alone does not fail over between separate servers and cannot say whether a failed request was received.
A question (`ask`) may be sent as often as needed. An order (`tell`) is sent once, to an endpoint that has
just answered a linearisable read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from manager.api.errors import CloudError, Conflict, NotConfirmed, SetupFailed, StoreUnavailable
from manager.store.rpc import etcdrpc, grpc
from manager.store.values import Tls

Answer = TypeVar("Answer")

# One attempt where there are others to ask: a frozen member costs this much, a slow one is asked again.
ATTEMPT_S = 0.5
# Between rounds of refused connections; an election takes 1 to 2 s.
PAUSE_S = 0.05
# An order goes out with at least this much time to be confirmed.
CONFIRM_S = 0.5
# After a failed call, orders are refused at once for a time-out and this long; a leader asks again sooner.
AWAY_S = 1.5

_CHANNEL_OPTIONS = (
    ("grpc.enable_http_proxy", 0),  # a proxy in the environment is for the web, not for loopback
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 500),  # gRPC's own 120 s would outlast every restart of etcd
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)

# With these the request may have been received or not; every other code is etcd's refusal.
_UNDECIDED = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.ABORTED,
    }
)


class Endpoint:
    """One member's address and the calls it takes, each with timeout= in seconds."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None) -> None:
        self.address = address
        self.channel = _channel(address, credentials)
        kv, lease = etcdrpc.KVStub(self.channel), etcdrpc.LeaseStub(self.channel)
        self.range, self.txn = kv.Range, kv.Txn
        self.grant, self.revoke = lease.LeaseGrant, lease.LeaseRevoke
        # A stream of requests in etcd's protocol. One request is all we send on it, and without a request
        # iterator gRPC needs no thread of its own to consume it.
        self.keep_alive = self.channel.unary_unary(
            "/etcdserverpb.Lease/LeaseKeepAlive",
            etcdrpc.LeaseKeepAliveRequest.SerializeToString,
            etcdrpc.LeaseKeepAliveResponse.FromString,
        )


class Cluster:
    """The endpoints, the one that answered last first, and since when nobody answers."""

    def __init__(self, addresses: Sequence[str], tls: Tls | None, timeout_s: float) -> None:
        credentials = _credentials(tls) if tls else None
        self.endpoints = [Endpoint(address, credentials) for address in addresses]
        self.timeout_s = timeout_s
        self._attempt_s = min(ATTEMPT_S, timeout_s) if len(self.endpoints) > 1 else timeout_s
        self._preferred = 0
        self._failed_at: float | None = None

    @property
    def available(self) -> bool:
        return self._failed_at is None

    def ask(self, question: Callable[[Endpoint, float], Answer]) -> Answer:
        """Return the first answer any endpoint gives within timeout_s; one round only while all are away.

        question: called with an endpoint and the seconds it may take. Raises StoreUnavailable, Conflict
        for a lease that has ended.
        """
        deadline = time.monotonic() + self.timeout_s
        patient = self.available
        while True:
            try:
                return self._round(question, deadline)
            except _NobodyAnswers:
                if not patient or time.monotonic() + PAUSE_S >= deadline:
                    self._failed_at = time.monotonic()
                    raise
            time.sleep(PAUSE_S)

    def tell(self, order: Callable[[Endpoint, float], Answer]) -> Answer:
        """Return the answer to an order that was sent once.

        Raises StoreUnavailable when it was not sent (at once, when a call failed in the last seconds) or
        was refused, NotConfirmed when it was sent and not answered, Conflict for a lease that has ended.
        """
        deadline = time.monotonic() + self.timeout_s
        endpoint = self._endpoint_for_order()
        try:
            return order(endpoint, max(deadline - time.monotonic(), CONFIRM_S))
        except grpc.RpcError as error:
            if error.code() not in _UNDECIDED:
                raise _refused(error) from error
            raise NotConfirmed(
                f"not confirmed, it may still be applied: etcd at {endpoint.address} did not answer",
                hint="status",
            ) from error

    def probe(self) -> tuple[Endpoint, int]:
        """Return an endpoint that answers for the quorum, and the revision; raises StoreUnavailable."""
        return self.ask(lambda endpoint, within_s: (endpoint, probe(endpoint, within_s)))

    def close(self) -> None:
        for endpoint in self.endpoints:
            endpoint.channel.close()

    def _endpoint_for_order(self) -> Endpoint:
        failed_at = self._failed_at
        if failed_at is not None and time.monotonic() - failed_at < self.timeout_s + AWAY_S:
            raise StoreUnavailable(f"not sent, nothing was changed: {self._silence()}", hint="status")
        try:
            return self.probe()[0]
        except _NobodyAnswers as error:
            raise StoreUnavailable(f"not sent, nothing was changed: {error}", hint="status") from error

    def _round(self, question: Callable[[Endpoint, float], Answer], deadline: float) -> Answer:
        failure: grpc.RpcError | None = None
        for index in self._order():
            within_s = max(min(self._attempt_s, deadline - time.monotonic()), PAUSE_S)
            try:
                answer = question(self.endpoints[index], within_s)
            except grpc.RpcError as error:
                if error.code() not in _UNDECIDED:
                    raise _refused(error) from error
                failure = error
            else:
                self._preferred, self._failed_at = index, None
                return answer
        raise _NobodyAnswers(self._silence(), hint="status") from failure

    def _order(self) -> list[int]:
        count, first = len(self.endpoints), self._preferred
        return [(first + step) % count for step in range(count)]

    def _silence(self) -> str:
        return f"etcd at {', '.join(endpoint.address for endpoint in self.endpoints)} does not answer"


class _NobodyAnswers(StoreUnavailable):
    """Every endpoint was asked; none of the failures was etcd's refusal."""


def probe_request() -> Any:
    """Return the cheapest linearisable question: how many keys are named with a zero byte."""
    return etcdrpc.RangeRequest(key=b"\0", count_only=True)


def probe(endpoint: Endpoint, within_s: float) -> int:
    """Return the store's revision, which only an endpoint with a quorum behind it can tell."""
    return int(endpoint.range(probe_request(), timeout=within_s).header.revision)


def _refused(error: grpc.RpcError) -> CloudError:
    if error.code() is grpc.StatusCode.NOT_FOUND:  # of all we name to etcd it looks up leases only
        return Conflict("the lease has ended; nothing was changed", hint="status")
    return StoreUnavailable(f"etcd refuses: {error.details()}; nothing was changed", hint="doctor")


def _channel(address: str, credentials: grpc.ChannelCredentials | None) -> grpc.Channel:
    if credentials is None:
        return grpc.insecure_channel(address, _CHANNEL_OPTIONS)
    return grpc.secure_channel(address, credentials, _CHANNEL_OPTIONS)


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(_pem(tls.ca), _pem(tls.key), _pem(tls.cert))


def _pem(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes() if path else None
    except OSError as error:
        raise SetupFailed(f"cannot read {path}: {error.strerror}", hint=f"ls -l {path}") from error

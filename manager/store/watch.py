"""A watch that says "look again" and never falls silent.

One thread opens a stream for some seconds at a time and probes the cluster between two streams. The end of
a stream costs nothing, since the next one resumes after the last revision seen; a frozen member, whose stream
is silent for ever, costs these seconds and one failed probe.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from manager.api.errors import StoreUnavailable
from manager.store.cluster import Cluster, Endpoint
from manager.store.rpc import etcdrpc, grpc

STREAM_S = 3.0
RESUME_S = 0.05  # after a broken stream; another member may answer at once
BACKOFF_S = 0.25  # while nobody answers


class Watch:
    """Calls `changed` on its own thread, until it is closed."""

    def __init__(self, cluster: Cluster, first: bytes, last: bytes, changed: Callable[[], None]) -> None:
        """`first` is the first key watched, `last` the first one after them."""
        self._cluster = cluster
        self._range = first, last
        self._changed = changed
        self._closing = threading.Event()
        self._stream: Any = None
        self._thread = threading.Thread(target=self._run, name="etcd-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """The thread has ended: at once, or after the time-out of a probe that is under way."""
        self._closing.set()
        stream = self._stream
        if stream is not None:
            stream.cancel()
        self._thread.join()

    def _run(self) -> None:
        seen: int | None = None
        while not self._closing.is_set():
            try:
                endpoint, revision = self._cluster.probe()
            except StoreUnavailable:
                seen = None
                self._closing.wait(BACKOFF_S)
                continue
            if seen is None or revision < seen:  # an etcd restored from a backup has a smaller revision
                seen = revision
                self._changed()
            seen = self._follow(endpoint, seen)
            if seen is None:
                self._closing.wait(RESUME_S)

    def _follow(self, endpoint: Endpoint, seen: int) -> int | None:
        """Return the last revision seen when its time is over, None when something may have been missed."""
        self._stream = endpoint.watch(self._request(seen + 1), timeout=STREAM_S)
        if self._closing.is_set():  # close() may have looked just before there was a stream
            self._stream.cancel()
        try:
            for answer in self._stream:
                if answer.canceled:  # the revisions after `seen` are compacted
                    return None
                if answer.events:
                    seen = max(seen, answer.events[-1].kv.mod_revision)
                    self._changed()
        except grpc.RpcError as error:
            return seen if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED else None
        return None

    def _request(self, start_revision: int) -> Any:
        first, last = self._range
        create = etcdrpc.WatchCreateRequest(key=first, range_end=last, start_revision=start_revision)
        return etcdrpc.WatchRequest(create_request=create)

"""Whether workers answer: one thread, one probe at a time for each, no blocking call.

A worker is asked over a connection of its own, as a stranger would. Answers are read to their end (64 KiB
at most): closing earlier would reset the connection, and many a server writes a traceback into its log for
that. Only a question that a worker leaves unanswered is ended so: otherwise it would stay one of the open
requests of a worker that hangs, and a removal would wait for it. When this thread was kept from running,
answers that came in time still count: sockets are read before deadlines are looked at.
"""

from __future__ import annotations

import errno
import logging
import math
import os
import random
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from types import MappingProxyType

from manager.observe.listeners import Listeners, listeners
from manager.observe.verdicts import (
    LONGEST_PAUSE_S,
    STATUS_BYTES,
    Standing,
    Target,
    Verdict,
    asked,
    explain,
    hurried,
    judge,
    other_port,
    pause_of,
    period_of,
    request,
    settle,
    span,
)

ANSWER_BYTES = 64 * 1024
IDLE_S = 60.0
RESET = struct.pack("ii", 1, 0)  # a close that takes back what was sent, read or not
HEARING = 12  # refusals from one look at where a program listens to the next: each takes the kernel a while

# these say that this process lacks descriptors or ports, and nothing of the worker
_OURS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN}

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Probe:
    """One question under way; `judged` once its verdict is known and only the rest is read."""

    wire: socket.socket
    began_at: float
    deadline: float
    received: bytes = b""
    length: int = 0
    judged: bool = False


@dataclass(slots=True)
class _Watched:
    target: Target
    standing: Standing
    used_at: float
    probe: _Probe | None = None
    heard: Listeners | None = None

    @property
    def moment(self) -> float:
        """Return when something is to be done, even if its socket says nothing."""
        return self.probe.deadline if self.probe else self.standing.due_at


class Prober:
    """Keeps asking the watched targets, in a thread of its own that `stop` ends and joins.

    `changed` is called from that thread when a target gets its first verdict or its `ok` flips.
    """

    def __init__(self, changed: Callable[[], None], clock: Callable[[], float] = monotonic) -> None:
        self._changed = changed
        self._clock = clock
        self._wanted: Mapping[str, Target] = {}
        self._adopted: Mapping[str, Target] = self._wanted
        self._named: frozenset[str] = frozenset()
        self._heeded = self._named
        self._look_at = math.inf
        self._watched: dict[str, _Watched] = {}
        self._verdicts: Mapping[str, Verdict] = MappingProxyType({})
        self._fresh = False
        self._flipped = False
        self._short = False
        self._selector = selectors.DefaultSelector()
        self._waker, self._bell = socket.socketpair()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close every connection; the last verdicts stay readable."""
        self._stopping.set()
        self._wake()
        self._thread.join()  # before the bell goes, so that no wake finds it gone
        self._waker.close()
        self._bell.close()

    def watch(self, targets: Mapping[str, Target]) -> None:
        """Probe exactly these from now on; what was learnt of an unchanged target is kept."""
        self._wanted = dict(targets)
        self._wake()

    def hurry(self, names: Iterable[str]) -> None:
        """These are sent requests now: they are asked as often as it takes to notice soon that one froze."""
        self._named = frozenset(names)
        if self._named:
            self._wake()

    def verdicts(self) -> Mapping[str, Verdict]:
        """Return the newest verdict of each watched target that has one, as a snapshot."""
        return self._verdicts

    def _wake(self) -> None:
        self._waker.send(b"!")

    def _run(self) -> None:
        self._selector.register(self._bell, selectors.EVENT_READ)
        while not self._stopping.is_set():
            self._adopt()
            self._heed()
            for ready, _ in self._selector.select(self._pause_s()):
                self._hear(ready)
            self._keep_time()
            self._publish()
        for name in list(self._watched):
            self._drop(name)
        self._selector.close()

    def _hear(self, ready: selectors.SelectorKey) -> None:
        if isinstance(ready.data, _Watched):
            self._advance(ready.data)
        else:
            self._bell.recv(4096)

    def _adopt(self) -> None:
        """Watch what is wanted, and nothing else."""
        wanted = self._wanted
        if wanted is self._adopted:
            return
        for name in self._watched.keys() - wanted.keys():
            self._drop(name)
        for name, target in wanted.items():
            watched = self._watched.get(name)
            if watched and replace(watched.target, starting=target.starting) == target:
                watched.target = target
                continue
            if watched:
                self._drop(name)
            now = self._clock()
            self._watched[name] = _Watched(target, Standing(now), used_at=now)
        self._adopted = wanted
        self._look_at = -math.inf

    def _heed(self) -> None:
        """Ask those that are sent requests, all that have not been asked lately at once."""
        named = self._named
        if named is self._heeded:
            return
        self._heeded, now, period_s = named, self._clock(), period_of(len(self._watched))
        for name in named & self._watched.keys():
            watched = self._watched[name]
            watched.used_at, watched.standing = now, hurried(watched.standing, period_s)
        self._look_at = -math.inf

    def _drop(self, name: str) -> None:
        watched = self._watched.pop(name)
        probe = watched.probe
        if probe is not None and not probe.judged and not watched.standing.ok:
            _take_back(probe)
        self._close(watched)
        self._fresh = True

    def _pause_s(self) -> float:
        """Return how long nothing needs to be done unless a socket says so."""
        return min(IDLE_S, max(0.0, self._look_at - self._clock()))

    def _keep_time(self) -> None:
        """End the probes whose time is over and begin those that are due; look again when the next is."""
        now = self._clock()
        if now < self._look_at:
            return
        for watched in self._watched.values():
            if watched.moment <= now:
                if watched.probe:
                    self._expire(watched, watched.probe)
                else:
                    self._begin(watched)
        self._look_at = min((watched.moment for watched in self._watched.values()), default=math.inf)

    def _begin(self, watched: _Watched) -> None:
        now = self._clock()
        try:
            wire = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            self._hold(watched, error.errno or 0)
            return
        probe = watched.probe = _Probe(wire, now, now + watched.standing.limit_s)
        code = wire.connect_ex((watched.target.address, watched.target.port))
        if code not in {0, errno.EINPROGRESS}:
            self._fail(watched, probe, code)
        elif watched.target.kind == "tcp":
            self._listen(watched, probe, selectors.EVENT_WRITE)
        else:
            self._ask(watched, probe)

    def _hold(self, watched: _Watched, code: int) -> None:
        """Ask again later: that this process lacks descriptors or ports says nothing of the worker."""
        if not self._short:
            log.warning("health probes wait: %s", os.strerror(code).lower())
        self._short = True
        watched.standing = replace(watched.standing, due_at=self._clock() + LONGEST_PAUSE_S)

    def _advance(self, watched: _Watched) -> None:
        """Take the probe of a target one step on, its socket being ready."""
        probe = watched.probe
        assert probe is not None  # a closed probe is not in the selector
        if self._selector.get_key(probe.wire).events == selectors.EVENT_READ:
            self._receive(watched, probe)
        elif code := probe.wire.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._fail(watched, probe, code)
        elif watched.target.kind == "tcp":
            self._conclude(watched, probe, ok=True, text="connect")
            self._close(watched)
        else:
            self._ask(watched, probe)

    def _ask(self, watched: _Watched, probe: _Probe) -> None:
        """Send the question; on a bridge the connection is mostly there as soon as it is asked for."""
        try:
            probe.wire.send(request(watched.target))
        except BlockingIOError:
            self._listen(watched, probe, selectors.EVENT_WRITE)
        except OSError as error:
            self._fail(watched, probe, error.errno or 0)
        else:
            self._listen(watched, probe, selectors.EVENT_READ)

    def _listen(self, watched: _Watched, probe: _Probe, events: int) -> None:
        if probe.wire in self._selector.get_map():
            self._selector.modify(probe.wire, events, watched)
        else:
            self._selector.register(probe.wire, events, watched)

    def _receive(self, watched: _Watched, probe: _Probe) -> None:
        try:
            piece = probe.wire.recv(ANSWER_BYTES)
        except OSError as error:
            self._fail(watched, probe, error.errno or 0)
            return
        probe.length += len(piece)
        if not probe.judged:
            probe.received += piece[:STATUS_BYTES]
            if answer := judge(watched.target, probe.received, ended=not piece):
                self._conclude(watched, probe, *answer)
        if not piece or probe.length >= ANSWER_BYTES:
            self._close(watched)

    def _fail(self, watched: _Watched, probe: _Probe, code: int) -> None:
        if not probe.judged and code in _OURS:
            self._hold(watched, code)
        elif not probe.judged:
            self._look_around(watched)
            text = explain(watched.target, code, watched.heard)
            other = other_port(watched.target, watched.heard)
            self._conclude(watched, probe, ok=False, text=text, timed=False, other=other)
        self._close(watched)

    def _look_around(self, watched: _Watched) -> None:
        """See where the program of a worker listens, now and then while there is no connection to it."""
        failures, pid = watched.standing.failures, watched.target.pid
        if failures % HEARING == 0:
            watched.heard = listeners(pid) if failures and pid is not None else None

    def _expire(self, watched: _Watched, probe: _Probe) -> None:
        if not probe.judged:
            text = f"{asked(watched.target)} no answer in {span(probe.deadline - probe.began_at)}"
            self._conclude(watched, probe, ok=False, text=text, timed=False)
            _take_back(probe)
        self._close(watched)

    def _conclude(
        self,
        watched: _Watched,
        probe: _Probe,
        ok: bool,
        text: str,
        *,
        timed: bool = True,
        other: int | None = None,
    ) -> None:
        """Give the verdict of the probe; `other`: the port on which the program listens instead."""
        probe.judged = True
        now = self._clock()
        took_s = now - probe.began_at
        verdict = Verdict(ok, f"{text} in {span(took_s)}" if timed else text, now, took_s, other)
        before = watched.standing.verdict
        pause_s = pause_of(period_of(len(self._watched)), now - watched.used_at)
        watched.standing = settle(watched.standing, watched.target, verdict, random.random(), pause_s)
        after = watched.standing.verdict
        self._short = False
        self._fresh = True
        if after is not None and (before is None or before.ok != after.ok):
            self._flipped = True

    def _close(self, watched: _Watched) -> None:
        if watched.probe is not None:
            if watched.probe.wire in self._selector.get_map():
                self._selector.unregister(watched.probe.wire)
            watched.probe.wire.close()
            watched.probe = None
            self._look_at = min(self._look_at, watched.moment)

    def _publish(self) -> None:
        if self._fresh:
            self._fresh = False
            last = ((name, watched.standing.verdict) for name, watched in self._watched.items())
            self._verdicts = MappingProxyType({name: verdict for name, verdict in last if verdict})
        if self._flipped:
            self._flipped = False
            self._changed()


def _take_back(probe: _Probe) -> None:
    """Have the close of a question that nobody answered leave nothing of it in the worker."""
    probe.wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

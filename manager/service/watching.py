"""`watch`: what the live view shows, as one stream of documents, each sent again when it has changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass

from manager.api.arguments import Arguments, bind
from manager.api.commands import known
from manager.api.documents import document
from manager.api.errors import CloudError, StoreUnavailable
from manager.api.status import HostView
from manager.loop.reconcile import Reconciler
from manager.server import Call
from manager.service.dispatch import Answer, Verb

LEAST_S = 0.1  # between two looks, however much happens


@dataclass(frozen=True, slots=True)
class Watching:
    """The `watch` command; a look consists of documents of `verbs`, and of what the `host` has."""

    reconciler: Reconciler
    verbs: Mapping[str, Verb]
    host: Callable[[], HostView]

    def watch(self, call: Call, arguments: Arguments) -> Answer:
        """Send a Look at once, one when something happens, and one an interval, until the client hangs up.

        A Look has the documents that differ from those sent before, by what is asked for: "apps", "ps",
        "events", "status", "host", and "explain NAME" for each app that scales itself and was decided on.
        """
        interval_s = max(LEAST_S, arguments.number("interval") or 1.0)
        before = None
        sent: dict[str, Answer] = {}
        while True:
            picture = self.reconciler.picture()
            seen = dict(self._cheap(call))
            # etcd, the proxy and Docker are asked as often as the loop looks at them
            seen["status"] = sent["status"] if picture is before else self._ask(call, "status")
            call.emit("Look", documents={key: seen[key] for key in seen if seen[key] != sent.get(key)})
            if arguments.flag("once"):
                return document("Result", {"message": ""})
            before, sent = picture, seen
            time.sleep(LEAST_S)
            self.reconciler.next_picture(picture, interval_s - LEAST_S)
            call.check()

    def _cheap(self, call: Call) -> Iterator[tuple[str, Answer]]:
        """Yield what the manager has at hand."""
        yield "host", asdict(self.host())
        yield "apps", self._ask(call, "apps")
        yield "ps", self._ask(call, "ps")
        picture = self.reconciler.picture()
        if picture is None or picture.trouble:
            return  # what follows is asked of etcd, which may be away
        with suppress(StoreUnavailable):
            yield "events", self._ask(call, "events", since="1h")
        for name, spec in picture.world.specs.items():
            if spec.autoscale is not None and name in picture.world.targets:  # else it would be waited for
                with suppress(CloudError):  # the app is stopped, or gone by now
                    yield f"explain {name}", self._ask(call, "explain", app=name)

    def _ask(self, call: Call, verb: str, **params: str) -> Answer:
        return self.verbs[verb](call, bind(known(verb), params))

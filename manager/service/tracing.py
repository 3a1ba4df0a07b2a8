"""`trace`: looks at every hop on the way to an app, now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from manager.api.arguments import Arguments
from manager.api.documents import listing
from manager.api.errors import CloudError
from manager.api.views import CheckView
from manager.engine.containers import Container
from manager.host.network import translated
from manager.host.settings import Settings
from manager.loop.reconcile import Reconciler
from manager.observe.ask import accepts, ask_worker, status_of
from manager.observe.listeners import has_address, listeners
from manager.observe.proxy import ProxyApi
from manager.observe.verdicts import Target
from manager.server import Call
from manager.service.dispatch import Answer
from manager.service.hops import Seen, Sights, hops
from manager.state import wishes
from manager.state.model import AppSpec, WorkerKey, WorkerRecord
from manager.state.world import World
from netsetup.addresses import bridge_name
from netsetup.network import Network, NetworkPicture


@dataclass(frozen=True, slots=True)
class Tracing:
    """The `trace` command."""

    tag: str
    settings: Settings
    network: Network
    proxy: ProxyApi
    reconciler: Reconciler

    def trace(self, call: Call, arguments: Arguments) -> Answer:
        """Return the hops to an app, or to each that has a route, its name before them.

        Raises AppNotFound, CloudError for an app without a route.
        """
        world, name = self.reconciler.seen().world, arguments.text("app")
        if name is None:
            routed = sorted(name for name, spec in world.specs.items() if spec.template.port is not None)
            return listing("CheckList", (each for name in routed for each in self._named(world, name)))
        spec = wishes.find(world.specs, name)
        if spec.template.port is None:
            raise CloudError(
                f"{spec.name} has no route: it was run without -p",
                hint=f"describe {spec.name}",
                word=spec.name,
            )
        return listing("CheckList", hops(world, spec, self._sights(world, spec)))

    def _named(self, world: World, app: str) -> Iterator[CheckView]:
        spec = world.specs[app]
        for view in hops(world, spec, self._sights(world, spec)):
            yield view if view.name.startswith(f"{app}.") else replace(view, name=f"{app} {view.name}")

    def _sights(self, world: World, spec: AppSpec) -> Sights:
        with translated(hint="doctor"):
            network = self.network.look()
        is_http = spec.template.protocol == "http"
        port = self.settings.http_port if is_http else spec.tcp_port or 0
        entry_accepts = accepts(self.settings.bind, port)
        return Sights(
            entry=f"{self.settings.bind}:{port}",
            entry_accepts=entry_accepts,
            live=self.proxy.live(),
            faults=self.proxy.faults(),
            bridge=bridge_name(self.tag),
            bridge_intact=network.bridge_intact,
            rules_intact=network.rules_intact,
            status=self._status(spec, port) if is_http else entry_accepts,
            workers=self._workers(world, spec, network),
        )

    def _status(self, spec: AppSpec, port: int) -> int | None:
        """Return what a client is answered, by the app's first host, else by its first path."""
        if spec.hosts:
            return status_of(self.settings.bind, port, spec.hosts[0], "/")
        path = spec.paths[0].rstrip("/") if spec.paths else ""
        return status_of(self.settings.bind, port, "localhost", f"{path}/")

    def _workers(self, world: World, spec: AppSpec, network: NetworkPicture) -> dict[WorkerKey, Seen]:
        """Return what is seen of the workers that run."""
        return {
            record.key: self._worker(spec, record, container, network)
            for record in world.of_app(spec.name)
            if (container := world.containers.get(record.key)) and container.state == "running"
        }

    def _worker(
        self, spec: AppSpec, record: WorkerRecord, container: Container, network: NetworkPicture
    ) -> Seen:
        link, health = record.key.port_name(self.tag), spec.template.health
        kind = "tcp" if health.kind == "none" else health.kind
        ok, text = ask_worker(Target(record.host, record.port or 0, kind, health.path))
        return Seen(
            attached=network.ports.get(link),
            bound=link in network.bound,
            addressed=has_address(container.pid, record.address),
            listening={port: frozenset(bound) for port, bound in listeners(container.pid).items()},
            healthy=ok,
            answer=text,
        )

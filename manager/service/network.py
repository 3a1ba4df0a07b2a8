"""`net`: the bridge and each worker's place on it, what has drifted, and mending that now."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from manager.api.arguments import Arguments
from manager.api.documents import document, listing, sentences
from manager.api.views import PortView
from manager.host.network import translated
from manager.host.renew import ask_again
from manager.host.settings import Settings
from manager.plan.wiring import is_as_recorded
from manager.server import Call
from manager.service.changes import Changes
from manager.service.dispatch import Answer
from manager.service.hops import UNBOUND, cable_fault
from manager.state import wishes
from manager.state.model import WorkerKey, WorkerRecord
from manager.state.phase import thaw_of
from manager.state.records import ALL
from manager.state.world import World, is_left_alone, is_up
from netsetup.addresses import bridge_name, gateway_of, mac_of
from netsetup.network import Network, NetworkPicture
from netsetup.port import Port

MEND_S = 10.0
LOOK_AGAIN_S = 0.25


@dataclass(frozen=True, slots=True)
class NetworkVerbs:
    """The `net` command."""

    tag: str
    settings: Settings
    network: Network
    changes: Changes

    def net(self, call: Call, arguments: Arguments) -> Answer:
        """Return the bridge and the ports of one app's workers, or of all; raises NetworkFailed."""
        app = arguments.text("app")
        if app is not None:
            wishes.find(self._world().specs, app)
        before = self._look()
        if not arguments.flag("repair"):
            return listing("PortList", _of_app(before, app))
        if arguments.flag("dry_run"):
            alone = left_alone(self._world(), self.tag)
            return document("Plan", {"steps": repair_steps(before, alone)})
        said = self._repair()
        after = self._wait_until_mended(call)
        notes = repair_notes(said, before, after, left_alone(self._world(), self.tag))
        return {**listing("PortList", _of_app(after, app)), "notes": notes}

    def _world(self) -> World:
        return self.changes.reconciler.seen().world

    def _look(self) -> list[PortView]:
        world = self._world()
        with translated(hint="doctor"):
            picture = self.network.look()
        return [self._bridge(world, picture), *port_views(world, picture, self.tag)]

    def _bridge(self, world: World, picture: NetworkPicture) -> PortView:
        """Return the bridge's line; a manager that took over a frozen cloud has not loaded the rules yet."""
        view = bridge_view(self.tag, self.settings, picture)
        if ALL not in world.frozen or picture.rules_intact or not picture.bridge_intact:
            return view
        return replace(view, drift="its rules are not known to be intact (frozen: net --repair loads them)")

    def _repair(self) -> list[str]:
        """Mend bridge and rules here, and have the loop join the workers again."""
        with translated(hint="doctor"):
            said = self.network.ensure()
        world = self._world()
        ask_again(
            self.changes.store,
            self.changes.fence(),
            lambda record: is_up(world, record) and record.key not in world.wired,
        )
        self.changes.reconciler.dirty.set()
        return said

    def _wait_until_mended(self, call: Call) -> list[PortView]:
        """Return the ports once none has drifted that is not left so, or as they are after MEND_S."""
        ends_at = time.monotonic() + MEND_S
        alone = left_alone(self._world(), self.tag)
        seen = self._look()
        while any(view.drift and view.link not in alone for view in seen) and time.monotonic() < ends_at:
            call.check()
            self.changes.reconciler.next_picture(self.changes.reconciler.picture(), LOOK_AGAIN_S)
            seen = self._look()
        return seen


def _of_app(views: Iterable[PortView], app: str | None) -> list[PortView]:
    """Return the views that `app` is concerned with: the bridge always is."""
    return [v for v in views if app is None or v.name == "bridge" or v.name.partition(".")[0] == app]


def left_alone(world: World, tag: str) -> Mapping[str, str]:
    """Return what would end the freeze of each link that is not mended for one, by the link's name."""
    frozen = [record for record in world.records.values() if is_left_alone(world, record)]
    return {record.key.port_name(tag): thaw_of(world, record.app) for record in frozen}


def repair_steps(seen: Iterable[PortView], alone: Mapping[str, str]) -> list[str]:
    """Return what a repair would do about each port that has drifted; alone: what `left_alone` returned."""
    verbs = ((view, "leave" if view.link in alone else "mend") for view in seen if view.drift)
    return [f"{verb} {view.name}: {view.drift}{_why(view, alone)}" for view, verb in verbs]


def _why(view: PortView, alone: Mapping[str, str]) -> str:
    return f" (frozen: {alone[view.link]})" if view.link in alone else ""


def repair_notes(
    said: Iterable[str], before: Iterable[PortView], after: Iterable[PortView], alone: Mapping[str, str]
) -> list[str]:
    """Return what was mended and what was not, in sentences; alone: what `left_alone` returned."""
    left = {view.link: view.drift for view in after if view.drift}
    mended = [f"mended: {view.name}: {view.drift}" for view in before if view.drift and view.link not in left]
    bridge = [f"mended: {sentence}" for sentence in said]
    failed = [f"not mended: {view.name}: {view.drift}{_why(view, alone)}" for view in after if view.drift]
    return [*bridge, *mended, *failed] or ["nothing had drifted"]


def bridge_view(tag: str, settings: Settings, picture: NetworkPicture) -> PortView:
    """Return the bridge as the first line of the listing; its address is the gateway's in the subnet."""
    gateway = gateway_of(settings.network)
    bridge = "" if picture.bridge_intact else "the bridge is gone or not as it should be"
    rules = "" if picture.rules_intact else "its rules are gone or changed"
    return PortView(
        name="bridge",
        link=bridge_name(tag),
        address=f"{gateway}/{settings.network.prefixlen}",
        mac=mac_of(gateway),
        group=None,
        attached=picture.bridge_intact,
        bound=picture.rules_intact,
        drift=sentences(bridge, rules),
    )


def port_views(world: World, picture: NetworkPicture, tag: str) -> list[PortView]:
    """Return a line per worker, and one per port that is nobody's."""
    records = sorted(world.records.values(), key=lambda record: record.key)
    views = [_worker_port(world, record, picture, tag) for record in records]
    there = {*picture.ports, *picture.bound}
    lost = sorted(key for key in world.containers.keys() - world.records if key.port_name(tag) in there)
    views += [_lost_worker_port(key, picture, tag) for key in lost]
    strays = sorted(there - {view.link for view in views})
    return views + [_stray_port(name, picture) for name in strays]


def _worker_port(world: World, record: WorkerRecord, picture: NetworkPicture, tag: str) -> PortView:
    link = record.key.port_name(tag)
    attached, bound = picture.ports.get(link), picture.bound.get(link)
    drift = sentences(cable_fault(attached), _rules_drift(world, record, bound, tag))
    return PortView(
        name=record.key.label,
        link=link,
        address=record.host,
        mac=mac_of(record.address),
        group=record.number,
        attached=attached or False,
        bound=bound is not None,
        drift=drift if is_up(world, record) else "",
    )


def _rules_drift(world: World, record: WorkerRecord, bound: Port | None, tag: str) -> str:
    """Return what is wrong with the rules of a worker's port, in words, or ""."""
    if bound is None:
        return UNBOUND
    if bound.address != record.address:
        return f"bound to {bound.address}"
    if bound.group != record.number:
        return f"marked as group {bound.group}"
    if bound.egress != record.egress:
        return "it has a way out that it should not have" if bound.egress else "its way out is shut"
    if not is_as_recorded(world, record, bound, tag):
        return "the apps that it reaches are not those that it should"
    return ""


def _lost_worker_port(key: WorkerKey, picture: NetworkPicture, tag: str) -> PortView:
    """Return the port of a worker whose record is gone or cannot be read: nobody knows how it should be."""
    return replace(_stray_port(key.port_name(tag), picture), name=key.label, drift="")


def _stray_port(link: str, picture: NetworkPicture) -> PortView:
    bound = picture.bound.get(link)
    return PortView(
        name="-",
        link=link,
        address=str(bound.address) if bound else None,
        mac=mac_of(bound.address) if bound else None,
        group=bound.group if bound else None,
        attached=picture.ports.get(link, False),
        bound=bound is not None,
        drift="no worker of this cloud has this port",
    )

"""The commands that show: from the last picture, or what Docker and the store say now."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain

from manager.api.arguments import Arguments
from manager.api.documents import document, listing, rfc3339, unix_seconds
from manager.api.errors import WorkerNotFound
from manager.api.views import EventView, ImageView, RouteView
from manager.engine.containers import Image
from manager.engine.contract import Engine
from manager.journal import events
from manager.loop.reconcile import Picture, Reconciler
from manager.scaling.measure import Measures
from manager.server import Call
from manager.service.dispatch import Answer
from manager.service.rescue import lost_notes
from manager.service.show import Addressing, app_view, route_views, worker_views
from manager.service.targets import resolve_target
from manager.state import wishes
from manager.state.model import AppSpec, WorkerKey
from manager.state.options import run_params, usual_params
from manager.state.records import encode
from manager.state.world import World
from manager.store import Store

FOLLOW_S = 0.3


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reading commands need.  measures: the latest observation."""

    tag: str
    addressing: Addressing
    store: Store
    engine: Engine
    reconciler: Reconciler
    measures: Callable[[], Measures]

    def world(self) -> World:
        """Return what the last look saw; raises StoreUnavailable before the first succeeded."""
        return self.reconciler.seen().world

    def apps(self, call: Call, arguments: Arguments) -> Answer:
        picture, measures = self.reconciler.seen(), self.measures()
        specs = named(picture.world.specs, arguments.texts("app"))
        views = [app_view(picture.world, spec, measures, self.addressing) for spec in specs]
        return _with_notes(listing("AppList", views), picture)

    def ps(self, call: Call, arguments: Arguments) -> Answer:
        picture, measures, everything = self.reconciler.seen(), self.measures(), arguments.flag("all")
        specs = named(picture.world.specs, arguments.texts("app"))
        views = (worker_views(picture.world, spec, measures, everything=everything) for spec in specs)
        return _with_notes(listing("WorkerList", chain.from_iterable(views)), picture)

    def routes(self, call: Call, arguments: Arguments) -> Answer:
        picture = self.reconciler.seen()
        specs = named(picture.world.specs, arguments.texts("app"))
        views = [view for spec in specs for view in route_views(picture.world, spec, self.addressing)]
        return _with_notes(listing("RouteList", views), picture, *silence_notes(picture.world, views))

    def images(self, call: Call, arguments: Arguments) -> Answer:
        images = [(name, image) for image in self.engine.images.list() for name in image.references]
        return listing("ImageList", [_image_view(name, image) for name, image in images])

    def events(self, call: Call, arguments: Arguments) -> Answer:
        app, since_s = arguments.text("app"), arguments.number("since")
        oldest = time.time() - since_s if since_s is not None else 0.0

        def wanted(event: EventView) -> bool:
            return (app is None or event.app == app) and unix_seconds(event.at) >= oldest

        told = events(self.store)
        if app is not None and all(event.app != app for event in told):
            wishes.find(self.world().specs, app)
        views = [event for event in told if wanted(event)]
        if arguments.flag("follow"):
            self._follow_events(call, views, wanted)
        return listing("EventList", views)

    def _follow_events(self, call: Call, views: list[EventView], wanted: Callable[[EventView], bool]) -> None:
        """Send events as they come until the client hangs up."""
        last = ""
        while True:
            for view in views:
                if view.id > last:
                    call.emit("Event", **asdict(view))
                    last = view.id
            picture = self.reconciler.picture()
            self.reconciler.next_picture(picture, FOLLOW_S)
            call.check()
            views = [event for event in events(self.store) if wanted(event)]

    def export(self, call: Call, arguments: Arguments) -> Answer:
        """Return each app as the parameters of the `run` that makes it, and its copied files' sha256."""
        items = [
            {"params": run_params(spec), "files": {m.path: m.sha256 for m in spec.template.mounts}}
            for spec in named(self.world().specs, arguments.texts("app"))
            if not spec.removing
        ]
        return document("AppFile", {"items": items, "usual": usual_params()})

    def inspect(self, call: Call, arguments: Arguments) -> Answer:
        world, measures = self.world(), self.measures()
        name, slot = resolve_target(arguments.text("target") or "", world)
        spec = wishes.find(world.specs, name)
        workers = worker_views(world, spec, measures, everything=True)
        if slot is None:
            view = asdict(app_view(world, spec, measures, self.addressing))
            return document("App", {**view, "spec": plain(spec), "workers": [*map(asdict, workers)]})
        seen = next((view for view in workers if view.slot == slot), None)
        if seen is None:
            raise WorkerNotFound(f"{name} has no worker {slot}", hint=f"ps {name} -a", word=f"{name}.{slot}")
        key = WorkerKey(name, slot, seen.revision)
        stored, found = world.records.get(key), world.containers.get(key)
        record, engine = plain(stored) if stored else None, plain(found) if found else None
        return document("Worker", {**asdict(seen), "record": record, "engine": engine})


def _image_view(name: str, image: Image) -> ImageView:
    short_id = image.id.removeprefix("sha256:")[:12]
    return ImageView(name, short_id, image.size_bytes, rfc3339(image.created_at))


def _with_notes(answer: dict[str, object], picture: Picture, *more: str) -> Answer:
    """Return the answer with notes when it is from the last picture and not from now, or not of all."""
    notes = [*more, *lost_notes(picture.world)]
    if picture.trouble:
        age_s = time.time() - picture.world.now
        notes.append(f"{picture.trouble}; last known, {age_s:.0f} s ago")
    return {**answer, "notes": notes} if notes else answer


def silence_notes(world: World, routes: Sequence[RouteView]) -> Iterator[str]:
    """Yield that nobody knows whether the routes are live, where the proxy does not say so."""
    if routes and world.live is None:
        yield "the proxy does not say which routes it has: LIVE is not known (status)"


def named(specs: Mapping[str, AppSpec], names: Sequence[str]) -> list[AppSpec]:
    """Return the specs of the named apps, each once, or of all, by name; raises AppNotFound."""
    chosen = [wishes.find(specs, name) for name in dict.fromkeys(names)] if names else specs.values()
    return sorted(chosen, key=lambda spec: spec.name)


def plain(record: object) -> object:
    """Return a record as JSON values, its times as every document has them."""
    return _with_times(json.loads(encode(record)))


def _with_times(value: object, name: str = "") -> object:
    match value:
        case dict():
            return {key: _with_times(inner, key) for key, inner in value.items()}
        case list():
            return [_with_times(inner) for inner in value]
        case float() if name == "at" or name.endswith(("_at", "_since")):
            return rfc3339(value)
        case _:
            return value

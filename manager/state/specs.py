"""The specs of apps among those there are: names, routes, tcp ports, policies, who reaches whom; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, count

from balancer.routes import check_host, check_path, default_hosts, default_paths
from manager.api.agreement import require_bounds, require_http, require_maximum
from manager.api.arguments import Arguments
from manager.api.cite import cited
from manager.api.errors import AppExists, AppReached, CloudError, RouteTaken, UsageError
from manager.state.model import AppSpec, Autoscale
from manager.state.templates import Template
from manager.state.wishes import autoscaled, changeable, with_spares
from manager.state.world import World


@dataclass(frozen=True, slots=True)
class Held:
    """What workers have that are there, known or lost: a new app must share none of it with them.

    marks: on the network.  revisions: the highest one of the containers of each name.
    """

    marks: frozenset[int] = frozenset()
    revisions: Mapping[str, int] = field(default_factory=dict)


def held_in(world: World) -> Held:
    """Return what workers have, whatever the store has lost."""
    highest: dict[str, int] = {}
    for app, _, revision in world.containers:
        highest[app] = max(revision, highest.get(app, 0))
    return Held(world.marks, highest)


def new_app(
    specs: Mapping[str, AppSpec],
    arguments: Arguments,
    template: Template,
    tcp_ports: range,
    now: float,
    held: Held,
) -> AppSpec:
    """Return the spec of a new app among those there are: its first revision is above any of its name.

    Raises AppExists, RouteTaken, UsageError, or CloudError when every tcp port is taken.
    """
    name = arguments.text("name") or ""
    _require_new(specs, name)
    hosts, paths = _addresses(name, arguments, template)
    _require_free(specs, hosts, paths)
    workers = arguments.whole("workers")
    policy = autoscale_policy(arguments, None)
    revision = held.revisions.get(name, 0) + 1
    spec = AppSpec(
        name=name,
        number=free_number(specs, held.marks),
        revision=revision,
        newest=revision,
        template=template,
        want=1 if workers is None else workers,
        created_at=now,
        hosts=hosts,
        paths=paths,
        tcp_port=_free_tcp_port(specs, tcp_ports) if template.is_tcp else None,
    )
    return with_spares(spec if policy is None else autoscaled(spec, policy), asked_spares(arguments))


def _require_new(specs: Mapping[str, AppSpec], name: str) -> None:
    if name in specs and specs[name].removing:
        raise AppExists(f"{name} is still being removed", hint=f"wait {name} gone")
    if name in specs:
        raise AppExists(f"an app is named {name} already", hint=f"help update    (or: rm {name} -y)")


def asked_spares(arguments: Arguments) -> int | str | None:
    """Return what --spares says: a number, "auto", or None."""
    return arguments.text("spares") or arguments.whole("spares")


def autoscale_policy(arguments: Arguments, base: Autoscale | None) -> Autoscale | None:
    """Return the policy that --max, --min, --slo and --mode ask for, over what there was.

    None when there was none and no --max is given.  Raises UsageError.
    """
    limit = arguments.whole("max") or (base.max if base else None)
    least, slo, mode = arguments.whole("min"), arguments.pair("slo"), arguments.text("mode")
    if limit is None:
        require_maximum(arguments)
        return None
    base = base or Autoscale(min=1, max=limit)
    limit_s, share = slo or (base.slo_s, base.slo_share)
    low = base.min if least is None else least
    require_bounds(arguments, low, limit)
    mode = mode or base.mode
    return Autoscale(low, limit, limit_s, share, "recommend" if mode == "recommend" else "on")


def _addresses(
    name: str, arguments: Arguments, template: Template
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the hosts and paths of the app's route: its own, and those that were asked for."""
    hosts = tuple(host.lower() for host in arguments.texts("host"))
    paths = tuple(path.rstrip("/") or path for path in arguments.texts("path"))
    if not template.is_http:
        if hosts or paths:
            require_http(arguments, template.port, template.protocol)
        return (), ()
    for host in hosts:
        if fault := check_host(host):
            raise UsageError(f"--host {cited(host[:60])}: {fault}", hint=f"--host {name}.example.org")
    for path in paths:
        if fault := check_path(path):
            raise UsageError(f"--path {cited(path[:60])}: {fault}", hint=f"--path /{name}")
    return _unique(default_hosts(name), hosts), _unique(default_paths(name), paths)


def reinstated(specs: Mapping[str, AppSpec], spec: AppSpec, tcp_ports: range, held: Held) -> AppSpec:
    """Return the spec of before, with the mark and the tcp port that the app has now, or that are free.

    Its own ones where they are. The next revision will be above any of its name.
    Raises RouteTaken when another app has got its route.
    """
    others = {name: other for name, other in specs.items() if name != spec.name}
    _require_free(others, spec.hosts, spec.paths)
    now = specs.get(spec.name)
    number = now.number if now else free_number(others, held.marks, spec.number)
    newest = max(spec.newest, held.revisions.get(spec.name, 0))
    wished = (now and now.tcp_port) or spec.tcp_port
    tcp_port = spec.tcp_port and _free_tcp_port(others, tcp_ports, wished)
    return replace(spec, number=number, newest=newest, tcp_port=tcp_port)


def readdressed(
    specs: Mapping[str, AppSpec], spec: AppSpec, arguments: Arguments, template: Template, tcp_ports: range
) -> AppSpec:
    """Return the spec with its new template, and the addresses that this and the arguments give it.

    Without a port it has no load to follow, and is scaled by hand.  Raises RouteTaken or UsageError.
    """
    if template.port is None:
        spec = autoscaled(spec, None)
    others = {name: other for name, other in specs.items() if name != spec.name}
    hosts, paths = _addresses(spec.name, arguments, template)
    if template.is_http:
        hosts, paths = _unique(spec.hosts, hosts), _unique(spec.paths, paths)
    _require_free(others, hosts, paths)
    before = spec.fallback.tcp_port if spec.fallback else None
    tcp_port = (spec.tcp_port or _free_tcp_port(others, tcp_ports, before)) if template.is_tcp else None
    return replace(spec, template=template, hosts=hosts, paths=paths, tcp_port=tcp_port)


def _unique(first: tuple[str, ...], then: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *then)))


def _require_free(specs: Mapping[str, AppSpec], hosts: Collection[str], paths: Collection[str]) -> None:
    places = ((spec, place) for spec in specs.values() for place in spec.places)
    for spec, place in places:
        held = {*place.hosts, *place.paths}
        taken = next((route for route in (*hosts, *paths) if route in held), None)
        if taken is not None:
            who, end = holder(spec, former=place is not spec)
            raise RouteTaken(f"{who} has the route {taken} already", hint=end or f"routes {spec.name}")


def holder(spec: AppSpec, *, former: bool) -> tuple[str, str]:
    """Return an app that holds something, in words, and the command that ends it for its former revision.

    former: only the revision that an unproved update falls back to has it; else there is no such command.
    """
    if not former:
        return spec.name, ""
    if spec.is_updating:
        end = f"wait {spec.name} ready"
    else:
        end = f"start {spec.name}" if spec.stopped or spec.stopped_slots else f"scale {spec.name}=1"
    return f"{spec.name} (until its update has proved itself)", end


def _free_tcp_port(specs: Mapping[str, AppSpec], tcp_ports: range, wished: int | None = None) -> int:
    """Return a port of the range that no app has: the wished one, else the first."""
    taken = {place.tcp_port for spec in specs.values() for place in spec.places}
    free = [port for port in tcp_ports if port not in taken]
    if not free:
        raise CloudError(
            f"every tcp port ({tcp_ports[0]}-{tcp_ports[-1]}) has an app", hint="apps    (rm one of them)"
        )
    return wished if wished in free else free[0]


def free_number(specs: Mapping[str, AppSpec], held: Collection[int] = (), wished: int = 1) -> int:
    """Return a network mark that no app has and nobody holds: the wished one, else the smallest."""
    taken = {*held, *(spec.number for spec in specs.values())}
    return next(number for number in chain([wished], count(1)) if number not in taken)


def require_reached(before: Mapping[str, AppSpec], wished: Iterable[AppSpec]) -> None:
    """Raise AppNotFound when an app would reach one that is not there, AppReached when one would be bereft.

    What was so before is not asked again: a scale is not refused for it.
    """
    changed = {spec.name: spec for spec in wished}
    after = {**before, **changed}
    leaving = [name for name, spec in changed.items() if spec.removing]
    for name, spec in changed.items():
        former = before.get(name)
        if spec.removing and not (former is not None and former.removing):
            _require_unreached(after, name, leaving)
        elif not spec.removing and (former is None or former.template.reach != spec.template.reach):
            for reached in spec.template.reach:
                changeable(after, reached)


def _require_unreached(specs: Mapping[str, AppSpec], name: str, leaving: list[str]) -> None:
    others = [spec for spec in specs.values() if not spec.removing and _reaches(spec, name)]
    if others:
        names = [spec.name for spec in others]
        holders = [holder(spec, former=name not in spec.template.reach) for spec in others]
        end = holders[0][1] or _without(others[0], leaving)
        raise AppReached(
            f"{name} is reached by {', '.join(who for who, _ in holders)} and cannot be removed",
            hint=f"{end}    (or: rm {' '.join([*leaving, *names])} -y)",
        )


def _without(spec: AppSpec, leaving: list[str]) -> str:
    """Return the command by which the app no longer reaches those that leave."""
    rest = sorted(set(spec.template.reach) - {*leaving})
    return f"update {' '.join(f'--reach {each}' for each in rest) or '--no-reach'} {spec.name}"


def _reaches(spec: AppSpec, name: str) -> bool:
    """Return whether workers of the app may connect to the other, also when its update is taken back."""
    return any(name in place.template.reach for place in spec.places)

"""The options of `run` that an app's spec stands for: what intake reads, written back. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from balancer.routes import default_hosts, default_paths
from manager.api.agreement import canonical
from manager.api.arguments import option_words
from manager.api.commands import known
from manager.api.quantities import duration_word, objective_word
from manager.api.rows.options import TEMPLATE
from manager.api.typed import Param, Params
from manager.api.values import BASE_IMAGE
from manager.state.model import AppSpec, Autoscale, Revision
from manager.state.templates import Template

_UNITS = (("G", 2**30), ("M", 2**20), ("K", 2**10))


def run_params(spec: AppSpec) -> Params:
    """Return the parameters of the `run` that makes this app, defaults included where they have a word."""
    params: Params = {"name": spec.name, "command": list(spec.template.command), **_template(spec.template)}
    return canonical({**params, "host": list(spec.hosts), "path": list(spec.paths), **_scaling(spec)})


def _scaling(spec: AppSpec) -> Params:
    """Return how the app is scaled; the number of its workers where no autoscaler chooses it."""
    policy, workers = spec.autoscale, {"workers": str(spec.want)}
    if policy is None:
        return {"spares": str(spec.spares), **workers}
    spares = "auto" if policy.chooses_spares else str(spec.spares)
    by_hand = workers if policy.mode == "recommend" else {}
    return {"spares": spares, "max": str(policy.max), **_policy(policy), **by_hand}


def usual_params() -> Params:
    """Return what holds where nothing is said."""
    template, policy = Template(command=(), image=BASE_IMAGE), Autoscale(min=1, max=1)
    return {**_template(template), **_policy(policy), "spares": "0"}


def unusual_words(app: str, revision: Revision) -> list[str]:
    """Return the options of `run` that make a revision other than usual, beside its image, as words."""
    usually = {**usual_params(), "image": revision.template.image}
    asked_for = {**_template(revision.template), **_routes(app, revision)}
    unusual = {key: value for key, value in asked_for.items() if value != usually.get(key)}
    return option_words(known("run").options, unusual)


def changed_words(app: str, earlier: Revision, later: Revision) -> str:
    """Return what a revision is made from otherwise than an earlier one, as `update` would be told it."""
    before, after = earlier.template, later.template
    was, now = ({**_template(each), "env": [], "image": each.image} for each in (before, after))
    words = [
        *_options({key: value for key, value in now.items() if value != was.get(key)}),
        *_reached(_routes(app, earlier), _routes(app, later)),
        *_environment(before.environment, after.environment),
        *(_without(key) for key in was if key not in now),
        *_files(before, after),
    ]
    if after.command != before.command:
        words.append(shlex.join(after.command))
    return ", ".join(words)


def _routes(app: str, revision: Revision) -> dict[str, list[str]]:
    """Return the hosts and paths of a revision beside those that any app has."""
    own = {
        "host": [host for host in revision.hosts if host not in default_hosts(app)],
        "path": [path for path in revision.paths if path not in default_paths(app)],
    }
    return {key: routes for key, routes in own.items() if routes}


def _reached(was: Mapping[str, list[str]], now: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield the hosts and paths that came, as they are typed, and those that went."""
    for key in ("host", "path"):
        before, after = was.get(key, []), now.get(key, [])
        yield from (shlex.join([f"--{key}", route]) for route in after if route not in before)
        yield from (f"without --{key} {route}" for route in before if route not in after)


def _options(params: Params) -> Iterator[str]:
    """Yield each option of the parameters with its values, as it is typed."""
    for option in TEMPLATE:
        if option.key in params:
            yield shlex.join(option_words([option], params))


def _without(key: str) -> str:
    """Return how an option that is no more given was taken away."""
    name = key.replace("_", "-")
    return f"--no-{name}" if known("update").option(f"--no-{name}") else f"without --{name}"


def _environment(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name, value in after.items():
        if before.get(name) != value:
            yield shlex.join(["-e", f"{name}={value}"])
    yield from (f"--no-env {name}" for name in before if name not in after)


def _files(before: Template, after: Template) -> Iterator[str]:
    """Yield the copied files that came, went or have another content, of which the hash tells."""
    was, now = ({mount.path: mount.sha256[:7] for mount in each.mounts} for each in (before, after))
    for path in sorted({*was, *now}):
        if was.get(path) != now.get(path):
            yield " ".join([path, *([was[path], "->"] if path in was else []), now.get(path, "gone")])


def _template(template: Template) -> Params:
    """Return the options of a template; there is none for the health check that goes with its port."""
    told: dict[str, Param | None] = {
        "image": template.image,
        "port": f"{template.port}/{template.protocol}" if template.port else None,
        "health": _health(template),
        "cpus": f"{template.cpus:g}" if template.cpus else None,
        "memory": _size(template.memory_bytes),
        "pids": str(template.pids),
        "user": template.user,
        "workdir": template.workdir,
        "restart": template.restart,
        "drain": duration_word(template.drain_s),
        "env": [f"{name}={value}" for name, value in template.environment.items()],
        "cap_add": list(template.cap_add),
        "read_only": template.read_only,
        "egress": template.egress,
        "secret": list(template.secrets),
        "reach": list(template.reach),
    }
    return {key: value for key, value in told.items() if value}


def _policy(policy: Autoscale) -> Params:
    return {
        "min": str(policy.min),
        "slo": objective_word(policy.slo_s, policy.slo_share),
        "mode": policy.mode,
    }


def _health(template: Template) -> str | None:
    kind = template.health.kind
    usual_kind = "none" if template.port is None else template.protocol
    if kind == usual_kind:
        return None
    return template.health.path if kind in ("path", "http") else kind


def _size(count: int) -> str:
    """Return bytes as a size that means exactly as many."""
    return next((f"{count // size}{unit}" for unit, size in _UNITS if count % size == 0), str(count))

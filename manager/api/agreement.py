"""What the options of an app have to be to each other, and the one form they come to. Pure.

They may be of a command or of a file. Here is what can be told before anything is made; what else an option
may be, is told where it is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from manager.api.arguments import Arguments
from manager.api.errors import UsageError
from manager.api.quantities import objective_word
from manager.api.typed import Params


def require_agreement(arguments: Arguments) -> None:
    """Raise UsageError where the arguments of a `run` contradict each other."""
    port, protocol = port_of(arguments.text("port"))
    require_askable(arguments, arguments.text("health"), port, protocol)
    if arguments.texts("host") or arguments.texts("path"):
        require_http(arguments, port, protocol)
    limit, workers = arguments.whole("max"), arguments.whole("workers") or 0
    if limit is not None:
        require_bounds(arguments, arguments.whole("min") or 0, limit)
    if limit is not None and workers > limit and arguments.text("mode") != "recommend":
        raise UsageError(
            f"{workers} workers are above --max {limit}", hint=again(arguments, f"--max {workers}")
        )
    if limit is None:
        require_maximum(arguments)
    if limit is not None and port is None:
        hint = again(arguments, f"-p 8000 --max {limit}")
        raise UsageError("--max needs a port: the load is what comes in there", hint=hint)


def again(arguments: Arguments, options: str, verb: str = "update") -> str:
    """Return the command that a hint gives for the app of a `run`, or of the verb that changes one."""
    app = arguments.text("app")
    return f"run {options} {arguments.text('name')} ..." if app is None else f"{verb} {app} {options}"


def port_of(
    word: str | None, unsaid: Literal["http", "tcp"] = "http"
) -> tuple[int | None, Literal["http", "tcp"]]:
    """Return the number and the protocol of what -p says; without it there is no port.

    unsaid: the protocol where it says none.
    """
    if word is None:
        return None, "http"
    number, said, protocol = word.partition("/")
    if not said:
        return int(number), unsaid
    return int(number), "tcp" if protocol == "tcp" else "http"


def require_askable(arguments: Arguments, health: str | None, port: int | None, protocol: str) -> None:
    """Raise UsageError where workers with this port cannot be asked like this whether they are healthy."""
    if health in (None, "none"):
        return
    if port is None:
        hint = again(arguments, f"-p 8000 --health {health}")
        raise UsageError("--health needs a port to ask on", hint=hint)
    if protocol == "tcp" and health != "tcp":
        hint = again(arguments, f"-p {port}/tcp --health tcp")
        raise UsageError("a tcp app has no paths to ask for", hint=hint)


def require_http(arguments: Arguments, port: int | None, protocol: str) -> None:
    """Raise UsageError where the app has no hosts and paths, since it is not for http."""
    if port is None or protocol == "tcp":
        raise UsageError("--host and --path are for http apps", hint=again(arguments, f"-p {port or 8000}"))


def require_bounds(arguments: Arguments, least: int, limit: int, verb: str = "autoscale") -> None:
    """Raise UsageError where no number of workers is within the bounds of an autoscaler.

    Its hint has bounds that were both typed change places; one alone stands, and the other gives way.
    """
    if least > limit:
        low, high = arguments.whole("max") or least, arguments.whole("min") or limit
        hint = again(arguments, f"--min {low} --max {high}", verb)
        raise UsageError(f"--min {least} is above --max {limit}", hint=hint)


def require_maximum(arguments: Arguments) -> None:
    """Raise UsageError where no maximum is said, and what is of no use without one."""
    least, slo, mode = arguments.whole("min"), arguments.pair("slo"), arguments.text("mode")
    if any(asked is not None for asked in (least, slo, mode)):
        bounds = "--max 6" if least is None else f"--min {least} --max {max(least, 6)}"
        told = [bounds, f"--slo {objective_word(*slo)}" if slo else "", f"--mode {mode}" if mode else ""]
        hint = again(arguments, " ".join(filter(None, told)), "autoscale")
        raise UsageError("--min, --slo and --mode go with --max", hint=hint)
    if arguments.text("spares") == "auto":
        raise UsageError("--spares auto goes with --max", hint=again(arguments, "--max 6"))


def canonical(params: Params) -> Params:
    """Return the parameters of a `run` in the one form that its app is told in.

    Each host, path and name stands once and in its one spelling, hosts and paths without those that the app
    has anyway, variables with the last of their values.
    """
    name = str(params["name"])
    found = {
        "host": _beside(f"{name}.localhost", (host.lower() for host in _texts(params, "host"))),
        "path": _beside(f"/{name}", (path.rstrip("/") or path for path in _texts(params, "path"))),
        "env": list({word.partition("=")[0]: word for word in _texts(params, "env")}.values()),
        "reach": sorted(set(_texts(params, "reach"))),
        "secret": sorted(set(_texts(params, "secret"))),
    }
    return {key: value for key, value in {**params, **found}.items() if value or key not in found}


def _beside(own: str, words: Iterable[str]) -> list[str]:
    return [word for word in dict.fromkeys(words) if word != own]


def _texts(params: Params, key: str) -> list[str]:
    value = params.get(key)
    return value if isinstance(value, list) else []

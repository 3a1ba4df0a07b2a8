"""What the options of an app have to be to each other, be they of a command or of a file. Pure.

Here is what can be told before anything is made; what else an option may be, is told where it is used.
"""

from __future__ import annotations

from typing import Literal

from manager.api.arguments import Arguments
from manager.api.errors import UsageError


def require_agreement(arguments: Arguments) -> None:
    """Raise UsageError where the arguments of a `run` contradict each other."""
    port, protocol = port_of(arguments.text("port"))
    require_askable(arguments.text("health"), port, protocol)
    if arguments.texts("host") or arguments.texts("path"):
        require_http(arguments.text("name") or "", port, protocol)
    limit = arguments.whole("max")
    if limit is not None:
        require_bounds(arguments.whole("min") or 0, limit)


def port_of(word: str | None) -> tuple[int | None, Literal["http", "tcp"]]:
    """Return the number and the protocol of what -p says; without it there is no port."""
    if word is None:
        return None, "http"
    number, _, protocol = word.partition("/")
    return int(number), "tcp" if protocol == "tcp" else "http"


def require_askable(health: str | None, port: int | None, protocol: str) -> None:
    """Raise UsageError where workers with this port cannot be asked like this whether they are healthy."""
    if health in (None, "none"):
        return
    if port is None:
        raise UsageError("--health needs a port to ask on", hint=f"run -p 8000 --health {health} ...")
    if protocol == "tcp" and health != "tcp":
        raise UsageError("a tcp app has no paths to ask for", hint="run -p 9000/tcp --health tcp ...")


def require_http(name: str, port: int | None, protocol: str) -> None:
    """Raise UsageError where the app has no hosts and paths, since it is not for http."""
    if port is None or protocol == "tcp":
        raise UsageError("--host and --path are for http apps", hint=f"run -p 8000 {name} ...")


def require_bounds(least: int, limit: int) -> None:
    """Raise UsageError where no number of workers is within the bounds of an autoscaler."""
    if least > limit:
        raise UsageError(f"--min {least} is above --max {limit}", hint=f"autoscale web --max {least}")

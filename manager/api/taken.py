"""What the words of a `run` come to where several mean the same: one reading for manager and files. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from manager.api.typed import Params


def as_taken(params: Params) -> Params:
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

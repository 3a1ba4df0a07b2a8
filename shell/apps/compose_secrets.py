"""The secrets of a compose file, which the cloud keeps: what it calls them, and what is ignored. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def names(secrets: object) -> Mapping[str, str]:
    """Return what the cloud calls the secrets that have a name of their own, by those in the file."""
    return {name: str(keys["name"]) for name, keys in _tables(secrets) if keys.get("name") is not None}


def ignored(secrets: object, names: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each key that is ignored: no file or variable has a secret of the cloud."""
    for name, keys in _tables(secrets):
        for key, value in keys.items():
            if key in ("file", "environment"):
                kept = names.get(name, name)
                yield f"secrets {name} {key} is ignored: the cloud keeps it; secret set {kept} < FILE"
            elif key != "name" and not (key == "external" and isinstance(value, bool)):
                yield f"secrets {name} {key} is ignored"


def _tables(secrets: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    for name, keys in secrets.items() if isinstance(secrets, dict) else ():
        if isinstance(keys, dict):
            yield str(name), keys

"""A compose file as the tables of a file of apps: a service is an app, what does not map is named. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from manager.api import values
from manager.api.cite import cited
from manager.api.errors import UsageError
from shell.apps import compose_ports as ports
from shell.apps import yaml_file
from shell.apps.compose_service import IsFile, Service, Table, table_of
from shell.text.document import fields, words


@dataclass(frozen=True, slots=True)
class Services:
    """What a compose file asks for: a table of each app, by name, and a sentence for each key left out.

    env_files: what sets variables beside those of the table, as a path and whether it has to be there.
    """

    tables: Mapping[str, Table]
    ignored: Sequence[str]
    env_files: Mapping[str, Sequence[tuple[str, bool]]]


def read(text: str, variables: Mapping[str, str], is_file: IsFile, directory: str = "") -> Services:
    """Return what the file asks for; raises UsageError.

    variables: what its ${NAME}s are, and those that a service is given by name only.
    is_file: tells whether a path, meant from its directory, is a file.  directory: that, "" for the one here.
    """
    document = yaml_file.read(text, variables)
    services = document.get("services")
    if not isinstance(services, dict) or not services:
        raise UsageError("there are no services in it", hint="services: {web: {image: ..., command: ...}}")
    ignored = [f"{key} is ignored" for key in document if key not in ("services", "secrets")]
    secrets = _names_in_cloud(document.get("secrets"))
    found = [
        Service(_checked_name(str(name)), _mapping(name, keys), variables, is_file, secrets, directory)
        for name, keys in services.items()
    ]
    ports.require_apart({service.name: service.keys.get("ports") for service in found})
    ignored += _ignored_secrets(document.get("secrets"), secrets)
    tables = {service.name: table_of(service) for service in found}
    _require_reached(found, tables)
    ignored += [told for service in found for told in service.ignored]
    return Services(tables, ignored, {service.name: service.env_files for service in found})


def _checked_name(name: str) -> str:
    try:
        return values.app_name(name)
    except ValueError as error:
        told = f"the service {error}; {_possible(name)} would do"
        raise UsageError(told, hint="help files") from None


def _possible(name: str) -> str:
    """Return a name like this one that an app may have."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    possible = (plain if plain[:1].isalpha() else f"app-{plain}")[:30].strip("-")
    return f"{possible}-app" if possible in values.RESERVED_NAMES else possible


def _mapping(name: object, keys: object) -> Mapping[str, object]:
    if not isinstance(keys, dict):
        raise UsageError(
            f"the service {cited(name)} is no mapping", hint=f"{name}: {{image: ..., command: ...}}"
        )
    return keys


def _names_in_cloud(secrets: object) -> Mapping[str, str]:
    """Return what the cloud calls the secrets that have a name of their own, by those in the file."""
    return {name: str(keys["name"]) for name, keys in _secrets(secrets) if keys.get("name") is not None}


def _ignored_secrets(secrets: object, names: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each key that is ignored: no file or variable has a secret of the cloud."""
    for name, keys in _secrets(secrets):
        for key, value in keys.items():
            if key in ("file", "environment"):
                kept = names.get(name, name)
                yield f"secrets {name} {key} is ignored: the cloud keeps it; secret set {kept} < FILE"
            elif key != "name" and not (key == "external" and isinstance(value, bool)):
                yield f"secrets {name} {key} is ignored"


def _secrets(secrets: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    for name, keys in fields(secrets).items():
        if isinstance(keys, dict):
            yield name, keys


def _require_reached(services: Sequence[Service], tables: Mapping[str, Table]) -> None:
    """Raise UsageError when a service depends on one that is not in the file."""
    for service in services:
        for name in words(tables[service.name].get("reach")):
            if name not in tables:
                raise service.wrong("depends_on", f"there is no service {cited(name)} in it")

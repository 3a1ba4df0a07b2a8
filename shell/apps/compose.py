"""A compose file as the tables of a file of apps: what maps, what is ignored and why. Pure.

A service is an app. Of its ports the first is the app's; where the proxy listens is the cloud's to choose.
Services that it depends on are those that it reaches.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from manager.api import values
from manager.api.errors import UsageError
from shell.apps import compose_ports as ports
from shell.apps import compose_secrets as kept
from shell.apps import yaml_file
from shell.apps.scalars import word_of
from shell.files import is_here, is_path

Table = dict[str, object]
Handler = Callable[["_Service", object], Table]
IsFile = Callable[[str], bool]

_URL = re.compile(
    r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::[0-9]+)?(/[!-~]*?)?['\"]?(?:\s|$)"
)
_DURATION = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+(?:\.[0-9]+)?)s)?(?:([0-9]+)ms)?")
_SIZE = re.compile(r"([0-9.]+)\s*([bkmg]?)b?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Services:
    """What a compose file asks for: a table of each app, by name, and a sentence for each key left out.

    env_files: what sets variables beside those of the table, as a path and whether it has to be there.
    """

    tables: Mapping[str, Table]
    ignored: Sequence[str]
    env_files: Mapping[str, Sequence[tuple[str, bool]]]


@dataclass(slots=True)
class _Service:
    """One service while it is read.  secrets: what the cloud calls those that the file calls otherwise."""

    name: str
    keys: Mapping[str, object]
    variables: Mapping[str, str]
    is_file: IsFile
    secrets: Mapping[str, str]
    ignored: list[str] = field(default_factory=list)
    env_files: list[tuple[str, bool]] = field(default_factory=list)

    def ignore(self, key: str, why: str = "") -> None:
        self.ignored.append(f"{self.name}.{key} is ignored" + (f": {why}" if why else ""))

    def wrong(self, key: str, what: str, hint: str = "") -> UsageError:
        return UsageError(f"{self.name}.{key}: {what}", hint=hint or "help files")


def read(text: str, variables: Mapping[str, str], is_file: IsFile) -> Services:
    """Return what the file asks for; raises UsageError.

    variables: what its ${NAME}s are, and those that a service is given by name only.
    is_file: tells whether a path, meant from its directory, is a file.
    """
    document = yaml_file.read(text, variables)
    services = document.get("services")
    if not isinstance(services, dict) or not services:
        raise UsageError("there are no services in it", hint="services: {web: {image: ..., command: ...}}")
    ignored = [f"{key} is ignored" for key in document if key not in ("services", "secrets")]
    secrets = kept.names(document.get("secrets"))
    found = [
        _Service(_checked_name(str(name)), _mapping(name, keys), variables, is_file, secrets)
        for name, keys in services.items()
    ]
    ports.require_apart({service.name: service.keys.get("ports") for service in found})
    ignored += kept.ignored(document.get("secrets"), secrets)
    tables = {service.name: _table(service) for service in found}
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
        raise UsageError(f"the service {name!r} is no mapping", hint=f"{name}: {{image: ..., command: ...}}")
    return keys


def _table(service: _Service) -> Table:
    """Return the service as the table of an app."""
    for key, hint in _UNSUPPORTED.items():
        if key in service.keys and not (key == "build" and service.keys.get("image")):
            raise service.wrong(key, "this is not supported", hint.format(name=service.name))
    table: Table = {"command": _command(service)}
    for key, value in service.keys.items():
        if key in _HANDLERS:
            table |= _HANDLERS[key](service, value)
        elif key not in ("command", "entrypoint"):
            service.ignore(key, _WHY.get(key, ""))
    return table


def _command(service: _Service) -> list[str]:
    words = [*_words(service, "entrypoint"), *_words(service, "command")]
    if service.keys.get("entrypoint"):
        service.ignored.append(f"{service.name}.entrypoint stands behind the image's own, if it has one")
    if not words:
        raise service.wrong("command", "there is none, and what an image would run is not known here")
    if not (is_here(words[0]) and service.keys.get("image")):
        return words
    if service.is_file(words[0]):
        key = "entrypoint" if service.keys.get("entrypoint") else "command"
        service.ignored.append(f"{service.name}.{key} {words[0]} is copied from here")
        return words
    # meant inside the image, where `run` would take it for a file of this machine
    return ["sh", "-c", 'exec "$0" "$@"', *words]


def _words(service: _Service, key: str) -> list[str]:
    value = service.keys.get(key)
    try:
        if isinstance(value, list):
            return [word_of(word) for word in value]
        return shlex.split(word_of(value)) if value is not None else []
    except ValueError as error:
        raise service.wrong(key, str(error).lower()) from None


def _ports(service: _Service, value: object) -> Table:
    published = ports.of_service(service.name, value)
    usable = _usable(published)
    for told in ports.ranges_of(service.name, value):
        service.ignore(f"ports {told}", "it is a range, and an app has one port")
    for port in published:
        if port not in usable[:1]:
            service.ignore(f"ports {port.told}", "an app has one port, by tcp")
        elif port.published:
            service.ignore(f"ports {port.published}:", "the cloud chooses where the proxy listens; see apps")
    return {"port": f"{usable[0].target}/{usable[0].speaks}"} if usable else {}


def _usable(published: Sequence[ports.Port]) -> list[ports.Port]:
    """Return the ports that can be the app's, which is the first of them."""
    return [port for port in published if port.protocol == "tcp"]


def _require_reached(services: Sequence[_Service], tables: Mapping[str, Table]) -> None:
    """Raise UsageError when a service depends on one that is not in the file."""
    for service in services:
        reached = tables[service.name].get("reach")
        for name in reached if isinstance(reached, list) else ():
            if name not in tables:
                raise service.wrong("depends_on", f"there is no service {name!r} in it")


def _environment(service: _Service, value: object) -> Table:
    """Return the variables; one without a value has that of here, and is ignored where it has none."""
    pairs = value.items() if isinstance(value, dict) else _pairs(_list(service, "environment", value))
    given: dict[str, str] = {}
    for name, text in pairs:
        value_here = service.variables.get(str(name)) if text is None else text
        if value_here is None:
            service.ignore(f"environment {name}", "it has no value here")
        else:
            given[str(name)] = _word(service, f"environment {name}", value_here)
    return {"env": given} if given else {}


def _env_files(service: _Service, value: object) -> Table:
    """Note the files of variables, which are read where they are; the later one is above the earlier."""
    named = value if isinstance(value, list) else [value]
    for item in named if value is not None else ():
        keys = item if isinstance(item, dict) else {"path": item}
        path = _word(service, "env_file", keys.get("path"))
        service.env_files.append((path, keys.get("required") is not False))
        for key in keys:
            if key not in ("path", "required"):
                service.ignore(f"env_file {path} {key}")
    return {}


def _pairs(words: Sequence[object]) -> Iterator[tuple[str, str | None]]:
    for word in words:
        name, equals, text = str(word).partition("=")
        yield name, text if equals else None


def _word(service: _Service, key: str, value: object) -> str:
    try:
        return word_of(value)
    except ValueError as error:
        raise service.wrong(key, str(error)) from None


def _deploy(service: _Service, value: object) -> Table:
    if not isinstance(value, dict):
        raise service.wrong("deploy", "this is no mapping")
    table = {"workers": value["replicas"]} if "replicas" in value else {}
    resources = value.get("resources")
    limits = resources.get("limits") if isinstance(resources, dict) else None
    for key, limit in (limits if isinstance(limits, dict) else {}).items():
        if key in _LIMITS:
            table |= _LIMITS[key](service, limit)
        else:
            service.ignore(f"deploy.resources.limits.{key}")
    for key in resources if isinstance(resources, dict) else ():
        if key != "limits":
            service.ignore(f"deploy.resources.{key}")
    for key in value:
        if key not in ("replicas", "resources"):
            service.ignore(f"deploy.{key}")
    return table


def _secrets(service: _Service, value: object) -> Table:
    """Return the secrets of the cloud that it is given, by the names that it has them under."""
    named = _list(service, "secrets", value)
    return {"secret": [_source(service, each) for each in named]} if named else {}


def _source(service: _Service, secret: object) -> str:
    keys = secret if isinstance(secret, dict) else {"source": secret}
    source = _word(service, "secrets", keys.get("source", ""))
    name = service.secrets.get(source, source)
    for key, text in keys.items():
        if key != "source" and not (key == "target" and text in (name, f"/run/secrets/{name}")):
            service.ignore(f"secrets {name} {key}", f"it is /run/secrets/{name}")
    if name != source and "target" not in keys:
        service.ignored.append(f"{service.name}.secrets {source} is /run/secrets/{name} in its workers")
    return name


def _volumes(service: _Service, value: object) -> Table:
    """Return the files of here that are mounted, as copies; workers have no other volumes."""
    copies = []
    for volume in _list(service, "volumes", value):
        source, target = _mounted(volume)
        if target and is_path(source) and service.is_file(source):
            copies.append(f"{source}:{target}")
            service.ignored.append(f"{service.name}.volumes {source} is copied as it is now, and not mounted")
            for key in volume if isinstance(volume, dict) else ():
                if key not in ("type", "source", "target"):
                    service.ignore(f"volumes {source} {key}")
        else:
            service.ignore(f"volumes {source or target}".rstrip(), "workers are stateless; a file is copied")
    return {"copy": copies} if copies else {}


def _mounted(volume: object) -> tuple[str, str]:
    """Return what a volume is of and where it goes, "" where it does not say."""
    if isinstance(volume, dict):
        return str(volume.get("source", "")), str(volume.get("target", ""))
    source, _, rest = str(volume).partition(":")
    return source, rest.partition(":")[0]


def _memory(service: _Service, value: object) -> Table:
    found = _SIZE.fullmatch(str(value))
    if found is None:
        raise service.wrong("memory", f"{value!r} is not a size such as 512M")
    return {"memory": f"{found[1]}{found[2].upper().removeprefix('B')}"}


def _healthcheck(service: _Service, value: object) -> Table:
    """Return the health check that is most like it: the path that it asks for, or none."""
    if not isinstance(value, dict):
        raise service.wrong("healthcheck", "this is no mapping")
    for key in value:
        if key not in ("test", "disable"):
            service.ignore(f"healthcheck.{key}", "a worker is asked each second")
    test = value.get("test")
    words = " ".join(map(str, test)) if isinstance(test, list) else str(test or "")
    if value.get("disable") is True or words == "NONE":
        return {"health": "none"}
    url = _URL.search(words)
    if url is not None and _has_paths(service):
        return {"health": url[1] or "/"}
    if url is not None:
        service.ignore("healthcheck.test", "a path is asked for on the app's port, and it has none of http")
    elif words:
        service.ignore("healthcheck.test", "the manager asks workers from outside: /PATH, tcp or none")
    return {}


def _has_paths(service: _Service) -> bool:
    usable = _usable(ports.of_service(service.name, service.keys.get("ports")))
    return bool(usable) and usable[0].speaks == "http"


def _reach(service: _Service, value: object) -> Table:
    named = list(value) if isinstance(value, dict) else _list(service, "depends_on", value)
    return {"reach": [str(name).partition(":")[0] for name in named]}


def _restart(service: _Service, value: object) -> Table:
    return {"restart": "always" if value == "unless-stopped" else str(value)}


def _drain(service: _Service, value: object) -> Table:
    found = _DURATION.fullmatch(str(value))
    if found is None:
        raise service.wrong("stop_grace_period", f"{value!r} is not a duration such as 1m30s")
    hours, minutes, seconds, millis = (float(part or 0) for part in found.groups())
    return {"drain": f"{hours * 3600 + minutes * 60 + seconds + millis / 1000:g}s"}


def _pull(service: _Service, value: object) -> Table:
    return {"pull": value in ("always", "missing", "if_not_present")}


def _list(service: _Service, key: str, value: object) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise service.wrong(key, "this is no list")
    return value


def _as(option: str) -> Handler:
    """Return the handler of a key that is an option of `run` as it stands."""
    return lambda service, value: {option: value} if value is not None else {}


_LIMITS: Mapping[str, Handler] = {"cpus": _as("cpus"), "memory": _memory, "pids": _as("pids")}
_HANDLERS: Mapping[str, Handler] = {
    "image": _as("image"),
    "ports": _ports,
    "environment": _environment,
    "env_file": _env_files,
    "deploy": _deploy,
    "secrets": _secrets,
    "volumes": _volumes,
    "scale": _as("workers"),
    "cpus": _as("cpus"),
    "mem_limit": _memory,
    "pids_limit": _as("pids"),
    "user": _as("user"),
    "working_dir": _as("workdir"),
    "cap_add": _as("cap-add"),
    "read_only": _as("read-only"),
    "healthcheck": _healthcheck,
    "depends_on": _reach,
    "restart": _restart,
    "pull_policy": _pull,
    "stop_grace_period": _drain,
}
_UNSUPPORTED = {
    "build": "docker build -t {name} . && image: {name}",
    "extends": "docker compose config    (writes it out)",
}
_WHY = {
    "build": "it has an image",
    "container_name": "workers are called {app}.1, {app}.2",
    "networks": "depends_on tells which apps it reaches",
    "expose": "workers of apps that reach it get to every port",
}

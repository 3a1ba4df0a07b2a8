"""One service of a compose file as the table of an app: key by key, and what is ignored and why. Pure.

Of its ports the first is the app's; where the proxy listens is the cloud's to choose. Services that it
depends on are those that it reaches.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from manager.api.cite import cited
from manager.api.errors import UsageError
from shell.apps import compose_ports as ports
from shell.apps.entry import word_of
from shell.files import is_here, is_path
from shell.language.quoting import quote
from shell.text.document import fields

Table = dict[str, object]
Reading = Callable[["Service", object], Table]
IsFile = Callable[[str], bool]

_URL = re.compile(
    r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::[0-9]+)?(/[!-~]*?)?['\"]?(?:\s|$)"
)
_DURATION = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+(?:\.[0-9]+)?)s)?(?:([0-9]+)ms)?")
_RUNS = "{{json .Config.Entrypoint}} {{json .Config.Cmd}}"
_SIZE = re.compile(r"([0-9.]+)\s*([bkmg]?)b?", re.IGNORECASE)


@dataclass(slots=True)
class Service:
    """One service while it is read.

    secrets: what the cloud calls those that the file calls otherwise.  directory: where its paths begin.
    """

    name: str
    keys: Mapping[str, object]
    variables: Mapping[str, str]
    is_file: IsFile
    secrets: Mapping[str, str]
    directory: str
    ignored: list[str] = field(default_factory=list)
    env_files: list[tuple[str, bool]] = field(default_factory=list)

    def tell(self, told: str) -> None:
        """Note what else becomes of a key than its words say."""
        self.ignored.append(f"{self.name}.{told}")

    def ignore(self, key: str, why: str = "") -> None:
        self.tell(f"{key} is ignored" + (f": {why}" if why else ""))

    def ignore_others(self, keys: Iterable[str], known: Collection[str], within: str, why: str = "") -> None:
        """Ignore those of the keys within a key that are not known."""
        for key in keys:
            if key not in known:
                self.ignore(f"{within}{key}", why)

    def wrong(self, key: str, what: str, hint: str = "") -> UsageError:
        return UsageError(f"{self.name}.{key}: {what}", hint=hint or "help files")


def table_of(service: Service) -> Table:
    """Return the service as the table of an app."""
    for key, hint in _UNSUPPORTED.items():
        if key in service.keys and not (key == "build" and service.keys.get("image")):
            hint = hint.format(name=service.name, context=quote(_context(service)))
            raise service.wrong(key, "this is not supported", hint)
    table: Table = {"command": _command(service)}
    for key, value in service.keys.items():
        if key in _READINGS:
            table |= _READINGS[key](service, value)
        elif key not in ("command", "entrypoint"):
            service.ignore(key, _WHY.get(key, "").format(name=service.name))
    return table


def _command(service: Service) -> list[str]:
    words = [*_words(service, "entrypoint"), *_words(service, "command")]
    if service.keys.get("entrypoint"):
        service.tell("entrypoint stands behind the image's own, if it has one")
    if not words:
        told = "there is none, and what an image would run is not known here"
        image = service.keys.get("image")
        hint = f"docker image inspect -f '{_RUNS}' {quote(str(image))}" if image else ""
        raise service.wrong("command", told, hint)
    if not (is_here(words[0]) and service.keys.get("image")):
        return words
    if service.is_file(words[0]):
        key = "entrypoint" if service.keys.get("entrypoint") else "command"
        service.tell(f"{key} {words[0]} is copied from here")
        return words
    # meant inside the image, where `run` would take it for a file of this machine
    return ["sh", "-c", 'exec "$0" "$@"', *words]


def _context(service: Service) -> str:
    """Return the directory that the service's image is built from, as it is called here."""
    build = service.keys.get("build")
    context = str(fields(build).get("context", ".") if isinstance(build, dict) else build or ".")
    is_elsewhere = "://" in context or context.startswith("git@")  # what docker fetches
    there = service.directory and not is_elsewhere
    return os.path.normpath(os.path.join(service.directory, context)) if there else context


def _words(service: Service, key: str) -> list[str]:
    value = service.keys.get(key)
    try:
        if isinstance(value, list):
            return [word_of(word) for word in value]
        return shlex.split(word_of(value)) if value is not None else []
    except ValueError as error:
        raise service.wrong(key, str(error).lower()) from None


def _ports(service: Service, value: object) -> Table:
    published = ports.of_service(service.name, value)
    own = ports.of_app(published)
    for told in ports.ranges_of(service.name, value):
        service.ignore(f"ports {told}", "it is a range, and an app has one port")
    for port in published:
        if port != own:
            service.ignore(f"ports {port.told}", "an app has one port, by tcp")
        elif port.published:
            service.ignore(f"ports {port.published}:", "the cloud chooses where the proxy listens; see apps")
    return {"port": f"{own.target}/{own.speaks}"} if own else {}


def _environment(service: Service, value: object) -> Table:
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


def _env_files(service: Service, value: object) -> Table:
    """Note the files of variables, which are read where they are; the later one is above the earlier."""
    named = value if isinstance(value, list) else [value]
    for item in named if value is not None else ():
        keys = item if isinstance(item, dict) else {"path": item}
        path = _word(service, "env_file", keys.get("path"))
        service.env_files.append((path, keys.get("required") is not False))
        service.ignore_others(keys, ("path", "required"), f"env_file {path} ")
    return {}


def _pairs(words: Sequence[object]) -> Iterator[tuple[str, str | None]]:
    for word in words:
        name, equals, text = str(word).partition("=")
        yield name, text if equals else None


def _word(service: Service, key: str, value: object) -> str:
    try:
        return word_of(value)
    except ValueError as error:
        raise service.wrong(key, str(error)) from None


def _deploy(service: Service, value: object) -> Table:
    asked = _mapping(service, "deploy", value)
    table: Table = {"workers": asked["replicas"]} if "replicas" in asked else {}
    resources = fields(asked.get("resources"))
    for key, limit in fields(resources.get("limits")).items():
        if key in _LIMITS:
            table |= _LIMITS[key](service, limit)
        else:
            service.ignore(f"deploy.resources.limits.{key}")
    service.ignore_others(resources, ("limits",), "deploy.resources.")
    service.ignore_others(asked, ("replicas", "resources"), "deploy.")
    return table


def _secrets(service: Service, value: object) -> Table:
    """Return the secrets of the cloud that it is given, by the names that it has them under."""
    named = _list(service, "secrets", value)
    return {"secret": [_source(service, each) for each in named]} if named else {}


def _source(service: Service, secret: object) -> str:
    keys = secret if isinstance(secret, dict) else {"source": secret}
    source = _word(service, "secrets", keys.get("source", ""))
    name = service.secrets.get(source, source)
    for key, text in keys.items():
        if key != "source" and not (key == "target" and text in (name, f"/run/secrets/{name}")):
            service.ignore(f"secrets {name} {key}", f"it is /run/secrets/{name}")
    if name != source and "target" not in keys:
        service.tell(f"secrets {source} is /run/secrets/{name} in its workers")
    return name


def _volumes(service: Service, value: object) -> Table:
    """Return the files of here that are mounted, as copies; workers have no other volumes."""
    copies = []
    for volume in _list(service, "volumes", value):
        source, target = _mounted(volume)
        if target and is_path(source) and service.is_file(source):
            copies.append(f"{source}:{target}")
            service.tell(f"volumes {source} is copied as it is now, and not mounted")
            service.ignore_others(fields(volume), ("type", "source", "target"), f"volumes {source} ")
        else:
            service.ignore(f"volumes {source or target}".rstrip(), "workers are stateless; a file is copied")
    return {"copy": copies} if copies else {}


def _mounted(volume: object) -> tuple[str, str]:
    """Return what a volume is of and where it goes, "" where it does not say."""
    if isinstance(volume, dict):
        return str(volume.get("source", "")), str(volume.get("target", ""))
    source, _, rest = str(volume).partition(":")
    return source, rest.partition(":")[0]


def _memory(service: Service, value: object) -> Table:
    found = _SIZE.fullmatch(str(value))
    if found is None:
        raise service.wrong("memory", f"{cited(value)} is not a size such as 512M")
    return {"memory": f"{found[1]}{found[2].upper().removeprefix('B')}"}


def _healthcheck(service: Service, value: object) -> Table:
    """Return the health check that is most like it: the path that it asks for, or none."""
    check = _mapping(service, "healthcheck", value)
    service.ignore_others(check, ("test", "disable"), "healthcheck.", "a worker is asked each second")
    test = check.get("test")
    words = " ".join(map(str, test)) if isinstance(test, list) else str(test or "")
    if check.get("disable") is True or words == "NONE":
        return {"health": "none"}
    url = _URL.search(words)
    if url is not None and _has_paths(service):
        return {"health": url[1] or "/"}
    if url is not None:
        service.ignore("healthcheck.test", "a path is asked for on the app's port, and it has none of http")
    elif words:
        service.ignore("healthcheck.test", "the manager asks workers from outside: /PATH, tcp or none")
    return {}


def _has_paths(service: Service) -> bool:
    own = ports.of_app(ports.of_service(service.name, service.keys.get("ports")))
    return own is not None and own.speaks == "http"


def _reach(service: Service, value: object) -> Table:
    named = list(value) if isinstance(value, dict) else _list(service, "depends_on", value)
    return {"reach": [str(name).partition(":")[0] for name in named]}


def _restart(service: Service, value: object) -> Table:
    return {"restart": "always" if value == "unless-stopped" else str(value)}


def _drain(service: Service, value: object) -> Table:
    found = _DURATION.fullmatch(str(value))
    if found is None:
        raise service.wrong("stop_grace_period", f"{cited(value)} is not a duration such as 1m30s")
    hours, minutes, seconds, millis = (float(part or 0) for part in found.groups())
    return {"drain": f"{hours * 3600 + minutes * 60 + seconds + millis / 1000:g}s"}


def _pull(service: Service, value: object) -> Table:
    return {"pull": value in ("always", "missing", "if_not_present")}


def _mapping(service: Service, key: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise service.wrong(key, "this is no mapping")
    return value


def _list(service: Service, key: str, value: object) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise service.wrong(key, "this is no list")
    return value


def _as(option: str) -> Reading:
    """Return how a key is read that is an option of `run` as it stands."""
    return lambda service, value: {option: value} if value is not None else {}


_LIMITS: Mapping[str, Reading] = {"cpus": _as("cpus"), "memory": _memory, "pids": _as("pids")}
_READINGS: Mapping[str, Reading] = {
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
    "build": "docker build -t {name} {context}    (and `image: {name}` beside build)",
    "extends": "docker compose config    (writes it out)",
}
_WHY = {
    "build": "it has an image",
    "container_name": "workers are called {name}.1, {name}.2",
    "networks": "depends_on tells which apps it reaches",
    "expose": "workers of apps that reach it get to every port",
}

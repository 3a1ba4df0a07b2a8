"""What workers are made from, and how the options of `run` and `update` ask for it; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from balancer.routes import check_health_path
from manager.api.agreement import again, port_of, require_askable
from manager.api.arguments import Arguments
from manager.api.errors import UsageError
from manager.api.values import BASE_IMAGE
from manager.state.guards import require_port, require_word

DEFAULT_MEMORY_BYTES = 512 * 2**20  # every worker has a limit, so that none takes the machine down
COPY_DIRECTORY = "/app"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Mount:
    """A file of this host, named by its content's sha256, at a path inside the workers."""

    sha256: str
    path: str

    def __post_init__(self) -> None:
        require_word(_SHA256, self.sha256, "no sha256")


@dataclass(frozen=True, slots=True)
class Health:
    """What tells that a worker is healthy.

    http: any answer below 500 to GET path.  path: 2xx or 3xx to GET path.  tcp: a connect.  none: it runs.
    """

    kind: Literal["http", "path", "tcp", "none"]
    path: str = "/"

    def __post_init__(self) -> None:
        if fault := check_health_path(self.path):
            raise ValueError(fault)


@dataclass(frozen=True, slots=True)
class Template:
    """What every worker of one revision is made from.  reach: the apps that its workers may connect to.

    secrets: their names; what they hold is in no record.  workdir: None for the usual one.
    """

    command: tuple[str, ...]
    image: str
    mounts: tuple[Mount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    protocol: Literal["http", "tcp"] = "http"
    health: Health = Health("none")
    cpus: float | None = None
    memory_bytes: int = DEFAULT_MEMORY_BYTES
    pids: int = 512
    user: str | None = None
    workdir: str | None = None
    cap_add: tuple[str, ...] = ()
    read_only: bool = False
    egress: bool = False
    reach: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    restart: str = "always"
    drain_s: float = 10.0

    def __post_init__(self) -> None:
        require_port(self.port)

    @property
    def is_http(self) -> bool:
        """Whether the proxy sends requests of http to it."""
        return self.port is not None and self.protocol == "http"

    @property
    def is_tcp(self) -> bool:
        """Whether the proxy hands it connections, which come in at a port of its own."""
        return self.port is not None and self.protocol == "tcp"

    @property
    def copies_program(self) -> bool:
        """Whether the program was copied in; any other is the image's."""
        return any(self.command[:1] == (mount.path,) for mount in self.mounts)

    @property
    def directory(self) -> str | None:
        """Return where the command begins: beside a copied program, where its other files are.

        None for the image's own directory.
        """
        beside = self.copies_program and self.command[0].startswith(f"{COPY_DIRECTORY}/")
        return self.workdir or (COPY_DIRECTORY if beside else None)


def bare(template: Template) -> Template:
    """Return the template with its command and its copied files, all else as for a new app."""
    return Template(command=template.command, image=BASE_IMAGE, mounts=template.mounts)


def wanted_template(arguments: Arguments, base: Template) -> Template:
    """Return the template that the arguments ask for, with the base's values where they say nothing."""
    asked_port = arguments.text("port")
    port, protocol = port_of(asked_port, base.protocol) if asked_port else (base.port, base.protocol)
    asked_health = arguments.text("health")
    same_kind = (port is None, protocol) == (base.port is None, base.protocol)
    health = base.health if asked_health is None and same_kind else _health(arguments, port, protocol)
    drain_s = arguments.number("drain")
    return replace(
        base,
        command=arguments.texts("command") or base.command,
        image=arguments.text("image") or base.image,
        environment=_environment(arguments, base.environment),
        port=port,
        protocol=protocol,
        health=health,
        cpus=arguments.number("cpus") or base.cpus,
        memory_bytes=arguments.whole("memory") or base.memory_bytes,
        pids=arguments.whole("pids") or base.pids,
        user=arguments.text("user") or base.user,
        workdir=arguments.text("workdir") or base.workdir,
        cap_add=arguments.texts("cap_add") or base.cap_add,
        read_only=arguments.flag("read_only") or base.read_only,
        egress=_egress(arguments, base),
        reach=_names(arguments, "reach", base.reach),
        secrets=_names(arguments, "secret", base.secrets),
        restart=arguments.text("restart") or base.restart,
        drain_s=base.drain_s if drain_s is None else drain_s,
    )


def require_values(arguments: Arguments) -> None:
    """Raise UsageError for variables that only who asks could give their values."""
    if arguments.texts("env_file") or (bare := [w for w in arguments.texts("env") if "=" not in w]):
        named = "--env-file" if arguments.texts("env_file") else f"--env {bare[0]}"
        raise UsageError(f"{named}: the shell gives the values", hint="-e NAME=VALUE")


def _environment(arguments: Arguments, base: Mapping[str, str]) -> Mapping[str, str]:
    require_values(arguments)
    given = dict(word.split("=", 1) for word in arguments.texts("env"))
    taken = arguments.texts("no_env")
    return {name: value for name, value in {**base, **given}.items() if name not in taken}


def _egress(arguments: Arguments, base: Template) -> bool:
    return arguments.flag("egress") or (base.egress and not arguments.flag("no_egress"))


def _names(arguments: Arguments, option: str, base: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that an option gives, which --no-OPTION takes back."""
    named = tuple(sorted(set(arguments.texts(option))))
    return () if arguments.flag(f"no_{option}") else named or base


def _health(arguments: Arguments, port: int | None, protocol: str) -> Health:
    word = arguments.text("health")
    require_askable(arguments, word, port, protocol)
    if port is None or word == "none":
        return Health("none")
    if word == "tcp" or protocol == "tcp":
        return Health("tcp")
    if word is None:
        return Health("http")
    try:
        return Health("path", word)
    except ValueError as error:
        raise UsageError(f"--health {error}", hint=again(arguments, f"-p {port} --health /healthz")) from None

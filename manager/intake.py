"""A new app from the arguments of `run`: its files are taken in, the image is looked into, all is checked.

Nothing is stored here and no worker is touched: what is refused leaves nothing behind.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal

from balancer.routes import check_host, check_path, default_hosts, default_paths
from manager.api.arguments import Arguments
from manager.api.errors import AppExists, CloudError, ImageNotFound, RouteTaken, UsageError
from manager.api.values import absolute_path
from manager.engine.contract import Engine, ImageFiles
from manager.model import AppSpec, Autoscale, Health, Mount, Template
from manager.parts import BASE_IMAGE
from manager.programs.check import check, resolve_command
from manager.programs.store import Programs
from manager.secrets import INSIDE, Secrets
from manager.wiring import HOSTS
from manager.wishes import autoscaled, free_number

COPY_DIRECTORY = "/app"

Role = Literal["command", "copy"]


@dataclass(frozen=True, slots=True)
class OfferedFile:
    """A file that a client handed over: the word it stands for, what for, and its open descriptor."""

    word: str
    role: Role
    destination: str
    descriptor: int


def offered_files(listed: object, descriptors: Sequence[int]) -> list[OfferedFile]:
    """Return the files that came with a request; raises UsageError when list and descriptors differ."""
    items = listed if isinstance(listed, list) else []
    if len(items) != len(descriptors):
        raise UsageError(f"{len(items)} files are announced and {len(descriptors)} came", hint="help run")
    return [_offered(item, descriptor) for item, descriptor in zip(items, descriptors, strict=True)]


def _offered(item: object, descriptor: int) -> OfferedFile:
    match item:
        case {"word": str(word), "role": "command"}:
            return OfferedFile(word, "command", f"{COPY_DIRECTORY}/{PurePosixPath(word).name}", descriptor)
        case {"word": str(word), "role": "copy", **rest}:
            destination = str(rest.get("destination") or f"{COPY_DIRECTORY}/{PurePosixPath(word).name}")
            try:
                return OfferedFile(word, "copy", absolute_path(destination), descriptor)
            except ValueError as error:
                raise UsageError(f"--copy {word}: {error}", hint=f"--copy {word}:/app/file") from None
        case _:
            raise UsageError('a file is {"word":"./x","role":"command|copy"}', hint="help run")


@dataclass(frozen=True, slots=True)
class Intake:
    """Makes specs of new apps."""

    engine: Engine
    programs: Programs
    secrets: Secrets

    def template(
        self,
        arguments: Arguments,
        files: Sequence[OfferedFile],
        told: Callable[[str], None],
        base: Template | None = None,
    ) -> Template:
        """Return what the workers are made from, its files taken in and checked against the image.

        base: what stands where the arguments say nothing (an update); None for a new app.  told: hears how
        far an image is that is pulled.  Raises UsageError, ImageNotFound, SecretNotFound, EngineError or
        ProgramRejected.
        """
        wanted = wanted_template(arguments, base or Template(command=(), image=BASE_IMAGE))
        self.secrets.require(wanted.secrets)
        if arguments.flag("pull") and not arguments.flag("dry_run"):
            self._pull_missing(wanted.image, told)
        with self.engine.images.open(wanted.image) as image:
            return self._with_files(wanted, files, image)

    def _pull_missing(self, image: str, told: Callable[[str], None]) -> None:
        try:
            self.engine.images.details(image)
        except ImageNotFound:
            told(f"pulling {image}")
            self.engine.images.pull(image, told)

    def _with_files(self, wanted: Template, files: Sequence[OfferedFile], image: ImageFiles) -> Template:
        """Return the template with its mounts, its command as it is in the workers."""
        word = wanted.command[0]
        copies = [file for file in files if file.role == "copy"]
        own = next((file for file in files if file.role == "command" and file.word == word), None)
        if own is not None and word.startswith("/") and image.mode(word) is not None:
            own = None  # the image's own file comes first
        if own is not None and word.startswith("/"):
            own = replace(own, destination=word)
        targets = [file.destination for file in (*copies, *([own] if own else []))]
        if len(set(targets)) < len(targets):
            raise UsageError(f"two files would be {_twice(targets)} in the workers", hint="help run")
        mounts = [mount for mount in wanted.mounts if mount.path not in targets]
        targets += [mount.path for mount in mounts]
        _require_own(wanted, targets)
        mounts += [self._taken(file, image, targets, executable=False) for file in copies]
        if own is None:
            resolve_command(word, image, targets)
            return replace(wanted, mounts=tuple(mounts))
        mounts.append(self._taken(own, image, targets, executable=True))
        return replace(wanted, mounts=tuple(mounts), command=(own.destination, *wanted.command[1:]))

    def _taken(
        self, file: OfferedFile, image: ImageFiles, targets: Collection[str], *, executable: bool
    ) -> Mount:
        program = self.programs.take(file.descriptor, file.word, executable=executable)
        if executable:
            with (
                program.path.open("rb") as taken,
                mmap.mmap(taken.fileno(), 0, prot=mmap.PROT_READ) as contents,
            ):
                check(contents, file.word, file.destination, image, targets)
        return Mount(program.sha256, file.destination)


def bare(template: Template) -> Template:
    """Return the template with its command and its copied files, all else as for a new app."""
    return Template(command=template.command, image=BASE_IMAGE, mounts=template.mounts)


def wanted_template(arguments: Arguments, base: Template) -> Template:
    """Return the template that the arguments ask for, with the base's values where they say nothing."""
    port, protocol = _port(arguments.text("port")) if arguments.text("port") else (base.port, base.protocol)
    asked_health = arguments.text("health")
    same_port = (port, protocol) == (base.port, base.protocol)
    health = base.health if asked_health is None and same_port else _health(asked_health, port, protocol)
    return replace(
        base,
        command=arguments.texts("command") or base.command,
        image=arguments.text("image") or base.image,
        environment={**base.environment, **dict(_pair(word) for word in arguments.texts("env"))},
        port=port,
        protocol=protocol,
        health=health,
        cpus=arguments.number("cpus") or base.cpus,
        memory_bytes=arguments.whole("memory") or base.memory_bytes,
        pids=arguments.whole("pids") or base.pids,
        user=arguments.text("user") or base.user,
        cap_add=arguments.texts("cap_add") or base.cap_add,
        read_only=arguments.flag("read_only") or base.read_only,
        egress=_egress(arguments, base),
        reach=_names(arguments, "reach", base.reach),
        secrets=_names(arguments, "secret", base.secrets),
        restart=arguments.text("restart") or base.restart,
        drain_s=_or(arguments.number("drain"), base.drain_s),
    )


def _egress(arguments: Arguments, base: Template) -> bool:
    if arguments.flag("egress") and arguments.flag("no_egress"):
        raise UsageError("--egress and --no-egress contradict each other", hint="help update")
    return arguments.flag("egress") or (base.egress and not arguments.flag("no_egress"))


def _names(arguments: Arguments, option: str, base: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that an option gives, which --no-OPTION takes back."""
    named, none = tuple(sorted(set(arguments.texts(option)))), arguments.flag(f"no_{option}")
    if named and none:
        raise UsageError(f"--{option} and --no-{option} contradict each other", hint="help update")
    return () if none else named or base


def _require_own(wanted: Template, targets: Collection[str]) -> None:
    """Raises UsageError when a file would be copied to where the cloud puts its own."""
    inside = [
        target
        for target in targets
        if wanted.secrets and PurePosixPath(INSIDE) in PurePosixPath(target).parents
    ]
    if inside:
        raise UsageError(
            f"with --secret {INSIDE} has secrets only, so {inside[0]} cannot be there", hint="help run"
        )
    if wanted.reach and PurePosixPath(HOSTS) in map(PurePosixPath, targets):
        raise UsageError(
            f"with --reach the cloud writes {HOSTS} itself, so no file can be copied there", hint="help run"
        )


def _twice(targets: Sequence[str]) -> str:
    return next(target for target in targets if targets.count(target) > 1)


def _or(number: float | None, default: float) -> float:
    return default if number is None else number


def _pair(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value


def _port(word: str | None) -> tuple[int | None, Literal["http", "tcp"]]:
    if word is None:
        return None, "http"
    number, _, protocol = word.partition("/")
    return int(number), "tcp" if protocol == "tcp" else "http"


def _health(word: str | None, port: int | None, protocol: str) -> Health:
    if port is None:
        if word not in (None, "none"):
            raise UsageError("--health needs a port to ask on", hint=f"run -p 8000 --health {word} ...")
        return Health("none")
    if word is None:
        return Health("http") if protocol == "http" else Health("tcp")
    if word in ("tcp", "none"):
        return Health("tcp" if word == "tcp" else "none")
    if protocol == "tcp":
        raise UsageError("a tcp app has no paths to ask for", hint="run -p 9000/tcp --health tcp ...")
    return Health("path", word)


def new_app(
    specs: Mapping[str, AppSpec], arguments: Arguments, template: Template, tcp_ports: range, now: float
) -> AppSpec:
    """Return the spec of a new app among those there are.

    Raises AppExists, RouteTaken, UsageError, or CloudError when every tcp port is taken.
    """
    name = arguments.text("name") or ""
    if name in specs:
        if specs[name].removing:
            raise AppExists(f"{name} is still being removed", hint=f"wait {name} gone")
        raise AppExists(f"an app is named {name} already", hint=f"rm {name} -y    (or: scale {name}=3)")
    hosts, paths = _addresses(name, arguments, template)
    _require_free(specs, hosts, paths)
    workers = arguments.whole("workers")
    policy = autoscale_policy(arguments, None)
    spec = AppSpec(
        name=name,
        number=free_number(specs),
        revision=1,
        template=template,
        want=1 if workers is None else workers,
        created_at=now,
        hosts=hosts,
        paths=paths,
        tcp_port=_free_tcp_port(specs, tcp_ports) if template.port and template.protocol == "tcp" else None,
        spares=arguments.whole("spares") or 0,
    )
    return spec if policy is None else autoscaled(spec, policy)


def autoscale_policy(arguments: Arguments, base: Autoscale | None) -> Autoscale | None:
    """Return the policy that --max, --min, --slo and --mode ask for, over what there was.

    None when there was none and no --max is given.  Raises UsageError.
    """
    limit = arguments.whole("max") or (base.max if base else None)
    least = arguments.whole("min")
    if limit is None:
        if least is not None or arguments.pair("slo") is not None:
            raise UsageError("--min and --slo go with --max", hint="autoscale web --max 6")
        return None
    limit_s, share = arguments.pair("slo") or ((base.slo_s, base.slo_share) if base else (0.25, 0.95))
    low = least if least is not None else (base.min if base else 1)
    if low > limit:
        raise UsageError(f"--min {low} is above --max {limit}", hint=f"autoscale web --max {low}")
    mode = arguments.text("mode") or (base.mode if base else "on")
    return Autoscale(low, limit, limit_s, share, "recommend" if mode == "recommend" else "on")


def _addresses(
    name: str, arguments: Arguments, template: Template
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the hosts and paths of the app's route: its own, and those that were asked for."""
    hosts = tuple(host.lower() for host in arguments.texts("host"))
    paths = tuple(path.rstrip("/") or path for path in arguments.texts("path"))
    if template.port is None or template.protocol == "tcp":
        if hosts or paths:
            raise UsageError("--host and --path are for http apps", hint=f"run -p 8000 {name} ...")
        return (), ()
    for host in hosts:
        if fault := check_host(host):
            raise UsageError(f"--host {host[:60]!r}: {fault}", hint=f"--host {name}.example.org")
    for path in paths:
        if fault := check_path(path):
            raise UsageError(f"--path {path[:60]!r}: {fault}", hint=f"--path /{name}")
    return _unique(default_hosts(name), hosts), _unique(default_paths(name), paths)


def reinstated(specs: Mapping[str, AppSpec], spec: AppSpec, tcp_ports: range) -> AppSpec:
    """Return the spec of an app that was removed, with a mark and a tcp port that are free now.

    Raises RouteTaken when another app has got its route.
    """
    _require_free(specs, spec.hosts, spec.paths)
    tcp_port = spec.tcp_port and _free_tcp_port(specs, tcp_ports)
    return replace(spec, number=free_number(specs), tcp_port=tcp_port)


def readdressed(
    specs: Mapping[str, AppSpec], spec: AppSpec, arguments: Arguments, template: Template, tcp_ports: range
) -> AppSpec:
    """Return the spec with the addresses that its new template and the arguments give it.

    Raises RouteTaken or UsageError.
    """
    others = {name: other for name, other in specs.items() if name != spec.name}
    hosts, paths = _addresses(spec.name, arguments, template)
    http = template.port is not None and template.protocol == "http"
    hosts, paths = (_unique(spec.hosts, hosts), _unique(spec.paths, paths)) if http else ((), ())
    _require_free(others, hosts, paths)
    tcp = template.port is not None and template.protocol == "tcp"
    tcp_port = (spec.tcp_port or _free_tcp_port(others, tcp_ports)) if tcp else None
    return replace(spec, hosts=hosts, paths=paths, tcp_port=tcp_port)


def _unique(first: tuple[str, ...], then: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *then)))


def _require_free(specs: Mapping[str, AppSpec], hosts: Collection[str], paths: Collection[str]) -> None:
    for spec in specs.values():
        taken = next((route for route in (*hosts, *paths) if route in (*spec.hosts, *spec.paths)), None)
        if taken is not None:
            raise RouteTaken(f"{spec.name} has the route {taken} already", hint=f"routes {spec.name}")


def _free_tcp_port(specs: Mapping[str, AppSpec], tcp_ports: range) -> int:
    taken = {spec.tcp_port for spec in specs.values()}
    free = next((port for port in tcp_ports if port not in taken), None)
    if free is None:
        raise CloudError(
            f"every tcp port ({tcp_ports[0]}-{tcp_ports[-1]}) has an app", hint="apps    (rm one of them)"
        )
    return free

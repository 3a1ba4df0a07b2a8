"""What workers are made from, as the options of `run` and `update` ask for it; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from manager.api.agreement import again, port_of, require_askable
from manager.api.arguments import Arguments
from manager.api.errors import UsageError
from manager.api.values import BASE_IMAGE
from manager.state.model import Health, Template


def bare(template: Template) -> Template:
    """Return the template with its command and its copied files, all else as for a new app."""
    return Template(command=template.command, image=BASE_IMAGE, mounts=template.mounts)


def wanted_template(arguments: Arguments, base: Template) -> Template:
    """Return the template that the arguments ask for, with the base's values where they say nothing."""
    asked_port = arguments.text("port")
    port, protocol = port_of(asked_port) if asked_port else (base.port, base.protocol)
    asked_health = arguments.text("health")
    same_kind = (port is None, protocol) == (base.port is None, base.protocol)
    health = base.health if asked_health is None and same_kind else _health(arguments, port, protocol)
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
        drain_s=_or(arguments.number("drain"), base.drain_s),
    )


def require_values(arguments: Arguments) -> None:
    """Raise UsageError for variables that only who asks could give their values."""
    if arguments.texts("env_file") or (bare := [w for w in arguments.texts("env") if "=" not in w]):
        named = "--env-file" if arguments.texts("env_file") else f"--env {bare[0]}"
        raise UsageError(f"{named}: the shell gives the values", hint="-e NAME=VALUE")


def _environment(arguments: Arguments, base: Mapping[str, str]) -> Mapping[str, str]:
    require_values(arguments)
    given, taken = dict(map(_pair, arguments.texts("env"))), arguments.texts("no_env")
    if both := next((name for name in taken if name in given), None):
        raise UsageError(f"--env {both} and --no-env {both} contradict each other", hint="help update")
    return {name: value for name, value in {**base, **given}.items() if name not in taken}


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


def _or(number: float | None, default: float) -> float:
    return default if number is None else number


def _pair(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value


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

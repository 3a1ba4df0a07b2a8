"""What the arguments of a command have to be to each other: the one place where its form is judged. Pure.

`bind` checks each of them by itself. Here is what else is refused for the words alone, whatever there is: the
shell asks before anything of a script runs, and the manager when a request arrives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from manager.api.addresses import members_of
from manager.api.agreement import (
    port_of,
    require_agreement,
    require_askable,
    require_bounds,
    require_http,
)
from manager.api.amounts import scale_changes
from manager.api.arguments import Arguments
from manager.api.cite import cited
from manager.api.copying import copy_of
from manager.api.errors import NotAllowed, UsageError

_ETCD_FILES = "--etcd-ca ca.pem --etcd-cert client.pem --etcd-key client.key"
ETCD_EXAMPLE = f"simplecloud up --etcd https://10.0.0.5:2379 {_ETCD_FILES}"
_POLICY = ("max", "min", "mode", "slo")
_TAKEN_BACK = ("egress", "reach", "secret")


def require_form(verb: str, arguments: Arguments) -> None:
    """Raise UsageError where the arguments of a command contradict each other, or lack one."""
    judge = JUDGES.get(verb)
    if judge is not None:
        judge(arguments)


def _update(arguments: Arguments) -> None:
    given = {word.partition("=")[0] for word in arguments.texts("env")}
    if both := next((name for name in arguments.texts("no_env") if name in given), None):
        raise UsageError(f"--env {both} and --no-env {both} contradict each other", hint="help update")
    for option in _TAKEN_BACK:
        if arguments.values.get(option) and arguments.flag(f"no_{option}"):
            raise UsageError(f"--{option} and --no-{option} contradict each other", hint="help update")
    asked_port = arguments.text("port")
    if asked_port is None or "/" not in asked_port:
        return  # the app keeps its port, or the protocol
    port, protocol = port_of(asked_port)
    require_askable(arguments, arguments.text("health"), port, protocol)
    if arguments.texts("host") or arguments.texts("path"):
        require_http(arguments, port, protocol)


def _scale(arguments: Arguments) -> None:
    scale_changes(arguments.texts("change"))


def _autoscale(arguments: Arguments) -> None:
    name, asked = arguments.text("app"), [key for key in _POLICY if key in arguments.values]
    if name is None and (asked or arguments.text("state")):
        raise UsageError("autoscale: of which app?", hint="autoscale web --max 6")
    if asked and arguments.text("state") == "off":
        raise UsageError(f"off takes no --{asked[0]}", hint=f"autoscale {name} off")
    _require_order(arguments, "autoscale")


def _whatif(arguments: Arguments) -> None:
    _require_order(arguments, "whatif")


def _require_order(arguments: Arguments, verb: str) -> None:
    least, most = arguments.whole("min"), arguments.whole("max")
    if least is not None and most is not None:
        require_bounds(arguments, least, most, verb)


def _secret(arguments: Arguments) -> None:
    action, name = arguments.text("action"), arguments.text("name")
    if action == "ls" and name is not None:
        raise UsageError("secret ls takes no name", hint=f"secret ls --filter name={name}")
    if action != "ls" and name is None:
        hint = "secret set db-password" if action == "set" else "secret ls"
        raise UsageError(f"secret {action}: which one?", hint=hint)


def _crash(arguments: Arguments) -> None:
    part, number = arguments.text("part"), arguments.whole("n")
    if arguments.flag("prove") and (part != "manager" or number is not None):
        raise UsageError("crash: --prove is for the manager", hint="crash manager --prove", at=0)
    if number is not None and part != "etcd":
        raise UsageError(f"only members of etcd have a number, not {part}", hint=f"crash {part} -y")


def _cp(arguments: Arguments) -> None:
    with suppress(NotAllowed):  # no matter of form
        copy_of(arguments.text("src") or "", arguments.text("dst") or "")


def _load(arguments: Arguments) -> None:
    if arguments.number("rps") is not None and arguments.pair("ramp") is not None:
        raise UsageError(
            "load: either --rps or --ramp", hint=f"load {arguments.text('app')} --rps 50 --for 10s"
        )


def _logs(arguments: Arguments) -> None:
    import warnings  # only here: the shell begins sooner without

    expression = arguments.text("grep") or ""
    try:
        with warnings.catch_warnings(action="ignore"):  # of `[[x]`, which other versions may read differently
            re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:  # `a{99999999999}`; parentheses without end
        told = f"--grep: {cited(expression)} is no regular expression: {error}"
        raise UsageError(told, hint="help logs", word=expression) from None


def _backup(arguments: Arguments) -> None:
    if arguments.text("file") == "-":
        told = "backup writes a file, and nothing to standard output"
        raise UsageError(told, hint="backup cloud.backup", word="-")


def _up(arguments: Arguments) -> None:
    files = [name for name in ("ca", "cert", "key") if arguments.text(f"etcd_{name}") is not None]
    require_etcd(arguments.text("etcd"), files)


def require_etcd(urls: str | None, files: Collection[str]) -> None:
    """Raise UsageError where the URLs of an etcd and the files for it do not go together."""
    if urls is None:
        if files:
            raise UsageError(f"--etcd-{next(iter(files))} goes with --etcd", hint="simplecloud help up")
        return
    scheme, _ = members_of(urls)
    if scheme == "http" and files:
        raise UsageError(f"--etcd-{next(iter(files))} needs an https:// address", hint=ETCD_EXAMPLE)
    if scheme == "https" and "ca" not in files:
        raise UsageError("--etcd https://... needs --etcd-ca", hint=ETCD_EXAMPLE)
    if ("cert" in files) != ("key" in files):
        raise UsageError("--etcd-cert and --etcd-key go together", hint=ETCD_EXAMPLE)


def _of_a_file(verb: str) -> Callable[[Arguments], None]:
    def judge(arguments: Arguments) -> None:
        if arguments.text("file") is None:
            raise UsageError(f"{verb} needs a file", hint=f"{verb} -f apps.toml")

    return judge


JUDGES: Mapping[str, Callable[[Arguments], None]] = {
    "run": require_agreement,
    "update": _update,
    "scale": _scale,
    "autoscale": _autoscale,
    "whatif": _whatif,
    "secret": _secret,
    "crash": _crash,
    "cp": _cp,
    "load": _load,
    "logs": _logs,
    "backup": _backup,
    "apply": _of_a_file("apply"),
    "diff": _of_a_file("diff"),
    "up": _up,
}

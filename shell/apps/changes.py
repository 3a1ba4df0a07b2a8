"""What of an app is not as a file wants it, and the commands that make it so. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from manager.api.arguments import bind, option_words
from manager.api.command import Option
from manager.api.commands import known
from manager.api.errors import CloudError
from manager.api.typed import Param, Params
from shell.apps.entry import OPTIONS, RUN, SCALING, Entry, usual_beside
from shell.files import in_app, is_here

_TEMPLATE = {option.key for option in known("update").options} & {option.key for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class Difference:
    """One option of an app that the file wants otherwise; "" where it is not set."""

    option: str
    now: str
    wanted: str


def differences(current: Entry, wanted: Entry, own: Mapping[str, str], usual: Params) -> list[Difference]:
    """Return what of the app is not as wanted.  own: the files here that it copies, as sha256 by path."""
    before, after = _complete(current.params, usual), _complete(wanted.params, usual)
    found = [
        Difference(option.name, _shown(before.get(option.key)), _shown(after.get(option.key)))
        for option in OPTIONS
        if option.key in _compared(current, wanted) and _value(before, option) != _value(after, option)
    ]
    if current.command != _inside(wanted.command):
        found.append(Difference("command", _shown(current.command), _shown(_inside(wanted.command))))
    for path, sha256 in {**wanted.files, **own}.items():
        if current.files.get(path) != sha256:
            found.append(Difference(path, current.files.get(path, "")[:12], sha256[:12]))
    return found


def _compared(current: Entry, wanted: Entry) -> Collection[str]:
    """Return the options that can differ: a number of workers stays unless it is asked for, by hand."""
    keys = {option.key for option in OPTIONS} - {"copy", "pull"}
    by_hand = "workers" in wanted.params and "max" not in wanted.params and "workers" in current.params
    return keys if by_hand else keys - {"workers"}


def _complete(params: Params, usual: Params) -> Params:
    """Return the parameters with what is usual, and without a health check that goes with the port."""
    complete = {**usual_beside(params, usual), **params}
    port = str(complete.get("port", ""))
    if complete.get("health") == ("none" if not port else "tcp" if port.endswith("/tcp") else None):
        complete.pop("health", None)
    return complete


def _value(params: Params, option: Option) -> object:
    """Return what the words of an option mean, so that 1024M is 1G."""
    given = params.get(option.key)
    if not given:
        return None
    found = bind(RUN, {option.key: given, "name": "x", "command": ["x"]}).values.get(option.key)
    return sorted(map(str, found)) if isinstance(found, tuple) and option.many else found


def _inside(command: Sequence[str]) -> list[str]:
    """Return the command as it is in the workers: a file of this machine is in /app there."""
    first = in_app(command[0]) if is_here(command[0]) else command[0]
    return [first, *command[1:]]


def _shown(value: Param | None) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return "yes" if value is True else str(value or "")


def commands(current: Entry | None, wanted: Entry, own: Mapping[str, str], usual: Params) -> list[list[str]]:
    """Return the commands that make the app as wanted, none when it is; as words.

    Raises CloudError when it needs a file that neither this machine nor the app has.
    """
    _require_files(current, wanted, own)
    if current is None:
        return [["run", *_words(wanted.params, [o.key for o in OPTIONS]), *_called(wanted)]]
    options = {difference.option.replace("-", "_") for difference in differences(current, wanted, own, usual)}
    found = []
    if options - _by_scaling(current, wanted):
        found.append(["update", "--reset", *_words(wanted.params, _TEMPLATE), *_called(wanted)])
    if options & {*SCALING}:
        found.append(_scaling(wanted, options, usual))
    if "workers" in options:
        found.append(["scale", f"{wanted.name}={wanted.params['workers']}"])
    return found


def _by_scaling(current: Entry, wanted: Entry) -> set[str]:
    """Return the options that another way of scaling brings with it."""
    changes = ("max" in current.params) != ("max" in wanted.params)
    return {"workers", *SCALING, *(["spares"] if changes and "spares" not in wanted.params else [])}


def _scaling(wanted: Entry, differing: Collection[str], usual: Params) -> list[str]:
    """Return the command for the way of scaling: what is not as usual any more, is said to be so again."""
    if "max" in wanted.params:
        told = [key for key in SCALING if key in wanted.params or key in differing]
        return ["autoscale", *_words({**usual, **wanted.params}, told), wanted.name]
    if "workers" in wanted.params:
        return ["scale", "--manual", f"{wanted.name}={wanted.params['workers']}"]
    return ["autoscale", wanted.name, "off"]


def _called(entry: Entry) -> list[str]:
    barrier = ["--"] if entry.command[0].startswith("-") else []
    return [entry.name, *barrier, *entry.command]


def _words(params: Params, keys: Collection[str]) -> list[str]:
    return option_words([option for option in OPTIONS if option.key in keys], params)


def _require_files(current: Entry | None, wanted: Entry, own: Collection[str]) -> None:
    there = current.files if current is not None else {}
    for path, sha256 in wanted.files.items():
        if path not in own and there.get(path) != sha256:
            raise CloudError(
                f"{wanted.name} needs {path} ({sha256[:12]}), and a file of apps carries no files",
                hint=f'copy = ["./FILE:{path}"]    (or: restore FILE)',
            )

"""The kinds of value that words of a command stand for.

Each kind turns one word into one value, or raises ValueError with a sentence for people. The same
function checks what an operator types and what arrives over the socket.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from manager.api.cite import cited
from manager.api.quantities import cpus, memory, objective, ramp, rate, seconds, span
from manager.api.suggest import Meant

Value = str | int | float | tuple[float, float]

BASE_IMAGE = "simplecloud/base"  # what workers run in, unless an app has an image of its own
RESERVED_NAMES = frozenset({"manager", "proxy", "etcd", "http", "all", "off", "localhost"})
MAX_WORKERS, MAX_SPARES = 1000, 100
KEPT_REVISIONS = 50  # of each app
KEPT_REMOVALS = 50  # the last apps that were removed, which an undo brings back
APP_NAME = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")
_TARGET = re.compile(r"(?P<app>[a-z0-9-]+)(\.(?P<slot>0{0,9}[0-9]{1,4}))?")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# A reference as Docker reads it: registry, path in lower case, tag, digest.
_IMAGE = re.compile(
    r"((localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|[A-Za-z0-9.-]+:[0-9]+|\[[0-9A-Fa-f:]+\](:[0-9]+)?)/)?"
    r"[a-z0-9]+((\.|__?|-+|/)[a-z0-9]+)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@[A-Za-z0-9+._-]+:[0-9A-Fa-f]+)?"
)
_HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: its name in usage lines, how a word becomes one, and what completes it.

    `completes` names the live list that completion offers beside the `choices`: apps, targets, images,
    secrets, ports, files, places (files, and what is in a worker), revisions, decisions and variables (those
    of the app that stands before), or nothing. `suffixes`: of the files that are most likely meant.
    """

    metavar: str
    parse: Callable[[str], Value]
    completes: str = ""
    choices: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from `low` to `high`, both included."""

    def parse(word: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", word) or not low <= int(word) <= high:
            raise ValueError(f"{cited(word[:40])} is not a whole number from {low} to {high}")
        return int(word)

    return parse


def lines(word: str) -> int | str:
    """Return a number of lines, or `all`."""
    return word if word == "all" else whole(0, 1_000_000_000)(word)


def app_name(word: str) -> str:
    """Return the word when an app may be called that."""
    if word in RESERVED_NAMES:
        raise ValueError(f"{cited(word[:40])} is reserved and cannot name an app")
    app, dot, slot = word.partition(".")
    if dot and slot.isdecimal() and APP_NAME.fullmatch(app):
        raise Meant(f"{cited(word[:40])} cannot name an app: it is a worker", app)
    if not APP_NAME.fullmatch(word):
        raise ValueError(
            f"{cited(word[:40])} cannot name an app: lower-case letters, digits and dashes, "
            "starting with a letter, at most 30"
        )
    return word


def whole_app(word: str) -> str:
    """Return the word when an app may be called that; the app of a worker is more than was meant."""
    try:
        return app_name(word)
    except Meant as error:
        raise ValueError(f"{error} (stop, start and restart take one)") from None


def host(word: str) -> str:
    """Return a word that is a host name; whether it is free, is told where routes are made."""
    if "_" in word:
        raise Meant(f"{cited(word[:60])} is not a host name: there is no _ in one", word.replace("_", "-"))
    if len(word) > 253 or not all(map(_HOST_LABEL.fullmatch, word.split("."))):
        raise ValueError(f"{cited(word[:60])} is not a host name: letters, digits, dashes and dots")
    return word


def text(word: str) -> str:
    """Return any word that a process can be given: no NUL byte, nothing that is not Unicode."""
    if "\0" in word:
        raise ValueError("a word cannot contain a NUL byte")
    try:
        word.encode()
    except UnicodeEncodeError:
        raise ValueError("a word is not valid UTF-8") from None
    return word


def target(word: str) -> str:
    """Return APP, APP.SLOT or a container id's first 4 or more hex digits."""
    found = _TARGET.fullmatch(word)
    if found is None:
        raise ValueError(f"{cited(word[:40])} is neither an app, nor a worker like web.2, nor a container id")
    app, slot = found["app"], found["slot"]
    if slot and slot != str(int(slot)):
        raise Meant(f"{cited(word[:40])} is no worker: its number has a leading zero", f"{app}.{int(slot)}")
    return word


def split_target(word: str) -> tuple[str, int | None]:
    """Return the app (or id prefix) and the slot that a target names."""
    found = _TARGET.fullmatch(word)
    if found is None:
        raise ValueError(f"{cited(word[:40])} is not a target")
    slot = found["slot"]
    return found["app"], int(slot) if slot else None


def port_as_said(word: str) -> str:
    """Return PORT, PORT/http or PORT/tcp, normalised."""
    number, slash, protocol = word.partition("/")
    outside, colon, inside = number.partition(":")
    if colon and outside.isdecimal() and inside.isdecimal():
        raise Meant(f"{cited(word[:40])}: the proxy gives the port outside", inside + slash + protocol)
    if slash and protocol not in ("http", "tcp"):
        raise ValueError(f"{cited(word[:40])}: a port is PORT, PORT/http or PORT/tcp")
    whole(1, 65535)(number)
    return f"{int(number)}{slash}{protocol}"


def port(word: str) -> str:
    """Return PORT/http or PORT/tcp, normalised (http when nothing is said)."""
    said = port_as_said(word)
    return said if "/" in said else f"{said}/http"


def health(word: str) -> str:
    """Return a health check: /PATH, tcp or none."""
    if word in ("tcp", "none"):
        return word
    if not re.fullmatch(r"/[!-~]{0,255}", word):
        raise ValueError(f"{cited(word[:40])} is not a health check: /PATH, tcp or none")
    return word


def variable(word: str) -> str:
    """Return the name of an environment variable."""
    if not _ENVIRONMENT_NAME.fullmatch(word):
        raise ValueError(f"{cited(word[:40])} is no name of a variable")
    return word


def environment(word: str) -> str:
    """Return NAME=VALUE when NAME can name an environment variable."""
    name, equals, _ = text(word).partition("=")
    if not equals or not _ENVIRONMENT_NAME.fullmatch(name):
        raise ValueError(f"{cited(word[:40])} is not NAME=VALUE")
    return word


def given_variable(word: str) -> str:
    """Return NAME=VALUE, or NAME alone for the value that it has where this is typed."""
    return word if _ENVIRONMENT_NAME.fullmatch(word) else environment(word)


_CAPABILITIES = """
ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE
DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE
MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID
SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE
SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM
"""
CAPABILITIES = frozenset(_CAPABILITIES.split())


def capability(word: str) -> str:
    """Return a capability of Linux in capitals and without CAP_, such as NET_BIND_SERVICE."""
    name = word.upper().removeprefix("CAP_")
    if name not in CAPABILITIES:
        raise ValueError(f"{cited(word[:40])} is not a capability such as NET_BIND_SERVICE")
    return name


def restart_policy(word: str) -> str:
    """Return always, no, on-failure or on-failure:N."""
    if not re.fullmatch(r"always|no|on-failure(:[1-9][0-9]{0,3})?", word):
        raise ValueError(f"{cited(word[:40])} is not a restart policy: always, on-failure[:N] or no")
    return word


def spares(word: str) -> int | str:
    """Return a number of spares, or auto: as many as the autoscaler finds right."""
    return word if word == "auto" else whole(0, MAX_SPARES)(word)


def absolute_path(word: str) -> str:
    """Return an absolute path without `..`."""
    if not word.startswith("/") or ".." in word.split("/") or len(word) > 1024:
        raise ValueError(f"{cited(word[:40])} is not an absolute path")
    return text(word)


def secret_name(word: str) -> str:
    """Return the name of a secret."""
    if not _SECRET.fullmatch(word):
        raise ValueError(
            f"{cited(word[:64])} is no name of a secret: "
            "letters, digits, dots, dashes, underscores, at most 64"
        )
    return word


def image(word: str) -> str:
    """Return the name of an image."""
    if len(word) > 255 or not _IMAGE.fullmatch(word):
        raise ValueError(f"{cited(word[:40])} is not the name of an image such as {BASE_IMAGE} or app:1.2")
    return word


def choice(*words: str) -> Kind:
    """Return the kind whose values are exactly these words."""

    def parse(word: str) -> str:
        if word not in words:
            others = f"one of {', '.join(words)}" if len(words) > 1 else words[0]
            raise ValueError(f"{cited(word[:40])} is not {others}")
        return word

    return Kind("|".join(words), parse, choices=words)


APP = Kind("APP", app_name, "apps")
CHANGED_APP = Kind("APP", whole_app, "apps")
NEW_APP = Kind("NAME", app_name)
TARGET = Kind("TARGET", target, "targets")
WORD = Kind("WORD", text)
TEXT = Kind("TEXT", text)
PATTERN = Kind("RE", text)
USER = Kind("USER", text)
COPY = Kind("SRC[:DST]", text, "files")
COLUMN = Kind("COLUMN", text)
COLUMNS = Kind("COLUMN,...", text)
COMPARISON = Kind("COLUMN=VALUE", text)
HOST = Kind("HOST", host)
SECRET = Kind("SECRET", secret_name, "secrets")
PLACE = Kind("FILE|TARGET:PATH", text, "places")
FILE = Kind("FILE", text, "files")
SCRIPT = Kind("FILE", text, "files", suffixes=(".sc",))
TOML_FILE = Kind("FILE", text, "files", suffixes=(".toml",))
COMPOSE_FILE = Kind("FILE", text, "files", suffixes=(".yaml", ".yml"))
IMAGE = Kind("IMAGE", image, "images")
WORKERS = Kind("N", whole(0, MAX_WORKERS))
LINES = Kind("N", lines)
SPARES = Kind("K|auto", spares, choices=("auto",))
BOUND = Kind("N", whole(1, MAX_WORKERS))
COUNT = Kind("N", whole(1, 1_000_000))
REVISION = Kind("REV", whole(1, 1_000_000), "revisions")
DECISION = Kind("ID", whole(1, 1_000_000), "decisions")
DURATION = Kind("DURATION", seconds)
SPAN = Kind("DURATION", span)
MEMORY = Kind("SIZE", memory)
CPUS = Kind("CORES", cpus)
RATE = Kind("N", rate)
OBJECTIVE = Kind("250ms[,99%]", objective)
RAMP = Kind("A:B", ramp)
PORT = Kind("PORT[/http|/tcp]", port, "ports")
OTHER_PORT = Kind(PORT.metavar, port_as_said, "ports")  # of an app that has one: it keeps the protocol
HEALTH = Kind("/PATH|tcp|none", health, choices=("/", "tcp", "none"))
VARIABLE = Kind("NAME", variable, "variables")
GIVEN_VARIABLE = Kind("K[=V]", given_variable)
CAPABILITY = Kind("CAPABILITY", capability, choices=tuple(sorted(CAPABILITIES)))
RESTART = Kind(
    "always|on-failure[:N]|no", restart_policy, choices=("always", "on-failure", "on-failure:3", "no")
)
PATH = Kind("PATH", absolute_path)
DIRECTORY = Kind("DIR", absolute_path)
FORMAT = choice("table", "wide", "json", "jsonl", "csv", "name")

"""Options and operands that several rows share."""

from __future__ import annotations

from dataclasses import replace

from manager.api import values
from manager.api.command import Operand, Option
from manager.api.values import Kind

PRINTED = "how it is printed (table)"
OUTPUT = Option("output", values.choice("table", "json"), PRINTED, "o")
LISTING = (
    Option("output", values.FORMAT, PRINTED, "o"),
    Option("sort", values.COLUMN, "sort by a column (-COLUMN: from high to low)"),
    Option("filter", values.COMPARISON, "only rows where that is so", many=True),
    Option("columns", values.COLUMNS, "only these columns"),
    Option("quiet", None, "names only", "q"),
)
WAITING = (
    Option("wait", values.DURATION, "wait until it is ready (the default, 60s)", "w", implied="60s"),
    Option("detach", None, "return at once", "d"),
)
GOING = (replace(WAITING[0], help="wait until they are gone (the default, 60s)"), *WAITING[1:])
DRY_RUN = Option("dry-run", None, "print the plan and change nothing")
FILE = Option("file", values.TOML_FILE, "the file; - is standard input", "f")
YES = Option("yes", None, "do not ask", "y")
ENV_FILE = Option("env-file", values.FILE, "set the variables of a file, NAME=VALUE a line", many=True)
SPARES = Option(
    "spares", values.SPARES, "so many workers wait, started and paused, for a scale-up (0; autoscaled: auto)"
)
NOW = Option("now", None, "do not wait for open requests or connections")
APPS = Operand("APP", values.APP, required=False, many=True)
TARGET = Operand("TARGET", values.TARGET)
TARGETS = Operand("TARGET", values.TARGET, many=True)

SCALING = (
    Option("max", values.BOUND, "scale by itself, up to this many workers"),
    Option("min", values.BOUND, "never below this many (1)"),
    Option("slo", values.OBJECTIVE, "the objective to serve (250ms,95%)"),
    Option("mode", values.choice("on", "recommend"), "recommend: decide and tell, do not act (on: act)"),
)
TEMPLATE = (
    Option("image", values.IMAGE, f"the image to run in ({values.BASE_IMAGE})"),
    Option("copy", values.COPY, "copy a file of this machine into the workers", many=True),
    Option("port", values.PORT, "the port it listens on; gives it a route", "p"),
    Option("host", values.HOST, "the host name of its route (NAME.localhost)", many=True),
    Option("path", values.PATH, "a path of its route (/NAME/)", many=True),
    Option("health", values.HEALTH, "what tells that a worker is healthy (GET /, tcp: a connect)"),
    Option(
        "env", values.GIVEN_VARIABLE, "set an environment variable (K: to what it is here)", "e", many=True
    ),
    Option("cpus", values.CPUS, "at most this many cores a worker"),
    Option("memory", values.MEMORY, "at most this much memory a worker (512M)"),
    Option("pids", Kind("N", values.whole(1, 100_000)), "at most this many processes a worker (512)"),
    Option("user", values.USER, "run as this user of the image"),
    Option("workdir", values.DIRECTORY, "begin in this directory (the image's; /app for a copied program)"),
    Option("cap-add", values.CAPABILITY, "add a capability", many=True),
    Option("read-only", None, "the root file system cannot be written"),
    Option("egress", None, "it may open connections to other networks (never to this host)"),
    Option("reach", values.APP, "it may open connections to this app, by its name", many=True),
    Option("secret", values.SECRET, "give it this secret as /run/secrets/NAME", many=True),
    Option("pull", None, "fetch the image from its registry when it is not on this machine"),
    Option("restart", values.RESTART, "whether a new one follows when a worker ends (always)"),
    Option(
        "drain",
        values.DURATION,
        "how long open requests, or tcp connections, last when a worker leaves (10s)",
    ),
)
OTHER_TEMPLATE = tuple(
    replace(each, kind=values.OTHER_PORT) if each.kind is values.PORT else each for each in TEMPLATE
)

"""The rows of what shows apps and workers, and goes into them."""

from __future__ import annotations

from manager.api import values
from manager.api.command import Command, Operand, Option
from manager.api.rows.options import APPS, LISTING, TARGET, TARGETS

ROWS: tuple[Command, ...] = (
    Command(
        "apps",
        "manager",
        "a line per app",
        operands=(APPS,),
        options=LISTING,
        examples=("apps", "apps -o json", "apps --sort -rate"),
        alias="ls",
        lists="AppList",
    ),
    Command(
        "ps",
        "manager",
        "a line per worker",
        operands=(APPS,),
        options=(Option("all", None, "stopped workers and spares too", "a"), *LISTING),
        examples=("ps", "ps web -o wide", "ps --filter state=ready -q"),
        alias="workers",
        lists="WorkerList",
    ),
    Command(
        "logs",
        "manager",
        "what the workers printed",
        operands=(TARGETS,),
        options=(
            Option("follow", None, "go on as new lines come, of new workers too", "f"),
            Option("tail", values.WORKERS, "only the last N lines of each worker"),
            Option("since", values.DURATION, "only lines younger than this"),
            Option("timestamps", None, "show when each line was printed", "t"),
            Option("grep", values.TEXT, "only lines that this regular expression matches"),
        ),
        examples=("logs web --tail 20", "logs web.2 -f"),
    ),
    Command(
        "exec",
        "shell",
        "run a command inside a worker; its exit code is the command's",
        operands=(TARGET, Operand("COMMAND", values.TEXT, many=True)),
        options=(
            Option("interactive", None, "give it the standard input of here", "i"),
            Option("tty", None, "give it a terminal", "t"),
            Option("user", values.WORD, "run as this user of the image", "u"),
            Option("env", values.ENVIRONMENT, "set an environment variable", "e", many=True),
            Option("workdir", values.PATH, "run in this directory", "w"),
        ),
        examples=("exec web.1 ls -l /app", "exec -it web.1 sh", "exec -e A=1 -w /tmp web env"),
        verbatim=True,
        usage_tail="TARGET COMMAND [ARG...]",
    ),
    Command(
        "cp",
        "shell",
        "copy files between this machine and a worker",
        operands=(Operand("SRC", values.PLACE), Operand("DST", values.PLACE)),
        options=(Option("follow-link", None, "what a link at SRC leads to, not the link", "L"),),
        examples=("cp ./f web.1:/tmp/f", "cp web.1:/var/log ./log", "cp ./conf/. web.1:/etc/app"),
    ),
    Command(
        "top",
        "manager",
        "the processes of a worker, as ps on this machine shows them",
        operands=(TARGET, Operand("PS-OPTION", values.TEXT, required=False, many=True)),
        options=(Option("output", values.choice("table", "json"), "table or json", "o"),),
        examples=("top web.1", "top web.1 -o pid,stat,cmd", "top web.1 aux"),
        verbatim=True,
        usage_tail="TARGET [PS-OPTION...]",
    ),
    Command(
        "inspect",
        "manager",
        "all that is known of an app or a worker, as JSON",
        operands=(TARGET,),
        options=(Option("output", values.choice("json"), "json, which it always is", "o"),),
        examples=("inspect web", "inspect web.1"),
    ),
    Command(
        "describe",
        "manager",
        "an app or a worker for people: facts, last ending, last events",
        operands=(Operand("TARGET", values.TARGET),),
        options=(Option("output", values.choice("table", "json"), "table or json", "o"),),
        examples=("describe web", "describe web.1"),
    ),
    Command(
        "stats",
        "manager",
        "what the workers use; on a terminal again each second",
        operands=(Operand("TARGET", values.TARGET, required=False),),
        options=(Option("no-stream", None, "look once"), *LISTING),
        examples=("stats", "stats web", "stats web.1 --no-stream", "stats --no-stream -o json"),
        lists="StatsList",
    ),
    Command(
        "explain",
        "manager",
        "why an autoscaled app has as many workers as it has",
        operands=(Operand("APP", values.APP),),
        options=(
            Option("decision", values.COUNT, "this decision (the last)"),
            Option("no-plot", None, "without the drawing of the fitted curve"),
            Option("output", values.choice("table", "json"), "table or json", "o"),
        ),
        examples=("explain web", "explain web -o json"),
    ),
    Command(
        "whatif",
        "manager",
        "what another policy would have made of an autoscaled app's recorded load",
        operands=(Operand("APP", values.APP),),
        options=(
            Option("replay", values.DURATION, "the load of so long ago until now (1h; a day is kept)"),
            Option("max", values.BOUND, "with at most this many workers"),
            Option("min", values.BOUND, "with never fewer than this many"),
            Option("slo", values.OBJECTIVE, "with this objective"),
            Option("output", values.choice("table", "wide", "json"), "table, wide or json", "o"),
        ),
        examples=("whatif web", "whatif web --replay 6h --max 4", "whatif web --slo 100ms,99% -o json"),
    ),
)

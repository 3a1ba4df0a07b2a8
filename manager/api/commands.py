"""The one table of commands: parser, validation, completion, help and reference come from its rows.

Adding a command is one row here, one function behind it, and their tests. `where` says who carries it
out: the manager (over the socket), the shell itself, or this host (set-up, before a manager runs).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from manager.api import values
from manager.api.values import Kind

Where = Literal["manager", "shell", "host"]


@dataclass(frozen=True, slots=True)
class Option:
    """An option: `--name`, perhaps with a letter; without a kind it is a flag.

    `many`: may be given again and collects.  `implied`: what `--name` alone means when the value is
    optional (`--wait`, `--wait=10s`).
    """

    name: str
    kind: Kind | None
    help: str
    letter: str = ""
    many: bool = False
    implied: str = ""

    @property
    def key(self) -> str:
        return self.name.replace("-", "_")


@dataclass(frozen=True, slots=True)
class Operand:
    """An operand by position; `many` takes all that are left."""

    name: str
    kind: Kind
    required: bool = True
    many: bool = False

    @property
    def key(self) -> str:
        return self.name.lower().replace("-", "_")


@dataclass(frozen=True, slots=True)
class Command:
    """One row. `verbatim`: options end at the first operand, all after it belongs to the command given.

    `late_options`: they end at the second one instead.
    """

    verb: str
    where: Where
    summary: str
    operands: tuple[Operand, ...] = ()
    options: tuple[Option, ...] = ()
    examples: tuple[str, ...] = ()
    alias: str = ""
    group: str = "apps"
    changes: bool = False
    lists: str = ""
    verbatim: bool = False
    late_options: bool = False
    usage_tail: str = ""

    def option(self, word: str) -> Option | None:
        """Return the option that `--name` or `-x` names here."""
        for option in self.options:
            if word == f"--{option.name}" or (option.letter and word == f"-{option.letter}"):
                return option
        return None


_LISTING = (
    Option("output", values.FORMAT, "table, wide, json, jsonl, csv or name", "o"),
    Option("sort", values.WORD, "sort by a column (-COLUMN: from high to low)"),
    Option("filter", values.TEXT, "only rows where COLUMN=VALUE", many=True),
    Option("columns", values.TEXT, "only these columns, separated by commas"),
    Option("quiet", None, "names only", "q"),
)
_WAITING = (
    Option("wait", values.DURATION, "wait until it is ready (the default, 60s)", "w", implied="60s"),
    Option("detach", None, "return at once", "d"),
)
_DRY_RUN = Option("dry-run", None, "print the plan and change nothing")
_FILE = Option("file", values.FILE, "the file", "f")
_YES = Option("yes", None, "do not ask", "y")
_NOW = Option("now", None, "do not wait for open requests")
_APPS = Operand("APP", values.APP, required=False, many=True)
_TARGET = Operand("TARGET", values.TARGET)
_TARGETS = Operand("TARGET", values.TARGET, many=True)

_SCALING = (
    Option("max", values.BOUND, "scale by itself, up to this many workers"),
    Option("min", values.BOUND, "never below this many (1)"),
    Option("slo", values.OBJECTIVE, "the objective to serve (250ms,95%)"),
)
_TEMPLATE = (
    Option("image", values.IMAGE, "the image to run in (simplecloud/base)"),
    Option("copy", values.TEXT, "copy SRC[:DST] of this machine into the workers", many=True),
    Option("port", values.PORT, "the port it listens on; gives it a route", "p"),
    Option("host", values.TEXT, "the host name of its route (NAME.localhost)", many=True),
    Option("path", values.PATH, "a path of its route (/NAME/)", many=True),
    Option("health", values.HEALTH, "what tells that a worker is healthy"),
    Option("env", values.ENVIRONMENT, "set an environment variable", "e", many=True),
    Option("cpus", values.CPUS, "at most this many cores a worker"),
    Option("memory", values.MEMORY, "at most this much memory a worker (512M)"),
    Option("pids", Kind("N", values.whole(1, 100_000)), "at most this many processes a worker (512)"),
    Option("user", values.WORD, "run as this user of the image"),
    Option("cap-add", values.CAPABILITY, "add a capability", many=True),
    Option("read-only", None, "the root file system cannot be written"),
    Option("egress", None, "it may open connections to other networks (never to this host)"),
    Option("reach", values.APP, "it may open connections to this app, by its name", many=True),
    Option("pull", None, "fetch the image from its registry when it is not on this machine"),
    Option("restart", values.RESTART, "when a worker ends: always, on-failure[:N] or no"),
    Option("drain", values.DURATION, "how long open requests may take when a worker leaves (10s)"),
)

COMMANDS: tuple[Command, ...] = (
    Command(
        "run",
        "manager",
        "run a command as a new app, in N workers",
        operands=(Operand("NAME", values.NEW_APP), Operand("COMMAND", values.TEXT, many=True)),
        options=(
            Option("workers", values.WORKERS, "how many workers (1)", "n"),
            *_TEMPLATE,
            *_SCALING,
            *_WAITING,
            _DRY_RUN,
        ),
        examples=(
            "run -n 3 -p 8000 web ./server.py --port 8000",
            "run -p 9000/tcp pong busybox nc -ll -p 9000 -e cat",
            "run -p 8000 files python3 -m http.server 8000",
            "run --reach db -p 8000 web ./server.py",
        ),
        changes=True,
        verbatim=True,
        usage_tail="NAME [--] COMMAND [ARG...]",
    ),
    Command(
        "apps",
        "manager",
        "a line per app",
        operands=(_APPS,),
        options=_LISTING,
        examples=("apps", "apps -o json", "apps --sort -rate"),
        alias="ls",
        lists="AppList",
    ),
    Command(
        "ps",
        "manager",
        "a line per worker",
        operands=(_APPS,),
        options=(Option("all", None, "stopped workers too", "a"), *_LISTING),
        examples=("ps", "ps web -o wide", "ps --filter state=ready -q"),
        alias="workers",
        lists="WorkerList",
    ),
    Command(
        "scale",
        "manager",
        "change the number of workers",
        operands=(Operand("CHANGE", values.TEXT, many=True),),
        options=(
            Option("manual", None, "end the autoscaling of the app first"),
            *_WAITING,
            _DRY_RUN,
        ),
        examples=("scale web=5", "scale web 2", "scale web +1", "scale web -1", "scale web=5 api=2"),
        changes=True,
        usage_tail="APP=N... | APP N | APP +N | APP -N",
    ),
    Command(
        "autoscale",
        "manager",
        "scale an app by itself, to serve an objective with few workers",
        operands=(
            Operand("APP", values.APP, required=False),
            Operand("STATE", values.choice("off"), required=False),
        ),
        options=(
            *_SCALING,
            Option("mode", values.choice("on", "recommend"), "recommend: decide and tell, do not act"),
            *_LISTING,
        ),
        examples=(
            "autoscale",
            "autoscale web --max 6",
            "autoscale web --max 6 --slo 100ms,99%",
            "autoscale web off",
        ),
        changes=True,
        lists="AutoscaleList",
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
    Command(
        "start",
        "manager",
        "start stopped apps or workers",
        operands=(_TARGETS,),
        options=(*_WAITING, _DRY_RUN),
        examples=("start web", "start web.2"),
        changes=True,
    ),
    Command(
        "stop",
        "manager",
        "stop apps or single workers; they stay known",
        operands=(_TARGETS,),
        options=(_NOW, *_WAITING, _DRY_RUN),
        examples=("stop web", "stop web.2"),
        changes=True,
    ),
    Command(
        "restart",
        "manager",
        "replace the workers of apps, or single ones, by new ones",
        operands=(_TARGETS,),
        options=(_NOW, *_WAITING, _DRY_RUN),
        examples=("restart web", "restart web.2"),
        changes=True,
    ),
    Command(
        "update",
        "manager",
        "change what an app's workers are made from; they are replaced one by one",
        operands=(Operand("APP", values.APP), Operand("COMMAND", values.TEXT, required=False, many=True)),
        options=(
            *_TEMPLATE,
            Option("no-egress", None, "it may no longer open connections to other networks"),
            Option("no-reach", None, "it may no longer open connections to other apps"),
            Option("order", values.choice("start-first", "stop-first"), "how each worker is replaced"),
            Option("parallel", Kind("N", values.whole(1, 100)), "how many are replaced at a time (1)"),
            Option("reset", None, "what is not given goes back to its default; copied files stay"),
            *_WAITING,
            _DRY_RUN,
        ),
        examples=("update web -e GREETING=hi", "update web ./server.py --port 8000"),
        changes=True,
        verbatim=True,
        late_options=True,
        usage_tail="APP [[--] COMMAND [ARG...]]",
    ),
    Command(
        "history",
        "manager",
        "the revisions of an app",
        operands=(Operand("APP", values.APP),),
        options=_LISTING,
        examples=("history web",),
        lists="RevisionList",
    ),
    Command(
        "rollback",
        "manager",
        "go back to an earlier revision of an app",
        operands=(Operand("APP", values.APP),),
        options=(Option("to", values.COUNT, "this revision (the one before)"), *_WAITING, _DRY_RUN),
        examples=("rollback web", "rollback web --to 1"),
        changes=True,
    ),
    Command(
        "undo",
        "manager",
        "take back the last change of an app, its removal too",
        operands=(Operand("APP", values.APP),),
        options=(*_WAITING, _DRY_RUN),
        examples=("undo web",),
        changes=True,
    ),
    Command(
        "rm",
        "manager",
        "remove apps with their workers and routes",
        operands=(Operand("APP", values.APP, many=True),),
        options=(_YES, _NOW, *_WAITING, _DRY_RUN),
        examples=("rm web -y",),
        changes=True,
    ),
    Command(
        "logs",
        "manager",
        "what the workers printed",
        operands=(_TARGETS,),
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
        operands=(_TARGET, Operand("COMMAND", values.TEXT, many=True)),
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
        operands=(_TARGET, Operand("PS-OPTION", values.TEXT, required=False, many=True)),
        options=(Option("output", values.choice("table", "json"), "table or json", "o"),),
        examples=("top web.1", "top web.1 -o pid,stat,cmd", "top web.1 aux"),
        verbatim=True,
        usage_tail="TARGET [PS-OPTION...]",
    ),
    Command(
        "inspect",
        "manager",
        "all that is known of an app or a worker, as JSON",
        operands=(_TARGET,),
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
        options=(Option("no-stream", None, "look once"), *_LISTING),
        examples=("stats", "stats web", "stats web.1 --no-stream", "stats --no-stream -o json"),
        lists="StatsList",
    ),
    Command(
        "freeze",
        "manager",
        "do nothing by itself, for an app or the whole cloud, until thaw",
        operands=(Operand("APP", values.APP, required=False),),
        examples=("freeze", "freeze web"),
        group="cloud",
        changes=True,
    ),
    Command(
        "thaw",
        "manager",
        "end a freeze",
        operands=(Operand("APP", values.APP, required=False),),
        examples=("thaw", "thaw web"),
        group="cloud",
        changes=True,
    ),
    Command(
        "routes",
        "manager",
        "how requests find the apps",
        operands=(_APPS,),
        options=_LISTING,
        examples=("routes", "routes web"),
        group="cloud",
        lists="RouteList",
    ),
    Command(
        "events",
        "manager",
        "what happened, oldest first",
        options=(
            Option("app", values.APP, "only of this app"),
            Option("since", values.DURATION, "only younger than this"),
            Option("follow", None, "go on as events come", "f"),
            *_LISTING,
        ),
        examples=("events", "events --app web --since 5m"),
        group="cloud",
        lists="EventList",
    ),
    Command(
        "images",
        "manager",
        "the images that workers can run in",
        options=_LISTING,
        examples=("images",),
        group="cloud",
        lists="ImageList",
    ),
    Command(
        "status",
        "manager",
        "is everything well: manager, etcd, proxy, Docker, network",
        options=(Option("output", values.choice("table", "json"), "table or json", "o"),),
        examples=("status", "status -o json"),
        group="cloud",
    ),
    Command(
        "watch",
        "shell",
        "the live view: apps, workers, events; or a listing again and again",
        operands=(Operand("WHAT", values.TEXT, required=False, many=True),),
        options=(
            Option("interval", values.DURATION, "how often to look (1s)"),
            Option("once", None, "look once"),
            Option(
                "output", values.choice("table", "jsonl"), "jsonl: the apps as a line of JSON a tick", "o"
            ),
        ),
        examples=("watch", "watch web", "watch --once", "watch ps web"),
        group="cloud",
        verbatim=True,
        usage_tail="[APP | COMMAND [ARG...]]",
    ),
    Command(
        "completion",
        "shell",
        "print what makes bash or zsh complete simplecloud",
        operands=(Operand("SHELL", values.choice("bash", "zsh")),),
        examples=("completion bash",),
        group="shell",
    ),
    Command(
        "load",
        "shell",
        "send bounded load to an app through the proxy",
        operands=(Operand("APP", values.APP),),
        options=(
            Option("rps", values.RATE, "requests per second (50)"),
            Option("ramp", values.RAMP, "from A to B requests per second"),
            Option("for", values.DURATION, "how long (10s)"),
            Option("path", values.PATH, "the path to ask for (/)"),
            Option("detach", None, "run in the background; `wait load APP done` joins it", "d"),
            Option("output", values.choice("table", "json"), "table or json", "o"),
        ),
        examples=("load web --rps 50 --for 10s", "load web --ramp 10:100 --for 30s --detach"),
        group="scripts",
    ),
    Command(
        "crash",
        "manager",
        "kill a part with SIGKILL, as a drill",
        operands=(
            Operand("PART", Kind("manager|proxy|etcd|TARGET", values.text, "targets")),
            Operand("N", values.COUNT, required=False),
        ),
        options=(
            Option("for", values.DURATION, "keep it down this long"),
            Option("prove", None, "keep requests flowing and show that nothing was lost"),
            _YES,
        ),
        examples=("crash manager --prove -y", "crash web.1 -y"),
        group="cloud",
        changes=True,
    ),
    Command(
        "wait",
        "shell",
        "wait until something is true, at most --timeout",
        operands=(Operand("CONDITION", values.TEXT, many=True),),
        options=(Option("timeout", values.DURATION, "how long to wait (60s); then exit 4"),),
        examples=("wait web ready", "wait web want == 3 --timeout 10s", "wait manager up"),
        group="scripts",
        usage_tail="APP ready | APP FIELD OP VALUE | manager up|down | load APP done",
    ),
    Command(
        "expect",
        "shell",
        "fail with exit 5 unless something is true",
        operands=(Operand("CONDITION", values.TEXT, many=True),),
        options=(
            Option("timeout", values.DURATION, "poll this long instead of looking once"),
            Option("contains", values.TEXT, "http: the answer contains this"),
            Option("count", values.COUNT, "http: this many requests (1)"),
            Option("failed", values.WORKERS, "http: at most this many may fail (0)"),
        ),
        examples=(
            "expect web ready == 3",
            "expect http web / --contains hello --count 100 --failed 0",
            "expect load web failed == 0",
            "expect error 'no app' rm nosuch -y",
        ),
        group="scripts",
        usage_tail="APP FIELD OP VALUE | http APP PATH | load APP FIELD OP VALUE | manager up|down "
        '| error "TEXT" COMMAND',
    ),
    Command(
        "set",
        "shell",
        "set a variable or an option of this shell; alone: show them",
        operands=(
            Operand("NAME", values.WORD, required=False),
            Operand("VALUE", values.TEXT, required=False, many=True),
        ),
        examples=("set n 3", "set output wide", "set timing on", "set keys vi"),
        group="scripts",
    ),
    Command(
        "echo",
        "shell",
        "print words",
        operands=(Operand("WORD", values.TEXT, required=False, many=True),),
        examples=("echo $n workers",),
        group="scripts",
    ),
    Command(
        "sleep",
        "shell",
        "do nothing for a while",
        operands=(Operand("DURATION", values.DURATION),),
        examples=("sleep 500ms",),
        group="scripts",
    ),
    Command(
        "source",
        "shell",
        "run the commands of a file here",
        operands=(Operand("FILE", values.FILE),),
        examples=("source demos/2-manual-scaling.sc",),
        group="scripts",
    ),
    Command(
        "record",
        "shell",
        "write what is typed from here on into a file, as a script",
        operands=(Operand("FILE", Kind("FILE|off", values.text, "files"), required=False),),
        examples=("record session.sc", "record off"),
        group="scripts",
    ),
    Command(
        "net",
        "manager",
        "the network: the bridge, then a line per worker",
        operands=(Operand("APP", values.APP, required=False),),
        options=(Option("repair", None, "mend it now, and say what was mended"), *_LISTING),
        examples=("net", "net web", "net --repair"),
        group="cloud",
        lists="PortList",
    ),
    Command(
        "trace",
        "manager",
        "check the way to an app, hop by hop",
        operands=(Operand("APP", values.APP),),
        options=_LISTING,
        examples=("trace web",),
        group="cloud",
        lists="CheckList",
    ),
    Command(
        "doctor",
        "host",
        "check this machine and the cloud on it: a fact and a fix per line",
        options=(Option("fix", None, "do the fixes that are safe, and say what was done"), *_LISTING),
        examples=("doctor", "doctor --fix", "doctor --filter state=FAIL"),
        group="cloud",
        lists="CheckList",
    ),
    Command(
        "adopt",
        "manager",
        "rebuild apps from workers that run and that the store has lost",
        options=(_YES, *_WAITING),
        examples=("adopt -y",),
        group="cloud",
        changes=True,
    ),
    Command(
        "backup",
        "manager",
        "write apps, revisions and copied files into one file",
        operands=(Operand("FILE", values.FILE),),
        examples=("backup cloud.backup",),
        group="cloud",
    ),
    Command(
        "restore",
        "manager",
        "bring the apps of a backup back; those that are there stay as they are",
        operands=(Operand("BACKUP", values.FILE),),
        options=_WAITING,
        examples=("restore cloud.backup",),
        group="cloud",
        changes=True,
    ),
    Command(
        "apply",
        "shell",
        "make apps as a TOML file says; prints the commands that do it",
        options=(_FILE, _DRY_RUN),
        examples=("apply -f apps.toml --dry-run", "apply -f apps.toml"),
        changes=True,
    ),
    Command(
        "diff",
        "shell",
        "what of the apps is not as a TOML file says",
        options=(_FILE, *_LISTING),
        examples=("diff -f apps.toml",),
        lists="ChangeList",
    ),
    Command(
        "export",
        "shell",
        "print apps as the TOML file that makes them",
        operands=(_APPS,),
        examples=("export web",),
    ),
    Command(
        "up",
        "host",
        "start the cloud; nothing is done twice",
        options=(
            Option("http-port", Kind("PORT", values.whole(1, 65535)), "the proxy's http port (8080)"),
            Option("tcp-ports", values.TEXT, "the ports for tcp apps (9000-9015)"),
            Option("bind", values.WORD, "the address the proxy listens on (127.0.0.1)"),
            Option("subnet", values.TEXT, "the workers' network; a free one is chosen"),
            Option("etcd-members", values.choice("1", "3"), "members of the embedded etcd (3)"),
            Option("etcd", values.TEXT, "an etcd of your own: https://HOST:PORT,..."),
            Option("etcd-ca", values.FILE, "the certificate that signed its servers'"),
            Option("etcd-cert", values.FILE, "the certificate to show to it"),
            Option("etcd-key", values.FILE, "the key of that certificate"),
            Option("systemd", None, "systemd starts the cloud at boot and keeps it running"),
        ),
        examples=("up", "up --http-port 8081"),
        group="cloud",
    ),
    Command(
        "down",
        "host",
        "stop the cloud and remove all it made on this machine; its state stays",
        options=(Option("purge", None, "delete its state too"), _YES),
        examples=("down", "down --purge -y"),
        group="cloud",
    ),
    Command(
        "help",
        "shell",
        "what commands there are, or how one is used",
        operands=(Operand("VERB", values.WORD, required=False),),
        examples=("help", "help run", "help networking"),
        usage_tail="[VERB | TOPIC]",
        group="shell",
    ),
    Command("version", "shell", "the version of simplecloud", group="shell"),
    Command("clear", "shell", "clear the screen", group="shell"),
    Command("exit", "shell", "leave the shell (Ctrl-D)", alias="quit", group="shell"),
)

GROUPS = {
    "apps": "Applications",
    "cloud": "The cloud",
    "scripts": "Scripts and drills",
    "shell": "The shell",
}
_BY_WORD = {word: row for row in COMMANDS for word in (row.verb, row.alias) if word}


def command_of(word: str) -> Command | None:
    """Return the command that a verb or an alias names."""
    return _BY_WORD.get(word)


def verbs() -> tuple[str, ...]:
    """Return every verb and alias, for completion and did-you-mean."""
    return tuple(_BY_WORD)


def usage(command: Command) -> str:
    """Return the usage line, such as `scale [--wait[=DURATION]] [--detach] APP=N...`."""
    words = [command.verb, *(_option_usage(option) for option in command.options)]
    tail = command.usage_tail or " ".join(_operand_usage(operand) for operand in command.operands)
    return " ".join(word for word in (*words, tail) if word)


def _option_usage(option: Option) -> str:
    name = f"-{option.letter}" if option.letter and not option.implied else f"--{option.name}"
    if option.kind is None:
        return f"[{name}]"
    value = f"[={option.kind.metavar}]" if option.implied else f" {option.kind.metavar}"
    return f"[{name}{value}]" + ("..." if option.many else "")


def _operand_usage(operand: Operand) -> str:
    name = operand.name + ("..." if operand.many else "")
    return name if operand.required else f"[{name}]"


def without_options(command: Command) -> Command:
    """Return the row with its options left out, for a short usage line."""
    return replace(command, options=())

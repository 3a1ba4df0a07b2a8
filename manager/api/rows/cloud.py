"""The rows of the cloud as a whole: its state, network, faults, setting up and taking down."""

from __future__ import annotations

from manager.api import values
from manager.api.command import Command, Operand, Option
from manager.api.rows.options import APPS, LISTING, WAITING, YES
from manager.api.values import Kind

ROWS: tuple[Command, ...] = (
    Command(
        "freeze",
        "manager",
        "do nothing by itself, for an app or the whole cloud, until thaw",
        operands=(Operand("APP", values.APP, required=False),),
        examples=("freeze", "freeze web"),
        changes=True,
    ),
    Command(
        "thaw",
        "manager",
        "end a freeze",
        operands=(Operand("APP", values.APP, required=False),),
        examples=("thaw", "thaw web"),
        changes=True,
    ),
    Command(
        "routes",
        "manager",
        "how requests find the apps",
        operands=(APPS,),
        options=LISTING,
        examples=("routes", "routes web"),
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
            *LISTING,
        ),
        examples=("events", "events --app web --since 5m"),
        lists="EventList",
    ),
    Command(
        "images",
        "manager",
        "the images that workers can run in",
        options=LISTING,
        examples=("images",),
        lists="ImageList",
    ),
    Command(
        "status",
        "manager",
        "is everything well: manager, etcd, proxy, Docker, network",
        options=(Option("output", values.choice("table", "json"), "table or json", "o"),),
        examples=("status", "status -o json"),
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
        verbatim=True,
        usage_tail="[APP | COMMAND [ARG...]]",
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
            YES,
        ),
        examples=("crash manager --prove -y", "crash web.1 -y"),
        changes=True,
    ),
    Command(
        "net",
        "manager",
        "the network: the bridge, then a line per worker",
        operands=(Operand("APP", values.APP, required=False),),
        options=(Option("repair", None, "mend it now, and say what was mended"), *LISTING),
        examples=("net", "net web", "net --repair"),
        lists="PortList",
    ),
    Command(
        "trace",
        "manager",
        "check the way to an app, hop by hop",
        operands=(Operand("APP", values.APP),),
        options=LISTING,
        examples=("trace web",),
        lists="CheckList",
    ),
    Command(
        "doctor",
        "host",
        "check this machine and the cloud on it: a fact and a fix per line",
        options=(Option("fix", None, "do the fixes that are safe, and say what was done"), *LISTING),
        examples=("doctor", "doctor --fix", "doctor --filter state=FAIL"),
        lists="CheckList",
    ),
    Command(
        "adopt",
        "manager",
        "rebuild apps from workers that run and that the store has lost",
        options=(YES, *WAITING),
        examples=("adopt -y",),
        changes=True,
    ),
    Command(
        "backup",
        "manager",
        "write apps, revisions and copied files into one file",
        operands=(Operand("FILE", values.FILE),),
        examples=("backup cloud.backup",),
    ),
    Command(
        "restore",
        "manager",
        "bring the apps of a backup back; those that are there stay as they are",
        operands=(Operand("BACKUP", values.FILE),),
        options=WAITING,
        examples=("restore cloud.backup",),
        changes=True,
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
    ),
    Command(
        "down",
        "host",
        "stop the cloud and remove all it made on this machine; its state stays",
        options=(Option("purge", None, "delete its state too"), YES),
        examples=("down", "down --purge -y"),
    ),
)

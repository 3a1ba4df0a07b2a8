"""The rows of scripts and drills."""

from __future__ import annotations

from manager.api import values
from manager.api.command import Command, Operand, Option
from manager.api.rows.options import OUTPUT
from manager.api.values import Kind

ANSWERS = (
    Option("contains", values.TEXT, "http: the answer contains this"),
    Option("count", values.COUNT, "http: this many requests (1)"),
    Option("failed", values.WORKERS, "http: at most this many may fail (0)"),
)

ROWS: tuple[Command, ...] = (
    Command(
        "load",
        "shell",
        "send bounded load to an app through the proxy",
        operands=(Operand("APP", values.APP),),
        options=(
            Option("rps", values.RATE, "requests per second (50)"),
            Option("ramp", values.RAMP, "from A to B requests per second"),
            Option("for", values.SPAN, "how long (10s)"),
            Option("path", values.PATH, "the path to ask for (/)"),
            Option("detach", None, "run in the background; `wait load APP done` joins it", "d"),
            OUTPUT,
        ),
        examples=("load web --rps 50 --for 10s", "load web --ramp 10:100 --for 15s --detach"),
    ),
    Command(
        "wait",
        "shell",
        "wait until something is true, at most --timeout",
        operands=(Operand("CONDITION", values.TEXT, many=True),),
        options=(Option("timeout", values.DURATION, "how long to wait (60s); then exit 4"), *ANSWERS),
        examples=(
            "wait web ready",
            "wait web want == 3 --timeout 10s",
            "wait http web / --contains hello",
            "wait manager up",
        ),
        usage_tail="APP ready|gone | APP FIELD OP VALUE | http APP PATH | load APP FIELD OP VALUE | load APP "
        'done | manager up|down | error "TEXT" COMMAND',
    ),
    Command(
        "expect",
        "shell",
        "fail with exit 5 unless something is true",
        operands=(Operand("CONDITION", values.TEXT, many=True),),
        options=(Option("timeout", values.DURATION, "poll this long instead of looking once"), *ANSWERS),
        examples=(
            "expect web ready == 3",
            "expect http web / --contains hello --count 100 --failed 0",
            "expect load web failed == 0",
            "expect error 'no app' rm nosuch -y",
        ),
        usage_tail="APP ready|gone | APP FIELD OP VALUE | http APP PATH | load APP FIELD OP VALUE "
        '| manager up|down | error "TEXT" COMMAND',
    ),
    Command(
        "set",
        "shell",
        "set a variable or an option of this shell; alone: show them",
        operands=(
            Operand("NAME", values.WORD, required=False),
            Operand("VALUE", values.TEXT, required=False, many=True),
        ),
        examples=("set n 3", "set output wide", "set timing on", "set pager on", "set keys vi"),
    ),
    Command(
        "echo",
        "shell",
        "print words",
        operands=(Operand("WORD", values.TEXT, required=False, many=True),),
        examples=("echo $n workers",),
    ),
    Command(
        "sleep",
        "shell",
        "do nothing for a while",
        operands=(Operand("DURATION", values.DURATION),),
        examples=("sleep 500ms",),
    ),
    Command(
        "source",
        "shell",
        "run the commands of a file here",
        operands=(Operand("FILE", values.SCRIPT),),
        examples=("source session.sc",),
    ),
    Command(
        "record",
        "shell",
        "write what is typed from here on into a file, as a script",
        operands=(Operand("FILE", Kind("FILE|off", values.text, "files", ("off",)), required=False),),
        examples=("record session.sc", "record off"),
    ),
)

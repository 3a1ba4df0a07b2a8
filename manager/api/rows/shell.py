"""The rows of the shell itself."""

from __future__ import annotations

from manager.api import values
from manager.api.command import Command, Operand, Option

ROWS: tuple[Command, ...] = (
    Command(
        "completion",
        "shell",
        "print what makes bash or zsh complete simplecloud",
        operands=(Operand("SHELL", values.choice("bash", "zsh")),),
        examples=("completion bash",),
    ),
    Command(
        "help",
        "shell",
        "what commands there are, or how one is used",
        operands=(Operand("VERB", values.WORD, required=False),),
        options=(Option("output", values.choice("text", "man"), "man: all of it as a manual page", "o"),),
        examples=("help", "help run", "help networking", "help -o man"),
        usage_tail="[VERB | TOPIC]",
    ),
    Command("version", "shell", "the version of simplecloud", examples=("version",)),
    Command("clear", "shell", "clear the screen", examples=("clear",)),
    Command("exit", "shell", "leave the shell (Ctrl-D)", alias="quit", examples=("exit",)),
)

"""The README's session: the commands that stand there, carried out on a terminal of their own."""

from __future__ import annotations

import re

from shell.text.glyphs import stripped
from tests.real.cloud import LAUNCHER, ROOT, Cloud
from tests.real.terminal import on_terminal

README = ROOT / "README.md"
_BLOCK = re.compile(r"(?<=## A session\n\n```\n).*?(?=```)", re.DOTALL)
_VALUE = re.compile(r"[0-9.]+[A-Z]?|^-$")
_PROMPT = "cloud> "
_END = "the session ends here"
_COLUMNS = 110


def shown_in_readme() -> str:
    """Return the session as the README has it."""
    found = _BLOCK.search(README.read_text())
    assert found is not None
    return found[0]


def put_into_readme(session: str) -> None:
    """Have the README show this session."""
    README.write_text(_BLOCK.sub(lambda _: session, README.read_text()))


def captured(cloud: Cloud) -> str:
    """Return the same commands with what a person sees of them, as if this were the default cloud."""
    lines = shown_in_readme().splitlines()
    commands = [line.removeprefix(_PROMPT) for line in lines if line.startswith(_PROMPT)]
    script = "\n".join([*commands, f"echo {_END}"])
    command = ("env", "-C", str(ROOT), LAUNCHER, "--cloud", cloud.name, "-k", "-x", "-c", script)
    with on_terminal(*command, columns=_COLUMNS) as terminal:
        seen = terminal.wait_for(f"\n{_END}", within_s=120.0)
    text = _as_seen(seen).replace(f"cloud:{cloud.name}> ", _PROMPT).partition(f"{_PROMPT}echo {_END}")[0]
    text = text.replace(f":{cloud.settings.http_port}/", ":8080/")
    return text.replace(f"\n{_PROMPT}", f"\n\n{_PROMPT}")


def _as_seen(text: str) -> str:
    """Return what is left on a terminal of lines that were written over."""
    first, *later = re.split(r"\r(?:\x1b\[([0-9]+)A)?\x1b\[J", text.replace("\r\n", "\n"))
    lines = first.split("\n")
    for up, written in zip(later[::2], later[1::2], strict=True):
        del lines[len(lines) - 1 - int(up or 0) :]
        lines += written.split("\n")
    return "\n".join(stripped(line) for line in lines)


def shape(session: str) -> list[str]:
    """Return a session without what differs from one run to the next.

    That is its numbers, how wide they are, and whether a command came in the moment without a manager.
    """
    lines = (line for line in session.strip().splitlines() if "the manager is away" not in line)
    return [" ".join(_VALUE.sub("N", word) for word in line.split()) for line in lines]

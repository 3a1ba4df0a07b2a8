"""What the README says of the layout and docs/commands.md of commands is what the code has.

`python -m tests.unit.test_readme --write` writes docs/commands.md anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

from manager.api.command import Command
from manager.api.commands import GROUPS
from shell.manual import help as pages

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
REFERENCE = ROOT / "docs" / "commands.md"
_PREFACE = """\
`help` shows these too, and `help VERB` what each option does. TARGET is an app (`web`), a worker (`web.2`)
or the first digits of a container's id. `./simplecloud --cloud NAME VERB ...` is for another cloud than
`default`.

Written from the table of commands, by `python -m tests.unit.test_readme --write`."""


def layout_rows() -> list[str]:
    """Return the places that the README's layout table names."""
    section = README.read_text().partition("## Layout")[2].partition("\n## ")[0]
    return [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]


def reference() -> str:
    """Return every command with its usage and examples as Markdown, for docs/commands.md."""
    parts = ["# Commands", _PREFACE]
    for title, rows in GROUPS.items():
        parts.append(f"## {title}")
        parts += [_entry(row) for row in rows]
    return "\n\n".join(parts) + "\n"


def _entry(row: Command) -> str:
    shown = "\n".join([pages.usage_lines(row), *(f"   e.g. {example}" for example in row.examples)])
    return f"**{pages.names(row)}**: {row.summary}\n\n```\n{shown}\n```"


def test_the_command_reference_is_the_command_table() -> None:
    assert REFERENCE.read_text() == reference()


def test_every_place_of_the_layout_is_there() -> None:
    assert [place for place in layout_rows() if not (ROOT / place).exists()] == []


def test_every_package_stands_in_the_layout() -> None:
    packages = {f"{init.parent.name}/" for init in ROOT.glob("*/__init__.py")}

    assert packages <= set(layout_rows())


def test_every_demo_stands_in_the_readme() -> None:
    readme = README.read_text()

    assert [demo.name for demo in sorted((ROOT / "demos").glob("*.sc")) if demo.name not in readme] == []


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    REFERENCE.write_text(reference())

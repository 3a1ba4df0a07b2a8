"""What the README says of commands and of the layout is what the code has.

`python -m tests.unit.test_readme --write` brings the README's command reference up to date.
"""

from __future__ import annotations

import sys
from pathlib import Path

from shell.manual import help as pages

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
BEGIN, END = "<!-- commands: written by tests/unit/test_readme.py --write -->", "<!-- end of commands -->"


def with_reference(readme: str) -> str:
    """Return the README with the command reference as the table has it."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{pages.reference()}\n\n{END}{after}"


def layout_rows() -> list[str]:
    """Return the places that the README's layout table names."""
    section = README.read_text().partition("## Layout")[2].partition("\n## ")[0]
    return [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]


def test_the_command_reference_is_the_command_table() -> None:
    readme = README.read_text()

    assert readme == with_reference(readme)


def test_every_place_of_the_layout_is_there() -> None:
    assert [place for place in layout_rows() if not (ROOT / place).exists()] == []


def test_every_package_stands_in_the_layout() -> None:
    packages = {f"{init.parent.name}/" for init in ROOT.glob("*/__init__.py")}

    assert packages <= set(layout_rows())


def test_every_demo_stands_in_the_readme() -> None:
    readme = README.read_text()

    assert [demo.name for demo in sorted((ROOT / "demos").glob("*.sc")) if demo.name not in readme] == []


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    README.write_text(with_reference(README.read_text()))

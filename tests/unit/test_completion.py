"""What bash completes, in a bash."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from shell.manual import completion

PROGRAM = """\
#!/bin/sh
case $* in
"apps -q") echo web; echo api ;;
"ps -q") echo web.1 ;;
"--cloud other apps -q") echo shop ;;
esac
"""


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("sca", ["scale"]),
        ("rm w", ["web"]),
        ("logs w", ["web", "web.1"]),
        ("ps --qui", ["--quiet"]),
        ("run no", ["notes.txt"]),
        ("secret l", ["ls"]),
        ("completion z", ["zsh"]),
        ("watch do", ["doctor"]),
        ("watch w", ["web"]),
        ("--cl", ["--cloud"]),
        ("--cloud other sca", ["scale"]),
        ("--cloud other -k rm sh", ["shop"]),
    ],
)
def test_bash_completes_verbs_options_files_and_what_the_called_program_lists(
    typed: str, completed: list[str], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").touch()
    program = tmp_path / "simplecloud"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    words = f"./simplecloud {typed}"
    asked = f"COMP_WORDS=({words}); COMP_CWORD={len(words.split()) - 1}; _simplecloud ./simplecloud"
    told = subprocess.run(
        ["bash", "-c", f'{completion.script("bash")}\n{asked}; printf "%s\\n" "${{COMPREPLY[@]}}"'],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    assert told.stdout.split() == completed

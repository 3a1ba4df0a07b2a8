"""The launcher's set-up with real Python: what tests/unit/test_launcher.py has a stand-in for."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from tests.unit.test_launcher import copy_in, put_script


def test_a_virtual_environment_whose_python_went_away_is_made_again(tmp_path: Path) -> None:
    copy = copy_in(tmp_path)
    python = copy.venv / "bin/python"
    python.unlink()
    python.symlink_to("/usr/bin/python3.0")
    (copy.bin / "python3").symlink_to(os.path.realpath(sys.executable))
    (copy.root / "requirements.txt").write_text("# nothing\n")
    put_script(copy.root / "shell/__main__.py", "import sys; print(sys.argv[1:], sys.executable)")

    result = copy.run("ps")

    assert result.stdout == f"['ps'] {python}\n"
    assert "making .venv with /" in result.stderr
    assert re.fullmatch(r"python3\.\d+", os.path.basename(os.path.realpath(python)))

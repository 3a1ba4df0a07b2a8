"""The unit that `up --systemd` installs is one that systemd understands, wherever the program lies."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from manager.api.errors import SetupFailed
from manager.host.systemd import require_systemd, unit_text

UNIT = """\
# Written by simplecloud up --systemd, removed by simplecloud down.
[Unit]
Description=simplecloud: the cloud %i
After=network.target docker.service
Wants=docker.service
StartLimitIntervalSec=0

[Service]
Type=exec
Environment="PYTHONPATH=/opt/simplecloud"
ExecStartPre="/opt/simplecloud/.venv/bin/python" -P -m manager boot --cloud %i
ExecStart="/opt/simplecloud/.venv/bin/python" -P -m manager keeper --cloud %i
Restart=always
RestartSec=1
# Managers and workers outlive the keeper, as they do without systemd.
KillMode=process
TimeoutStartSec=180

[Install]
WantedBy=multi-user.target
"""


def test_the_unit_starts_what_a_reboot_took_away_and_then_the_keeper() -> None:
    assert unit_text("/opt/simplecloud/.venv/bin/python", Path("/opt/simplecloud")) == UNIT


def test_a_path_with_signs_that_systemd_reads_is_escaped() -> None:
    text = unit_text('/a 100%/"p"', Path("/a $HOME"))

    assert 'ExecStart="/a 100%%/\\"p\\"" -P' in text
    assert 'Environment="PYTHONPATH=/a $$HOME"' in text


def test_systemd_finds_nothing_to_complain_of(tmp_path: Path) -> None:
    verifier = shutil.which("systemd-analyze")
    if verifier is None:  # then the text above is all that can be compared
        return
    unit = tmp_path / "simplecloud@test.service"
    unit.write_text(unit_text(sys.executable, Path("/")))

    answer = subprocess.run(
        [verifier, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )

    assert [line for line in answer.stderr.splitlines() if "simplecloud@" in line] == []


def test_a_machine_without_systemd_is_told_what_does_without(tmp_path: Path) -> None:
    with pytest.raises(SetupFailed, match="systemd does not run") as refused:
        require_systemd(tmp_path / "absent")

    assert refused.value.hint.startswith("simplecloud up")

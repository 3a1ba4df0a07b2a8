"""The unit that `up --systemd` installs is one that systemd understands, wherever the program lies."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from manager.api.errors import SetupFailed
from manager.api.places import Places
from manager.host import systemd
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


@dataclass(frozen=True, slots=True)
class Systemd:
    """A machine that systemd runs: what it is told, and where its units are."""

    directory: Path

    @property
    def unit(self) -> Path:
        return self.directory / "simplecloud@.service"

    def told(self) -> list[str]:
        """Return the calls of systemctl since the last time."""
        calls = self.directory / "calls"
        lines = calls.read_text().splitlines() if calls.exists() else []
        calls.unlink(missing_ok=True)
        return lines

    def have(self, does: str) -> None:
        """systemctl writes down how it is called, and then does this."""
        program = self.directory / "bin" / "systemctl"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "$*" >> {self.directory}/calls\n{does}\n')
        program.chmod(0o755)

    def link(self, cloud: str) -> None:
        """The cloud's unit is enabled, as systemctl would do it."""
        wants = self.directory / "multi-user.target.wants"
        wants.mkdir(exist_ok=True)
        (wants / f"simplecloud@{cloud}.service").symlink_to(self.unit)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    machine = Systemd(tmp_path)
    machine.have("exit 0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(systemd, "UNIT", machine.unit)
    monkeypatch.setattr(systemd, "RUNNING", tmp_path)
    monkeypatch.setattr(systemd, "require_systemd", lambda: require_systemd(tmp_path))
    return machine


def test_a_cloud_that_systemd_keeps_has_its_unit_installed_enabled_and_started(machine: Systemd) -> None:
    systemd.enable(Places("mine"))

    assert machine.told() == ["daemon-reload", "enable --now simplecloud@mine.service"]
    assert "keeper --cloud %i" in machine.unit.read_text()


def test_a_cloud_that_goes_down_is_stopped_and_the_last_one_takes_the_unit_with_it(machine: Systemd) -> None:
    systemd.enable(Places("mine"))
    for cloud in ("mine", "other"):
        machine.link(cloud)
    machine.told()

    systemd.disable(Places("mine"))
    first, has_unit = machine.told(), machine.unit.exists()
    systemd.disable(Places("other"))

    assert first == ["disable --now simplecloud@mine.service", "daemon-reload"]
    assert machine.told() == ["disable --now simplecloud@other.service", "daemon-reload"]
    assert (has_unit, machine.unit.exists()) == (True, False)
    assert not systemd.is_enabled(Places("mine"))


def test_a_cloud_that_systemd_does_not_keep_asks_nothing_of_it(machine: Systemd) -> None:
    systemd.disable(Places("mine"))

    assert machine.told() == []


@pytest.mark.parametrize(
    ("refused", "hint"),
    [
        ("daemon-reload", "systemctl status"),
        ("enable --now simplecloud@mine.service", "systemctl status simplecloud@mine.service"),
    ],
)
def test_what_systemctl_refuses_is_told_with_its_words_and_the_command_that_tells_more(
    machine: Systemd, refused: str, hint: str
) -> None:
    machine.have(f'[ "$*" != "{refused}" ] || {{ echo \'Unit is masked.\' >&2; exit 1; }}')

    with pytest.raises(SetupFailed) as error:
        systemd.enable(Places("mine"))

    assert error.value.message == f"systemctl {refused} failed: Unit is masked."
    assert error.value.hint == hint

"""systemd brings a cloud up at boot and keeps its keeper running: `up --systemd`.

One template unit, an instance per cloud, for the keeper and not for each manager: the keeper knows what a
restart must respect (a drill that holds managers down, one that keeps dying, a dockerd of our own), and two
supervisors of one process would fight. Before the keeper, `boot` brings back what a reboot takes away: the
directories in /run, the bridge and its rules, the parts that Docker did not start.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from manager.api.errors import SetupFailed
from manager.api.places import Places

UNIT = Path("/etc/systemd/system/simplecloud@.service")
RUNNING = Path("/run/systemd/system")  # it is there where systemd runs
_WANTS = "multi-user.target.wants"
_ROOT = Path(__file__).resolve().parents[2]


def unit_text(python: str, root: Path) -> str:
    """Return the template unit that runs this copy of the program."""
    return f"""\
# Written by simplecloud up --systemd, removed by simplecloud down.
[Unit]
Description=simplecloud: the cloud %i
After=network.target docker.service
Wants=docker.service
StartLimitIntervalSec=0

[Service]
Type=exec
Environment="PYTHONPATH={_escaped(str(root))}"
ExecStartPre="{_escaped(python)}" -P -m manager boot --cloud %i
ExecStart="{_escaped(python)}" -P -m manager keeper --cloud %i
Restart=always
RestartSec=1
# Managers and workers outlive the keeper, as they do without systemd.
KillMode=process
TimeoutStartSec=180

[Install]
WantedBy=multi-user.target
"""


def _escaped(word: str) -> str:
    """Return a word as it must stand between double quotes of a unit."""
    return word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")


def require_systemd(running: Path = RUNNING) -> None:
    """Raise SetupFailed where systemd does not run."""
    if not running.is_dir():
        raise SetupFailed(
            "--systemd: systemd does not run on this machine",
            hint="simplecloud up    (a small keeper keeps the managers running)",
        )


def is_enabled(places: Places) -> bool:
    """Return whether systemd starts the cloud at boot."""
    return _link(places).is_symlink()


def enable(places: Places) -> None:
    """The cloud's unit is installed, enabled and started. Raises SetupFailed."""
    require_systemd()
    UNIT.write_text(unit_text(sys.executable, _ROOT))
    _systemctl("daemon-reload")
    _systemctl("enable", "--now", _instance(places))


def disable(places: Places) -> None:
    """The cloud's unit is stopped and not started again; with the last cloud the template goes."""
    if not is_enabled(places):
        return
    if RUNNING.is_dir():
        _systemctl("disable", "--now", _instance(places))
    _link(places).unlink(missing_ok=True)
    if not any(_link(places).parent.glob("simplecloud@*.service")):
        UNIT.unlink(missing_ok=True)
    if RUNNING.is_dir():
        _systemctl("daemon-reload")


def _instance(places: Places) -> str:
    return f"simplecloud@{places.cloud}.service"


def _link(places: Places) -> Path:
    return UNIT.parent / _WANTS / _instance(places)


def _systemctl(*words: str) -> None:
    try:
        subprocess.run(["systemctl", *words], capture_output=True, text=True, check=True)
    except OSError as error:
        raise SetupFailed("cannot run systemctl", hint="apt-get install systemd") from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1]
        raise SetupFailed(
            f"systemctl {' '.join(words)} failed: {said}", hint=" ".join(["systemctl status", *words[2:]])
        ) from error

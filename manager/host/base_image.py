"""The base image: a minimal Debian or Ubuntu, of the host's suite and from its mirrors, by mmdebstrap."""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from manager.api.errors import SetupFailed
from manager.host.packages import apt_error_in
from manager.host.recipe import PATH, SCRATCH, Recipe

TIDY_S = 10.0  # for which mmdebstrap may take its mounts down
# Debian 12 builds busybox, the static one too, without wget's time limit, and `busybox wget -T 2` crashes:
# `timeout 2 busybox wget` is what ends in time.
_PACKAGES = ("python3", "netcat-openbsd", "busybox")
_LEFT_OUT = ("man", "info", "locale", "doc")
_OPTIONS = (
    "--mode=root",
    "--variant=minbase",
    f"--include={','.join(_PACKAGES)}",
    *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in _LEFT_OUT),
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    # The host's proxy and mirror settings are for building only: they may hold a password.
    '--customize-hook=rm "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap',
)
_COMPONENTS = ("main", "universe")
# Settings of the host's apt without which its mirrors may not answer.
_APT_SETTING = re.compile(r"Acquire::(https?|ftp|Check-|Retries|ForceIPv)[^ ]* \".+\";")


def base_recipe(reference: str) -> Recipe:
    """Return the recipe of a minimal Debian or Ubuntu of the host's suite, with _PACKAGES."""
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME", "stable")
    return Recipe(
        reference=reference,
        about=f"minimal {suite} with {', '.join(_PACKAGES)} (about 30 s)",
        inputs=(suite, *_OPTIONS),
        instructions=(f"ENV PATH={PATH}", 'CMD ["/bin/sh"]'),
        write=lambda out: _write_base(suite, out),
    )


def _write_base(suite: str, out: BinaryIO) -> None:
    settings = [f"--aptopt={line}" for line in apt_settings_in(_output("apt-config", "dump", "Acquire"))]
    targets = _output(
        "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"
    )
    mirrors = mirrors_in(targets, suite, keyring=_keyring())
    # The check leaves a folder behind when it is interrupted, and the mirrors come with their keyring.
    argv = ["mmdebstrap", "--skip=check/signed-by", *_OPTIONS, *settings, suite, "-", *mirrors]
    with _own_scratch() as scratch:
        _bootstrap(argv, out, scratch)


def mirrors_in(targets: str, suite: str, *, keyring: Path | None) -> list[str]:
    """Return the lines for sources.list that bring `suite` and its updates from the host's mirrors.

    targets: a line each of apt's indexes, "URI SUITE COMPONENT". Others' repositories are left out: they
    name their suites or components otherwise. Raises SetupFailed when none is left.
    """
    option = f"[signed-by={keyring}] " if keyring else ""
    wanted = {suite, f"{suite}-updates", f"{suite}-security"}
    lines = dict.fromkeys(
        f"deb {option}{line}"
        for line in targets.splitlines()
        if len(words := line.split()) == 3 and words[1] in wanted and words[2] in _COMPONENTS
    )
    if not lines:
        raise SetupFailed(f"apt has no mirror of {suite}", hint="cat /etc/apt/sources.list")
    return list(lines)


def apt_settings_in(dump: str) -> list[str]:
    """Return those lines of `apt-config dump` that tell how mirrors are reached."""
    return [line for line in dump.splitlines() if _APT_SETTING.fullmatch(line)]


def _keyring() -> Path | None:
    keyring = Path(f"/usr/share/keyrings/{platform.freedesktop_os_release()['ID']}-archive-keyring.gpg")
    return keyring if keyring.exists() else None


def _output(*argv: str) -> str:
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupFailed(f"cannot run {argv[0]}: {error}", hint="simplecloud doctor") from error


@contextmanager
def _own_scratch() -> Iterator[str]:
    """Lend a directory of its own; it is gone afterwards, unless something is still mounted inside it."""
    directory = tempfile.mkdtemp(dir=SCRATCH, prefix="simplecloud-")
    os.chmod(directory, 0o755)  # apt's own user looks into it
    try:
        yield directory
    finally:
        mounts = Path("/proc/self/mountinfo").read_text()
        if f" {directory}/" not in mounts:  # below a mount are the host's own files
            shutil.rmtree(directory, ignore_errors=True)


def _end_group(process: subprocess.Popen[str]) -> None:
    """The process and its children have ended; it does not pass a signal on to them."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(TIDY_S)
    except subprocess.TimeoutExpired:  # in its first moments it may not hear one
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _bootstrap(argv: Sequence[str], out: BinaryIO, scratch: str) -> None:
    """`out` holds the tar that mmdebstrap writes; whatever ends this, mmdebstrap has ended."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": scratch, "LC_ALL": "C"},
        start_new_session=True,
    )
    with process:
        try:
            _, noise = process.communicate()
        finally:
            if process.poll() is None:
                _end_group(process)
    if process.returncode:
        raise SetupFailed(
            f"cannot build a minimal Debian: {apt_error_in(noise) or 'mmdebstrap failed'}",
            hint="apt-get update",
        )

"""The three images that a cloud needs, built on this machine from what it has: no registry is asked.

`base` is a minimal Debian (or Ubuntu: the host's own suite, from the host's own mirrors), made by
mmdebstrap. `etcd` and `proxy` hold one program of this machine each, with the libraries it needs, and
nothing else. An image carries the mark of its recipe as a label: it is built again only when what it is
made from has changed.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Protocol

from manager.api.errors import SetupFailed
from manager.api.values import BASE_IMAGE
from manager.host.files import locked
from manager.host.parts import ETCD_IMAGE, PROXY_IMAGE
from manager.host.setup import apt_error_in

RECIPE_LABEL = "simplecloud.recipe"

_LOCK = Path("/run/simplecloud/images.lock")
# On disk and without the mount options (nodev, noexec) that /tmp often has: a root file system needs both.
TIDY_S = 10.0  # for which mmdebstrap may take its mounts down
_SCRATCH = "/var/tmp"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Debian 12 builds busybox, the static one too, without wget's time limit, and `busybox wget -T 2` crashes:
# `timeout 2 busybox wget` is what ends in time.
_BASE_PACKAGES = ("python3", "netcat-openbsd", "busybox")
_HEAD_BYTES = 64 * 1024
_LEFT_OUT = ("man", "info", "locale", "doc")
_COMPONENTS = ("main", "universe")
# Settings of the host's apt without which its mirrors may not answer.
_APT_SETTING = re.compile(r"Acquire::(https?|ftp|Check-|Retries|ForceIPv)[^ ]* \".+\";")
_LIBRARY = re.compile(r"^\s+(?:\S+ => )?(/\S+) \(0x", re.MULTILINE)

Say = Callable[[str], None]


class Importer(Protocol):
    """What builds need of the container engine."""

    def has(self, reference: str, recipe: str) -> bool:
        """Return whether `reference` is here and carries `recipe` as its label RECIPE_LABEL."""
        ...

    def load(self, reference: str, tar: BinaryIO, changes: Sequence[str]) -> None:
        """Make the root file system `tar` the image `reference`, with Dockerfile instructions `changes`."""
        ...


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one image is made: `inputs` is everything its content depends on, `write` makes its tar."""

    reference: str
    about: str
    inputs: tuple[str, ...]
    instructions: tuple[str, ...]
    write: Callable[[BinaryIO], None]

    @property
    def mark(self) -> str:
        made_from = "\0".join((*self.inputs, *self.instructions))
        return sha256(made_from.encode()).hexdigest()[:16]

    @property
    def changes(self) -> tuple[str, ...]:
        return (*self.instructions, f"LABEL {RECIPE_LABEL}={self.mark}")


def ensure_images(importer: Importer, say: Say) -> None:
    """Base, etcd and proxy are images of this machine, made from what is installed now.

    Two callers at once build each image once. Raises SetupFailed.
    """
    wanted = recipes()
    if not missing(wanted, importer):
        return
    with locked(_LOCK):
        build(missing(wanted, importer), importer, say)


def recipes() -> tuple[Recipe, ...]:
    """Return the recipes of the images for this machine, the quick ones first."""
    traefik = Path(sys.executable).parent / "traefik"
    return (
        program_recipe(ETCD_IMAGE, _installed("etcd"), about="the store (about 1 s)"),
        program_recipe(PROXY_IMAGE, traefik, about="the load balancer (about 2 s)"),
        base_recipe(BASE_IMAGE),
    )


def missing(wanted: Sequence[Recipe], importer: Importer) -> list[Recipe]:
    """Return the recipes whose image is not here as they make it."""
    return [recipe for recipe in wanted if not importer.has(recipe.reference, recipe.mark)]


def build(wanted: Sequence[Recipe], importer: Importer, say: Say) -> None:
    """Every wanted image is loaded; its temporary file is gone also when this process is killed."""
    for recipe in wanted:
        say(f"building {recipe.reference}: {recipe.about}")
        with tempfile.TemporaryFile(dir=_SCRATCH) as tar:
            recipe.write(tar)
            tar.seek(0)
            importer.load(recipe.reference, tar, recipe.changes)


# --- one program and the libraries it needs


def program_recipe(reference: str, program: Path, *, about: str) -> Recipe:
    """Return the recipe of an image that holds `program` alone. Raises SetupFailed when it is not there."""
    return Recipe(
        reference=reference,
        about=about,
        inputs=(program.name, _identity(program)),
        instructions=(f"ENV PATH={_PATH}", f'ENTRYPOINT ["/usr/bin/{program.name}"]'),
        write=lambda out: write_program(program, out),
    )


def _identity(program: Path) -> str:
    """Return what tells two programs apart: the size, and the head of the file, which has the build id.

    The same program in another virtual environment is the same, whatever its path and its age.
    """
    try:
        with program.open("rb") as file:
            head = file.read(_HEAD_BYTES)
            return f"{os.fstat(file.fileno()).st_size} {sha256(head).hexdigest()}"
    except OSError as error:
        raise SetupFailed(f"{program} cannot be read: {error.strerror}", hint="simplecloud doctor") from error


def write_program(program: Path, out: BinaryIO) -> None:
    """`out` is a tar with the program in /usr/bin, and its loader and libraries where it looks for them."""
    places = {f"/usr/bin/{program.name}": program} | {str(path): path for path in _libraries(program)}
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in sorted({folder for place in places for folder in Path(place).parents}):
            tar.addfile(_entry(folder, tarfile.DIRTYPE))
        for place, source in places.items():
            _add_file(tar, place, source)


def _add_file(tar: tarfile.TarFile, place: str, source: Path) -> None:
    entry = _entry(Path(place), tarfile.REGTYPE)
    with source.open("rb") as file:
        entry.size = os.fstat(file.fileno()).st_size
        tar.addfile(entry, file)


def _entry(path: Path, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(f".{path}")
    entry.type, entry.mode = kind, 0o755
    return entry


def _libraries(program: Path) -> list[Path]:
    """Return the dynamic loader and the libraries it opens for `program`; none for a static program."""
    listing = subprocess.run(
        ["ldd", str(program)], capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C"}
    )
    return libraries_in(listing.stdout)


def libraries_in(listing: str) -> list[Path]:
    """Return the files that ldd lists. Raises SetupFailed when one is missing."""
    absent = re.search(r"^\s+(\S+) => not found", listing, re.MULTILINE)
    if absent:
        raise SetupFailed(f"the library {absent[1]} is not on this machine", hint="apt-get -f install")
    return [Path(path) for path in _LIBRARY.findall(listing)]


def _installed(program: str) -> Path:
    path = shutil.which(program)
    if path is None:
        raise SetupFailed(f"{program} is not installed", hint="simplecloud up")
    return Path(path).resolve()


# --- a minimal Debian


def base_recipe(reference: str) -> Recipe:
    """Return the recipe of a minimal Debian or Ubuntu of the host's suite, with _BASE_PACKAGES."""
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME", "stable")
    options = _base_options()
    return Recipe(
        reference=reference,
        about=f"minimal {suite} with {', '.join(_BASE_PACKAGES)} (about 30 s)",
        inputs=(suite, *options),
        instructions=(f"ENV PATH={_PATH}", 'CMD ["/bin/sh"]'),
        write=lambda out: _write_base(suite, options, out),
    )


def _base_options() -> tuple[str, ...]:
    return (
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join(_BASE_PACKAGES)}",
        *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in _LEFT_OUT),
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        # The host's proxy and mirror settings are for building only: they may hold a password.
        '--customize-hook=rm "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap',
    )


def _write_base(suite: str, options: Sequence[str], out: BinaryIO) -> None:
    settings = [f"--aptopt={line}" for line in apt_settings_in(_output("apt-config", "dump", "Acquire"))]
    targets = _output(
        "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"
    )
    mirrors = mirrors_in(targets, suite, keyring=_keyring())
    # The check leaves a folder behind when it is interrupted, and the mirrors come with their keyring.
    argv = ["mmdebstrap", "--skip=check/signed-by", *options, *settings, suite, "-", *mirrors]
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
    directory = tempfile.mkdtemp(dir=_SCRATCH, prefix="simplecloud-")
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

"""A tiny image from Debian's static busybox, and a DockerEngine on a cloud of its own."""

from __future__ import annotations

import atexit
import io
import secrets
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from docker.errors import NotFound

from manager.engine.docker_engine import DockerEngine
from manager.engine.orders import WorkerOrder
from manager.host.dockerd import SOCKET
from manager.host.files import locked
from tests.real.cloud import docker_by_hand
from tests.turns import APT

APPLETS = ("sh", "sleep", "cat", "env", "ls", "ip", "hostname", "id", "nproc")


@cache
def static_busybox() -> Path:
    """Return the program out of Debian's package, which is not installed for that."""
    directory = Path(tempfile.mkdtemp(prefix="sc-busybox-"))
    atexit.register(shutil.rmtree, directory)
    with locked(APT):
        if not _download("busybox-static", directory):
            subprocess.run(["apt-get", "-qq", "update"], check=True)
            assert _download("busybox-static", directory)
    [package] = directory.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", package, directory], check=True)
    return directory / "bin/busybox"


def _download(package: str, directory: Path) -> bool:
    asked = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package]
    return subprocess.run(asked, cwd=directory, check=False).returncode == 0


def busybox_tar(files: Mapping[str, tuple[int, bytes]] | None = None) -> io.BytesIO:
    """Return a root file system of busybox, its applets, /usr/bin as a link to /bin, and these files."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for directory in ("bin", "etc", "usr", "tmp"):
            _add(tar, directory, tarfile.DIRTYPE)
        tar.add(static_busybox(), "bin/busybox")
        for applet in APPLETS:
            _add(tar, f"bin/{applet}", tarfile.SYMTYPE, "busybox")
        _add(tar, "bin/nowhere", tarfile.SYMTYPE, "/gone/away")
        _add(tar, "usr/bin", tarfile.SYMTYPE, "../bin")
        for path, (mode, contents) in (files or {}).items():
            member = tarfile.TarInfo(path)
            member.mode, member.size = mode, len(contents)
            tar.addfile(member, io.BytesIO(contents))
    written.seek(0)
    return written


def _add(tar: tarfile.TarFile, path: str, kind: bytes, target: str = "") -> None:
    member = tarfile.TarInfo(path)
    member.type, member.mode, member.linkname = kind, 0o755, target
    tar.addfile(member)


@contextmanager
def own_cloud() -> Iterator[DockerEngine]:
    """Lend an engine of a cloud that nobody else has; its containers are gone afterwards."""
    engine = DockerEngine(f"test-{secrets.token_hex(4)}", SOCKET)
    try:
        yield engine
    finally:
        for name in engine.owned():
            engine.remove(name)
        engine.close()


@contextmanager
def own_image(engine: DockerEngine, files: Mapping[str, tuple[int, bytes]] | None = None) -> Iterator[str]:
    """Lend a busybox image that nobody else has; it is gone afterwards."""
    reference = f"sc-test/busybox-{secrets.token_hex(4)}"
    engine.images.load(reference, busybox_tar(files), ["ENV PATH=/bin", "LABEL simplecloud.recipe=r1"])
    try:
        yield reference
    finally:
        forget_image(reference)


def forget_image(reference: str) -> None:
    """The image is gone, if it was there."""
    with docker_by_hand() as by_hand, suppress(NotFound):
        by_hand.remove_image(reference)


def worker_order(image: str, *command: str, slot: int = 1, prefix: str = "sc_test") -> WorkerOrder:
    """Return an order of an app `web`; `prefix` keeps the names of different tests apart."""
    return WorkerOrder(
        name=f"{prefix}_web_{slot}_1",
        app="web",
        slot=slot,
        revision=1,
        image=image,
        command=command,
        hostname=f"web.{slot}",
        stop_grace_s=1,
    )

"""The files of workers, in memory: what was copied in can be looked at and copied out."""

from __future__ import annotations

import io
import posixpath
import tarfile
from typing import TYPE_CHECKING, BinaryIO

from manager.api.errors import EngineError, WorkerNotFound
from manager.engine.containers import InnerFile
from manager.engine.files import too_large

if TYPE_CHECKING:
    from tests.fakes.engine import FakeEngine


class FakeWorkerFiles:
    """A tree for each worker: bytes of a file by its path, None for a directory."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self._trees: dict[str, dict[str, bytes | None]] = {}

    def look(self, name: str, path: str) -> InnerFile | None:
        tree = self._tree(name)
        if path not in tree:
            return None
        return InnerFile(path, is_directory=tree[path] is None, is_regular=tree[path] is not None)

    def read(self, name: str, path: str, into: BinaryIO, limit_bytes: int) -> None:
        parent, packed = posixpath.dirname(path), io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for inner, content in sorted(self._tree(name).items()):
                if inner == path or inner.startswith(f"{path}/"):
                    _add(tar, posixpath.relpath(inner, parent), content)
        if packed.tell() > limit_bytes:
            raise too_large(path, limit_bytes)
        into.write(packed.getvalue())

    def write(self, name: str, directory: str, tar: BinaryIO) -> None:
        tree = self._tree(name)
        if tree.get(directory, b"") is not None:
            raise EngineError(f"there is no directory {directory} in {name}", hint="ps")
        with tarfile.open(fileobj=tar) as archive:
            for member in archive:
                content = archive.extractfile(member)
                path = posixpath.normpath(posixpath.join(directory, member.name))
                tree[path] = content.read() if content is not None else None

    def _tree(self, name: str) -> dict[str, bytes | None]:
        self._engine.reach(f"look into {name}")
        if self._engine.worker(name) is None:
            raise WorkerNotFound(f"no such container: {name}", hint="ps")
        return self._trees.setdefault(name, {"/": None})


def _add(tar: tarfile.TarFile, name: str, content: bytes | None) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.size = (tarfile.DIRTYPE, 0) if content is None else (tarfile.REGTYPE, len(content))
    tar.addfile(member, io.BytesIO(content or b""))

"""`cp`: archives between a client's file and a worker. Paths of this machine are the client's own affair."""

from __future__ import annotations

import io
import os
import posixpath
from dataclasses import dataclass
from shlex import quote
from typing import Any

from manager.api.arguments import Arguments
from manager.api.cite import cited
from manager.api.copying import MAX_COPY_BYTES, Copy, copy_of
from manager.api.documents import document
from manager.api.errors import CloudError, UsageError
from manager.engine.contract import Engine
from manager.server import Call
from manager.service.dispatch import Answer
from manager.service.inside import Inside
from manager.service.intake import only_file
from manager.service.targets import Place


class _Archive(io.FileIO):
    """The client's file; what its disk refuses is told as that, and not as Docker's failure."""

    def write(self, piece: Any) -> int:
        left = memoryview(piece)
        try:
            while left:
                left = left[super().write(left) :]
        except OSError as error:
            raise CloudError(f"the copy cannot be written: {error.strerror}", hint="df -h") from error
        return len(piece)


@dataclass(frozen=True, slots=True)
class Copying:
    """The command cp."""

    engine: Engine
    inside: Inside

    def cp(self, call: Call, arguments: Arguments) -> Answer:
        copy = copy_of(arguments.text("src") or "", arguments.text("dst") or "")
        place = self._place(copy)
        match call.request.params.get("step"):
            case {"do": "look", "path": str(path)}:
                return self._look(copy, place, _absolute(path))
            case {"do": "read", "path": str(path)}:
                return self._read(call, place, _absolute(path))
            case {"do": "write", "path": str(path)}:
                return self._write(call, place, _absolute(path))
            case _:
                raise UsageError('cp: step is {"do":"look|read|write","path":PATH}', hint="help cp")

    def _place(self, copy: Copy) -> Place:
        place = self.inside.place(copy.target, ended=not copy.inwards)  # nobody would see what came in there
        if place.among > 1:
            here, there = quote(copy.here), quote(f"{place.worker}:{copy.inside}")
            words = f"{here} {there}" if copy.inwards else f"{there} {here}"
            raise UsageError(
                f"{copy.target} has {place.among} workers: say which", hint=f"cp {words}", word=copy.target
            )
        return place

    def _look(self, copy: Copy, place: Place, path: str) -> Answer:
        """Tell what is at a path; what is to be copied out must be there."""
        found = self.engine.files.look(place.container, path)
        if found is None and not copy.inwards:
            parent = posixpath.dirname(path.rstrip("/")) or "/"
            seen_by = f"exec {place.worker} ls -la {parent}"
            raise CloudError(
                f"there is no {path} in {place.worker}",
                hint=seen_by if place.runs else f"cp {place.worker}:{parent} .",
                word=path,
            )
        if found is None:
            return document("InnerFile", {"worker": place.worker, "path": path})
        told = {"path": found.path, "directory": found.is_directory, "file": found.is_regular}
        return document("InnerFile", {"worker": place.worker, **told})

    def _read(self, call: Call, place: Place, path: str) -> Answer:
        with _Archive(os.dup(only_file(call)), "wb") as archive:
            archive.truncate(0)  # a manager before this one may have begun
            archive.seek(0)
            self.engine.files.read(place.container, path, archive, MAX_COPY_BYTES)
        return document("Result", {"message": ""})

    def _write(self, call: Call, place: Place, directory: str) -> Answer:
        with os.fdopen(os.dup(only_file(call)), "rb") as archive:
            archive.seek(0)
            self.engine.files.write(place.container, directory, archive)
        return document("Result", {"message": ""})


def _absolute(path: str) -> str:
    if not path.startswith("/") or "\0" in path:
        raise UsageError(f"{cited(path[:40])} is not an absolute path", hint="help cp")
    return path

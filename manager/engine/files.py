"""The files of workers, copied in and out as tar archives; Docker resolves the paths inside the container."""

from __future__ import annotations

import re
from typing import BinaryIO

from docker.errors import APIError, NotFound

from manager.api.errors import CloudError, EngineError, NotAllowed
from manager.engine import decode
from manager.engine.connection import Connection, raise_for_status, url
from manager.engine.containers import InnerFile

_CHUNK_BYTES = 1 << 20
_COPY_S = 600.0
_READ_ONLY = "read-only"
_IN_THE_WAY = re.compile(r'cannot overwrite (?P<kind>(?:non-)?directory) "(?P<path>/[^"]*)"')
_MOUNTED = re.compile(r"unlinkat (?P<path>/.*): device or resource busy")


class DockerFiles:
    """The files of one cloud's workers; safe to use from any thread. See Files for what holds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def look(self, name: str, path: str) -> InnerFile | None:
        with self._connection.borrow(f"look at {path} in {name}") as client:
            address = url(client, f"/containers/{name}/archive")
            answer = client.head(address, params={"path": path}, timeout=client.timeout)
            if answer.status_code == 404:
                return None
            if not answer.ok:  # an answer without a body says no more
                raise EngineError(
                    f"{path} cannot be reached: what leads there is no directory", hint="help cp"
                )
            stat = decode.file_stat_of(answer.headers)
        if stat.is_symlink and stat.link_target not in ("", path):
            return self.look(name, stat.link_target)
        return InnerFile(path, is_directory=stat.is_directory, is_regular=stat.is_regular)

    def read(self, name: str, path: str, into: BinaryIO, limit_bytes: int) -> None:
        with self._connection.borrow(f"copy {path} out of {name}", timeout_s=_COPY_S) as client:
            stream, _ = client.get_archive(name, path, chunk_size=_CHUNK_BYTES)
            for chunk in stream:
                into.write(chunk)
                if into.tell() > limit_bytes:
                    raise too_large(path, limit_bytes)

    def write(self, name: str, directory: str, tar: BinaryIO) -> None:
        with self._connection.borrow(f"copy into {directory} of {name}", timeout_s=_COPY_S) as client:
            answer = client.put(
                url(client, f"/containers/{name}/archive"),
                params={"path": directory, "noOverwriteDirNonDir": "true"},
                data=tar,
                timeout=client.timeout,
            )
            try:
                raise_for_status(answer)
            except NotFound as error:
                raise EngineError(f"there is no directory {directory} in {name}", hint="ps") from error
            except APIError as error:
                said = str(error.explanation)
                if _READ_ONLY in said:
                    raise _read_only(directory) from error
                if found := _IN_THE_WAY.search(said):
                    raise _in_the_way(found["path"], is_directory=found["kind"] == "directory") from error
                if mounted := _MOUNTED.search(said):
                    raise _busy(mounted["path"]) from error
                raise


def too_large(path: str, limit_bytes: int) -> CloudError:
    """Return the error for more than may be copied at once."""
    return CloudError(f"{path} has more than {limit_bytes >> 20}M", hint="help cp    (copy a part of it)")


def _read_only(directory: str) -> NotAllowed:
    return NotAllowed(
        f"{directory} is read-only in the worker: nothing can be copied into it",
        hint="help run    (--copy SRC:DST brings files in; without --read-only they can be written)",
    )


def _in_the_way(path: str, *, is_directory: bool) -> NotAllowed:
    is_there, other = ("a directory", "a file") if is_directory else ("a file", "a directory")
    return NotAllowed(f"{path} is {is_there} in the worker: {other} cannot replace it", hint="help cp")


def _busy(path: str) -> NotAllowed:
    return NotAllowed(
        f"{path} is mounted in the worker, as what was copied in at its start: it cannot be replaced",
        hint="help update    (a new file is a new revision)",
    )

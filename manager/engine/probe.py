"""The files in an image, seen through a container that is never started."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import BinaryIO

import docker
from docker.errors import NotFound

from manager.engine import decode, payload
from manager.engine.connection import Connection, raise_for_status, url
from manager.engine.containers import ImageDetails

_READ_BYTES = 1 << 20


class ProbedFiles:
    """The files of one image, seen through a container that is made when first needed and never started.

    Docker itself resolves the paths, so this holds for every storage driver; a look takes 2-3 ms, making
    the container 20 ms.  What is known of an image's files stays known: its id names its content.
    See ImageFiles for what holds.
    """

    def __init__(
        self,
        connection: Connection,
        cloud: str,
        details: ImageDetails,
        known: dict[str, decode.FileStat | None],
    ) -> None:
        self._connection = connection
        self._cloud = cloud
        self._image_id = details.id
        self._known = known
        self._probe = ""
        self.reference, self.architecture = details.reference, details.architecture
        self.search_path, self.working_dir = details.search_path, details.working_dir

    def mode(self, path: str) -> int | None:
        stat = self._found(path)
        return stat.permissions if stat and stat.is_regular else None

    def is_directory(self, path: str) -> bool:
        stat = self._found(path)
        return stat is not None and stat.is_directory

    def read(self, path: str) -> bytes | None:
        real_path, stat = self._followed(path)
        if stat is None or not stat.is_regular:
            return None
        with self._looking(path) as client:
            answer = client.get(
                self._archive(client),
                params={"path": real_path},
                headers={"Accept-Encoding": "identity"},
                stream=True,
                timeout=client.timeout,
            )
            with answer:
                raise_for_status(answer)
                return _only_file(answer.raw)

    def close(self) -> None:
        """The container is gone, if one was needed."""
        if self._probe:
            with self._connection.borrow(f"remove {self._probe}") as client, suppress(NotFound):
                client.remove_container(self._probe, force=True, v=True)

    def _found(self, path: str) -> decode.FileStat | None:
        if path not in self._known:
            self._known[path] = self._followed(path)[1]
        return self._known[path]

    def _followed(self, path: str) -> tuple[str, decode.FileStat | None]:
        """Return where a path leads and what is there."""
        stat = self._stat(path)
        if stat is None or not stat.is_symlink:
            return path, stat
        return stat.link_target, self._stat(stat.link_target)

    def _stat(self, path: str) -> decode.FileStat | None:
        with self._looking(path) as client:
            answer = client.head(self._archive(client), params={"path": path}, timeout=client.timeout)
            # A path that goes on below a file is an error of Docker's, not a missing file.
            if answer.status_code == 404 or (answer.status_code == 500 and self._is_below_a_file(path)):
                return None
            raise_for_status(answer)
            return decode.file_stat_of(answer.headers)

    def _is_below_a_file(self, path: str) -> bool:
        return any(self.mode(str(parent)) is not None for parent in PurePosixPath(path).parents)

    @contextmanager
    def _looking(self, path: str) -> Iterator[docker.APIClient]:
        with self._connection.borrow(f"look at {path} in image {self.reference}") as client:
            self._probe = self._probe or self._made(client)
            yield client

    def _made(self, client: docker.APIClient) -> str:
        name = f"sc_{self._cloud}_probe"
        with suppress(NotFound):
            client.remove_container(name, force=True, v=True)
        client.create_container_from_config(payload.probe_payload(self._cloud, self._image_id), name)
        return name

    def _archive(self, client: docker.APIClient) -> str:
        return url(client, f"/containers/{self._probe}/archive")


def _only_file(stream: BinaryIO) -> bytes | None:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        member = archive.next()
        contents = archive.extractfile(member) if member else None
        return contents.read(_READ_BYTES) if contents else None

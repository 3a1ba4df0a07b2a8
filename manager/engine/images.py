"""The images of this machine; nothing is pulled unless `pull` is called."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any, BinaryIO, TypeVar

import docker
from docker.errors import APIError, NotFound
from docker.utils import parse_repository_tag

from manager.api.cite import cited
from manager.api.errors import EngineError, ImageNotFound
from manager.engine import decode
from manager.engine.connection import Connection
from manager.engine.containers import Image, ImageDetails
from manager.engine.probe import ProbedFiles
from manager.engine.pull import pull

OTHERS_S = 10.0  # for which a container that somebody else makes is waited for
LOOK_S = 0.05
_IMPORT_S = 600.0

T = TypeVar("T")


class DockerImages:
    """Docker's images; safe to use from any thread. See Images for what holds."""

    def __init__(self, cloud: str, connection: Connection) -> None:
        self._cloud = cloud
        self._connection = connection
        self._stats: dict[str, dict[str, decode.FileStat | None]] = {}
        self._one_probe = threading.Lock()

    def list(self) -> list[Image]:
        with self._connection.borrow("list images") as client:
            found = [decode.image_of(row) for row in client.images()]
        return [image for image in found if image.references]

    def details(self, reference: str) -> ImageDetails:
        answer = self._inspected(reference)
        if answer is None:
            raise self._missing(reference)
        return decode.image_details_of(reference, answer)

    def has(self, reference: str, recipe: str) -> bool:
        answer = self._inspected(reference)
        return answer is not None and decode.image_recipe_of(answer) == recipe

    def load(self, reference: str, tar: BinaryIO, changes: Sequence[str]) -> None:
        before = self._id_of(reference)
        repository, tag = parse_repository_tag(reference)
        with self._connection.borrow(f"import image {reference}", timeout_s=_IMPORT_S) as client:
            answer = client.import_image(tar, repository, tag or "latest", changes=list(changes))
        _check_import(reference, answer)
        if before and before != self._id_of(reference):
            self._remove_unused(before)

    def pull(self, reference: str, told: Callable[[str], None]) -> None:
        pull(self._connection, reference, told)

    @contextmanager
    def open(self, reference: str) -> Iterator[ProbedFiles]:
        details = self.details(reference)
        known = self._stats.setdefault(details.id, {})
        files = ProbedFiles(self._connection, self._cloud, details, known)
        # One at a time: the probe has one name, so one that a killed manager left is found and replaced.
        with self._one_probe, closing(files):
            yield files

    def make(
        self,
        client: docker.APIClient,
        name: str,
        image: str,
        body: Mapping[str, object],
        found: Callable[[], T | None],
    ) -> T | None:
        """The container is there; returns what is found where others were first, None where it was made here.

        found: looks for a container of that name that others made: `doctor --fix` beside a manager, or
        Docker itself for a call that was given up or whose manager died. Docker gives a name away a moment
        before it knows a container by it.  Raises ImageNotFound, naming those there are.
        """
        ends_at = time.monotonic() + OTHERS_S
        while True:
            try:
                client.create_container_from_config(body, name)
            except docker.errors.ImageNotFound as error:
                raise self._missing(image) from error
            except APIError as error:
                if error.status_code != HTTPStatus.CONFLICT or time.monotonic() > ends_at:
                    raise
            else:
                return None
            if (other := found()) is not None:
                return other
            time.sleep(LOOK_S)

    def _missing(self, reference: str) -> ImageNotFound:
        """Return the error for an image that is not here."""
        names = sorted(name.removesuffix(":latest") for image in self.list() for name in image.references)
        near = get_close_matches(reference, names, n=1)
        meant = f"; did you mean {near[0]}" if near else ""
        there = ", ".join(names) or "none"
        return ImageNotFound(
            f"image {cited(reference)} is not on this machine{meant} (there are: {there})",
            hint="images",
            word=reference,
            meant=near[0] if near else "",
        )

    def _id_of(self, reference: str) -> str | None:
        answer = self._inspected(reference)
        return decode.image_details_of(reference, answer).id if answer else None

    def _inspected(self, reference: str) -> Mapping[str, Any] | None:
        """Return Docker's answer about an image, None when there is none."""
        with self._connection.borrow(f"inspect image {reference}") as client, suppress(NotFound):
            answer: Mapping[str, Any] = client.inspect_image(reference)
            return answer
        return None

    def _remove_unused(self, image_id: str) -> None:
        with self._connection.borrow(f"remove image {image_id}") as client:
            try:
                client.remove_image(image_id)
            except APIError as error:
                if error.status_code not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                    raise


def _check_import(reference: str, answer: str) -> None:
    """Raise EngineError when Docker reports that it failed, which it does under the status 200."""
    for line in answer.splitlines():
        said = json.loads(line)
        if "error" in said:
            raise EngineError(f"cannot import image {reference}: {said['error']}", hint="doctor --fix")

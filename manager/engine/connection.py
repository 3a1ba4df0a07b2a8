"""Clients of Docker's API, each in one thread at a time, whose errors come out as ours.

`requests.Session`, which docker's client is, is not thread-safe, and a client for every thread that ever
asks would leave a connection with each.  So clients are borrowed for one piece of work; a stream, which
lasts, has one for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from queue import Empty, Full, LifoQueue

import docker
import requests
import urllib3
from docker.constants import MINIMUM_DOCKER_API_VERSION
from docker.errors import APIError, DockerException, NotFound, create_api_error_from_http_exception

from manager.api.errors import EngineAway, EngineError, WorkerNotFound

_PIECE_BYTES = 65536


class Connection:
    """The way to one Docker; safe to use from any thread."""

    def __init__(self, base_url: str, *, timeout_s: float, idle_clients: int) -> None:
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._version: str | None = None
        self._idle: LifoQueue[docker.APIClient] = LifoQueue(idle_clients)

    @contextmanager
    def borrow(self, doing: str, *, timeout_s: float | None = None) -> Iterator[docker.APIClient]:
        """Lend a client for the `with`; `doing` completes "cannot ..." in the errors.

        timeout_s: how long Docker may stay silent in one call, when the usual limit does not fit.
        """
        with _translated(doing, self._base_url):
            client = self._take()
            client.timeout = timeout_s or self._timeout_s
            try:
                yield client
            finally:
                self._give_back(client)

    def stream(self, doing: str, path: str, params: Mapping[str, str], *, lasting: bool = True) -> Stream:
        """Return the answer to a GET, to be read as it comes, on a client of its own.

        lasting: it may be silent for ever, and goes on until somebody ends it.
        """
        with _translated(doing, self._base_url):
            client = self._new_client()
            try:
                # The GET may wait for ever; a Docker that does not answer at all is found out here.
                client.ping()
                timeout_s = None if lasting else self._timeout_s
                answer = client.get(url(client, path), params=params, stream=True, timeout=timeout_s)
                raise_for_status(answer)
            except BaseException:
                client.close()
                raise
        return Stream(client, answer, doing, self._base_url)

    def close(self) -> None:
        """No client is kept; those that nobody has borrowed have no connection."""
        while not self._idle.empty():
            self._idle.get()

    def _take(self) -> docker.APIClient:
        try:
            return self._idle.get_nowait()
        except Empty:
            return self._new_client()

    def _give_back(self, client: docker.APIClient) -> None:
        # Only its connections: docker would keep one for each URL, 25 of them, and a new one takes 0.1 ms.
        client.close()
        with suppress(Full):
            self._idle.put_nowait(client)

    def _new_client(self) -> docker.APIClient:
        if self._version is None:
            self._version = self._spoken_version()
        return docker.APIClient(self._base_url, version=self._version, timeout=self._timeout_s)

    def _spoken_version(self) -> str:
        # Asked once and not by each client, which takes it 15 ms and hides a time-out from us.
        client = docker.APIClient(self._base_url, version=MINIMUM_DOCKER_API_VERSION, timeout=self._timeout_s)
        try:
            version: str = client.version(api_version=False)["ApiVersion"]
            return version
        finally:
            client.close()


class Stream:
    """An answer that lasts: read in one thread, ended from any, released in the one that reads."""

    def __init__(
        self, client: docker.APIClient, answer: requests.Response, doing: str, base_url: str
    ) -> None:
        self._client = client
        self._answer = answer
        self._doing = doing
        self._base_url = base_url
        self._ended = False
        self._read = bytearray()

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""
        while len(self._read) < size and (piece := self._piece()):
            self._read += piece
        found = bytes(self._read[:size])
        del self._read[:size]
        return found

    def _piece(self) -> bytes:
        """Return what is there, waiting only for the first of it; nothing at the end."""
        with self._until_ended():
            found: bytes = self._answer.raw.read1(_PIECE_BYTES)
            return found
        return b""

    def pieces(self) -> Iterator[bytes]:
        """Yield what comes, as it comes."""
        with self._until_ended():
            yield from self._answer.iter_content(chunk_size=None)

    def end(self) -> None:
        """The reader finds the end now."""
        self._ended = True
        try:
            self._answer.raw.shutdown()
        except (RuntimeError, ValueError, OSError):
            return  # it had ended by itself

    def release(self) -> None:
        """The connection is closed; for the thread that reads."""
        self._answer.close()
        self._client.close()

    @contextmanager
    def _until_ended(self) -> Iterator[None]:
        try:
            with _translated(self._doing, self._base_url):
                yield
        except EngineError:
            # Cutting a connection looks like its failure; after `end` it is what was asked for.
            if not self._ended:
                raise


def url(client: docker.APIClient, path: str) -> str:
    """Return the address of a path of Docker's API, for what docker's client has no method."""
    return f"{client.base_url}/v{client.api_version}{path}"


def raise_for_status(answer: requests.Response) -> None:
    """Raise docker's own error for an answer that is one, as its client's methods do."""
    try:
        answer.raise_for_status()
    except requests.HTTPError as error:
        create_api_error_from_http_exception(error)


@contextmanager
def _translated(doing: str, base_url: str) -> Iterator[None]:
    try:
        yield
    except APIError as error:
        words = f"cannot {doing}: {said_by(error)}"
        # Docker has two answers for a container that goes, by how far it is gone.
        if isinstance(error, NotFound) or "marked for removal" in words:
            raise WorkerNotFound(words, hint="ps") from error
        raise EngineError(words, hint="doctor") from error
    except requests.Timeout as error:
        raise EngineAway(
            f"cannot {doing} for sure: docker did not answer in time and may still do it, look again",
            hint="doctor",
        ) from error
    except (DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise EngineAway(f"cannot {doing}: docker cannot be reached at {base_url}", hint="doctor") from error


def said_by(error: APIError) -> str:
    """Return Docker's explanation as the end of a sentence of ours."""
    said = " ".join(str(error.explanation or error).split())
    said = said.removesuffix(": unknown").rstrip(".")
    return said[:1].lower() + said[1:]

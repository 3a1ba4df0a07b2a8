"""Fetching an image from its registry, which happens only when an operator says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from docker import auth, utils
from docker.errors import APIError, InvalidRepository

from manager.api.errors import EngineError
from manager.engine.connection import Connection, raise_for_status, said_by, url

_SILENCE_S = 120.0  # Docker tells every step; a registry that is this slow is taken for gone


def pull(connection: Connection, reference: str, told: Callable[[str], None]) -> None:
    """The image is on this machine.  Raises EngineError, and what `told` raises: then Docker gives up too."""
    with connection.borrow(f"pull image {reference}", timeout_s=_SILENCE_S) as client:
        try:
            repository, tag = utils.parse_repository_tag(reference)
            header = auth.get_config_header(client, auth.resolve_repository_name(repository)[0])
            answer = client.post(
                url(client, "/images/create"),
                params={"fromImage": repository, "tag": tag or "latest"},
                headers={"X-Registry-Auth": header} if header else {},
                stream=True,
                timeout=client.timeout,
            )
            with answer:
                raise_for_status(answer)
                _follow(reference, answer.iter_lines(), told)
        except (APIError, InvalidRepository) as error:
            words = said_by(error) if isinstance(error, APIError) else "that names no image"
            raise _failed(reference, words) from error


def _follow(reference: str, lines: Iterable[bytes], told: Callable[[str], None]) -> None:
    """Tell each step of each layer once.  Docker reports what goes wrong now under the status 200."""
    before: dict[str, str] = {}
    for line in filter(None, lines):
        said = json.loads(line)
        if "error" in said:
            raise _failed(reference, said["error"])
        layer, step = str(said.get("id", "")), str(said.get("status", ""))
        if before.get(layer) != step:
            before[layer] = step
            told(f"{layer}: {step}" if layer else step)


def _failed(reference: str, words: str) -> EngineError:
    return EngineError(f"cannot pull image {reference}: {words}", hint="images    (those that are here)")

"""DockerEngine: the workers of one cloud as containers of this machine's Docker."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

import docker
from docker.errors import APIError, NotFound

from manager.api.errors import EngineError, WorkerNotFound
from manager.engine import decode, payload
from manager.engine.birth import wired
from manager.engine.connection import Connection
from manager.engine.containers import KILLED, LAST_LINES, Container, DockerFacts, Processes, as_said
from manager.engine.contract import NameTaken
from manager.engine.execs import DockerExecs
from manager.engine.files import DockerFiles
from manager.engine.images import DockerImages
from manager.engine.inspections import Inspections, inspected, listed
from manager.engine.kernel_log import reached_memory_limit
from manager.engine.orders import WorkerOrder
from manager.engine.parts import DockerParts
from manager.engine.streams import DockerLogs, DockerWatch

_INSPECTIONS_AT_ONCE = 8
_IDLE_CLIENTS = 16
_FACTS_S = 2.0  # it says at once how it is, or it is not well
# Without these filters every health check and `docker exec` on the machine would be a reason to look again.
_EVENTS = ["create", "start", "die", "oom", "pause", "unpause", "rename", "destroy"]


class DockerEngine:
    """The containers of one cloud; safe to use from any thread, each in one. See Engine for what holds.

    socket: where Docker answers.  timeout_s: how long it may stay silent in one call.  Nothing is asked of it
    before the first call.
    """

    def __init__(self, cloud: str, socket: Path, *, timeout_s: float = 20.0) -> None:
        self.cloud = cloud
        self._connection = Connection(f"unix://{socket}", timeout_s=timeout_s, idle_clients=_IDLE_CLIENTS)
        self._inspections = Inspections()
        self._inspectors = ThreadPoolExecutor(_INSPECTIONS_AT_ONCE, thread_name_prefix="docker-inspect")
        self.images = DockerImages(cloud, self._connection)
        self.parts = DockerParts(cloud, self._connection, self.images)
        self.execs = DockerExecs(self._connection, socket)
        self.files = DockerFiles(self._connection)

    def workers(self) -> list[Container]:
        rows = self._listed(payload.APP)
        known = {row.id: seen for row in rows if (seen := self._inspections.unchanged(row))}
        known |= self._inspected([row.id for row in rows if row.id not in known])
        self._inspections.learn((row, known[row.id]) for row in rows if row.id in known)
        return sorted(known.values(), key=lambda worker: worker.key)

    def worker(self, name: str) -> Container | None:
        found = self._container(name)
        return found if found and found.labels.get(payload.CLOUD) == self.cloud else None

    def create(self, order: WorkerOrder) -> None:
        with self._connection.borrow(f"create {order.name}") as client:
            if not self._is_made(client, order):
                body = payload.worker_payload(self.cloud, order)
                self.images.make(
                    client, order.name, order.image, body, lambda: self._is_made(client, order) or None
                )
            _check_limits(client, order)

    def start(self, name: str, wire: Callable[[str], None] | None = None) -> None:
        with self._connection.borrow(f"start {name}") as client:
            if wire is None:
                client.start(name)
                return
            with wired(client.inspect_container(name)["Id"], wire):
                client.start(name)

    def pause(self, name: str) -> None:
        with self._connection.borrow(f"pause {name}") as client, _unless_gone():
            client.pause(name)

    def unpause(self, name: str) -> None:
        with self._connection.borrow(f"unpause {name}") as client:
            try:
                client.unpause(name)
            except APIError:  # Docker has one answer for "it is not paused" and for what went wrong
                answer = inspected(client, name)
                if answer is not None and answer["State"]["Paused"]:
                    raise

    def rename(self, container: str, name: str) -> None:
        with self._connection.borrow(f"rename {container[:12]}") as client:
            try:
                client.rename(container, name)
            except APIError as error:
                if error.status_code == HTTPStatus.CONFLICT:
                    raise NameTaken(name) from error
                raise

    def stop(self, names: Collection[str], grace_s: float) -> None:
        if names:
            with ThreadPoolExecutor(len(names), thread_name_prefix="docker-stop") as stoppers:
                list(stoppers.map(lambda name: self._stop(name, grace_s), names))

    def kill(self, name: str) -> None:
        with self._connection.borrow(f"kill {name}") as client, _unless_gone():
            client.kill(name)

    def remove(self, name: str) -> None:
        with self._connection.borrow(f"remove {name}") as client, suppress(NotFound):
            try:
                client.remove_container(name, force=True, v=True)
            except APIError as error:
                if error.status_code != HTTPStatus.CONFLICT:
                    raise
                # somebody removes it already, such as the call before this one, which was given up
                client.wait(name, timeout=client.timeout, condition="removed")

    def logs(
        self, name: str, *, since: float | None = None, tail: int | None = None, follow: bool = False
    ) -> DockerLogs:
        params = {"stdout": "1", "stderr": "1", "timestamps": "1", "follow": str(int(follow))}
        params["tail"] = "all" if tail is None else str(tail)
        if since is not None:
            params["since"] = f"{since:.9f}"
        path = f"/containers/{quote(name, safe='')}/logs"
        return DockerLogs(self._connection.stream(f"read the logs of {name}", path, params, lasting=follow))

    def last_words(self, name: str) -> list[str]:
        with suppress(WorkerNotFound), self.logs(name, tail=LAST_LINES) as written:
            return [line.text for line in as_said(written)]
        return []

    def processes(self, name: str, options: Sequence[str] = ()) -> Processes:
        with self._connection.borrow(f"list the processes of {name}") as client:
            answer = client.top(name, " ".join(options) or None)
        return Processes(tuple(answer["Titles"]), tuple(map(tuple, answer["Processes"] or ())))

    def watch(self, changed: Callable[[], None]) -> DockerWatch:
        wanted = {"type": ["container"], "label": [f"{payload.CLOUD}={self.cloud}"], "event": _EVENTS}
        return DockerWatch(self._connection, {"filters": json.dumps(wanted)}, changed)

    def owned(self) -> list[str]:
        return sorted(row.name for row in self._listed())

    def facts(self) -> DockerFacts:
        with self._connection.borrow("ask docker about itself", timeout_s=_FACTS_S) as client:
            return decode.facts_of(client.info())

    def close(self) -> None:
        """No thread and no connection of this engine is left; watches and logs have owners of their own."""
        self._inspectors.shutdown()
        self._connection.close()

    def _listed(self, *labels: str) -> list[decode.Listed]:
        with self._connection.borrow("list containers") as client:
            return listed(client, f"{payload.CLOUD}={self.cloud}", *labels)

    def _inspected(self, ids: Iterable[str]) -> Mapping[str, Container]:
        found = self._inspectors.map(self._container, ids)
        return {container.id: container for container in found if container}

    def _container(self, name_or_id: str) -> Container | None:
        with self._connection.borrow(f"inspect {name_or_id}") as client:
            answer = inspected(client, name_or_id)
        found = decode.container_of(answer) if answer else None
        if found and found.exit_code == KILLED and not found.oom_killed:
            return replace(found, oom_killed=reached_memory_limit(found.id))
        return found

    def _stop(self, name: str, grace_s: float) -> None:
        with self._connection.borrow(f"stop {name}") as client, suppress(NotFound):
            client.stop(name, timeout=math.ceil(grace_s))

    def _is_made(self, client: docker.APIClient, order: WorkerOrder) -> bool:
        """Return whether what the order wants is there; what stands in its way is gone then."""
        answer = inspected(client, order.name)
        if answer is None:
            return False
        found = decode.container_of(answer)
        if found is None or found.labels.get(payload.CLOUD) != self.cloud:
            raise NameTaken(order.name)
        if found.order == order.digest and found.state in ("created", "running", "paused"):
            return True
        if found.pid:
            raise EngineError(f"cannot create {order.name}: it runs, made from another order", hint="ps")
        client.remove_container(order.name, force=True, v=True)
        return False


def _check_limits(client: docker.APIClient, order: WorkerOrder) -> None:
    lost = payload.limits_not_kept(order, decode.limits_kept(client.inspect_container(order.name)))
    if lost:
        client.remove_container(order.name, force=True, v=True)
        raise EngineError(
            f"cannot create {order.name}: docker does not keep its {' and '.join(lost)} limit", hint="doctor"
        )


@contextmanager
def _unless_gone() -> Iterator[None]:
    """Forgive Docker for having nothing left to do: no such container, or a conflict with its ending."""
    try:
        yield
    except NotFound:
        return
    except APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:
            raise

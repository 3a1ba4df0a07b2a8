"""A cloud as its operator has it: started by the launcher, asked through the launcher, taken down with proof.

Everything here goes the way that a person or a program of theirs goes: commands, the socket, requests to
the proxy, and Docker's own word on the containers.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError

from manager.api.places import Places
from manager.api.views import AppView, WorkerView
from manager.engine.inspections import inspected
from manager.host.dockerd import SOCKET
from manager.host.files import locked
from manager.host.holds import hold_file
from manager.host.parts import part_name, store_of
from manager.host.settings import Settings, load
from manager.store import EtcdStore
from netsetup.addresses import port_name
from shell.attempt import execute_words
from shell.dispatch import perform
from shell.session import Session
from tests.eventually import eventually as eventually
from tests.real.netsetup.lab import links_of
from tests.stopping import stop
from tests.turns import LEFTOVERS

ROOT = Path(__file__).parents[2]
LAUNCHER = str(ROOT / "simplecloud")
SERVER = str(ROOT / "demos" / "server.py")
PROOF = "left behind: nothing (0 containers, 0 links, 0 rules, 0 mounts)"
COMMAND_S = 180.0  # longer than any command waits by itself
_NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left: its exit code and what it printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def items(self) -> list[dict[str, Any]]:
        """Return the items of a listing in JSON."""
        listed: list[dict[str, Any]] = self.json["items"]
        return listed

    def __str__(self) -> str:
        return f"exit {self.code}\n{self.stdout}{self.stderr}"


def well(words: Sequence[str], outcome: Outcome) -> Outcome:
    """Return what a command did that ended with 0."""
    assert outcome.code == 0, f"{' '.join(words)}: {outcome}"
    return outcome


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the proxy; `worker` is who says that it answered."""

    status: int
    body: str
    worker: str


@dataclass(frozen=True, slots=True)
class Cloud:
    """A cloud of this machine that is up; its commands run in `directory` unless they say where.

    docker: the socket where the Docker answers that it is on.
    """

    name: str
    directory: Path
    docker: Path = SOCKET

    @property
    def places(self) -> Places:
        return Places(self.name)

    @property
    def settings(self) -> Settings:
        settings = load(self.places)
        assert settings is not None, f"{self.name} was never started"
        return settings

    def run(
        self,
        *words: str,
        given: bytes | None = None,
        cwd: Path | None = None,
        within_s: float = COMMAND_S,
    ) -> Outcome:
        """Return what `simplecloud --cloud NAME WORDS` does.

        given: what it reads on standard input, as a script does, instead of nothing.
        """
        ended = subprocess.run(
            [LAUNCHER, "--cloud", self.name, *words],
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            cwd=cwd or self.directory,
            timeout=within_s,
            check=False,
        )
        return Outcome(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    def ok(self, *words: str, cwd: Path | None = None, within_s: float = COMMAND_S) -> Outcome:
        """Return what a command does that ends with 0."""
        return well(words, self.run(*words, cwd=cwd, within_s=within_s))

    def here(self, *words: str) -> Outcome:
        """Return what a command does that the shell's code carries out in this process, in its directory.

        For what surrounds a test: the program itself takes ten times the CPU, most of it Python that loads.
        """
        out, err = io.StringIO(), io.StringIO()
        session = Session(self.places, perform, out, err, one_shot=True)
        return Outcome(execute_words(session, words), out.getvalue(), err.getvalue())

    def look(self, *words: str) -> Outcome:
        """Return what a command tells that only looks, as JSON."""
        return self.here(*words, "-o", "json")

    def seen(self, *words: str) -> Outcome:
        """Return what a look tells that goes well."""
        return well(words, self.look(*words))

    def script(self, text: str) -> Outcome:
        """Return what a script does that is read line by line from standard input."""
        return self.run(given=text.encode())

    def status(self) -> Any:
        return self.seen("status").json

    def app(self, name: str) -> AppView:
        return AppView(**self.seen("apps", name).items[0])

    def app_names(self) -> list[str]:
        return [str(item["name"]) for item in self.seen("apps").items]

    def workers(self, app: str, *options: str) -> list[WorkerView]:
        return [WorkerView(**item) for item in self.seen("ps", app, *options).items]

    def worker(self, name: str) -> WorkerView:
        """Return the worker that is called APP.SLOT; raises AssertionError when it is not there."""
        found = [worker for worker in self.workers(name.partition(".")[0]) if worker.name == name]
        assert found, f"there is no worker {name}"
        return found[0]

    def is_ready(self, name: str, count: int) -> bool:
        """Return whether the app has exactly so many workers, all of them ready."""
        return [worker.state for worker in self.workers(name)] == ["ready"] * count

    def is_well(self) -> bool:
        """Return whether a manager leads, etcd takes writes, and all is as it was asked for."""
        status = self.look("status")
        return status.code == 0 and bool(status.json["etcd"]["healthy"] and status.json["converged"])

    def manager_pids(self) -> list[int]:
        """Return the leader's pid, then the standby's, as soon as there are both: one may just have died."""
        return eventually(self.both_managers, within_s=20, what="a leader and a standby")

    def both_managers(self) -> list[int]:
        """Return the leader's pid and the standby's, none while there are not both or nobody answers."""
        told = self.look("status")
        if told.code != 0:
            return []
        status = told.json
        pids = [status["manager"]["pid"], *(standby["pid"] for standby in status["standbys"])]
        return pids if len(pids) == 2 else []

    def is_led_by_another(self, pid: int) -> bool:
        """Return whether a manager leads that is not this one; nobody may answer in between."""
        told = self.look("status")
        return told.code == 0 and bool(told.json["manager"]["pid"] != pid)

    def get(self, app: str, path: str = "/", *, host: str = "", within_s: float = 10) -> Answer:
        """Return the proxy's answer to one GET, at the app's own host name unless `host` says another."""
        address = self.settings.bind, self.settings.http_port
        with closing(http.client.HTTPConnection(*address, timeout=within_s)) as connection:
            connection.request("GET", path, headers={"Host": host or f"{app}.localhost"})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode(), answer.getheader("X-Worker", ""))

    def serves(self, app: str, *, within_s: float = 10) -> bool:
        """Return whether the app answers well now."""
        try:
            return self.get(app, within_s=within_s).status == 200
        except (OSError, http.client.HTTPException):  # a proxy that ends while it answers
            return False

    def events(self, *options: str) -> list[str]:
        """Return what happened, in the words that it was told in."""
        return [str(item["text"]) for item in self.seen("events", *options).items]

    def decisions(self, app: str) -> int:
        """Return how many decisions were made on an app."""
        told = self.look("explain", app)
        return int(told.json["id"]) if told.code == 0 else 0

    def container(self, worker: str, revision: int = 1) -> str:
        """Return the name of a worker's container."""
        app, _, slot = worker.partition(".")
        return f"sc_{self.name}_{app}_{slot}_{revision}"

    def part(self, part: str, number: int | None = None) -> str:
        """Return the name of a part's container."""
        return part_name(self.name, part, number)

    def link(self, worker: str, revision: int = 1) -> str:
        """Return the name of a worker's port on the bridge."""
        app, _, slot = worker.partition(".")
        return port_name(self.places.tag, f"{app}/{slot}/{revision}")

    @contextmanager
    def store(self) -> Iterator[EtcdStore]:
        """Lend the cloud's own store, to do what no command does."""
        with closing(store_of(self.places, self.settings)) as store:
            yield store


@dataclass(slots=True)
class Apps:
    """The apps of one test: names that no other test has, and none of them left after `remove`."""

    cloud: Cloud
    _names: list[str] = field(default_factory=list)

    def name(self, stem: str = "app") -> str:
        """Return a new name for an app."""
        self._names.append(f"{stem}-{next(_NUMBERS)}")
        return self._names[-1]

    def run(self, *command: str, options: Sequence[str] = (), stem: str = "app") -> str:
        """Run a command as a new app and return its name; its workers are ready, or have done their work."""
        name = self.name(stem)
        words = ("run", *options, name, *command)
        well(words, self.cloud.here(*words))
        return name

    def serve(self, workers: int = 1, *options: str, stem: str = "web") -> str:
        """Run the demos' HTTP server in so many workers and return the app's name."""
        return self.run(SERVER, "8000", options=("-n", str(workers), "-p", "8000", *options), stem=stem)

    def remove(self) -> None:
        there = [name for name in self.cloud.app_names() if name in self._names]
        if there:
            words = ("rm", *there, "-y", "--now")
            well(words, self.cloud.here(*words))


@contextmanager
def apps_on(cloud: Cloud) -> Iterator[Apps]:
    """Lend apps on a cloud; they are gone afterwards, also those that did not get ready."""
    apps = Apps(cloud)
    try:
        yield apps
    finally:
        apps.remove()


def unused_name(prefix: str) -> str:
    """Return a name for a cloud that nobody has, nor its mark.

    There are 65,536 marks, and a run of all tests has some hundred clouds and labs, several at a time.
    """
    names = (f"{prefix}-{secrets.token_hex(3)}" for _ in count())
    return next(name for name in names if not links_of(Places(name).tag))


@contextmanager
def running_cloud(directory: Path, *options: str, name: str = "", docker: Path = SOCKET) -> Iterator[Cloud]:
    """Lend a cloud that nobody else has; afterwards it is down and purged, and that is proved."""
    cloud = Cloud(name or unused_name("x9"), directory, docker)
    try:
        words = ("up", *(options if "--etcd-members" in options else ("--etcd-members", "1", *options)))
        well(words, cloud.here(*words))
        yield cloud
    finally:
        down = cloud.here("down", "--purge", "-y")
    assert down.code == 0, down
    assert down.stdout.splitlines()[-1] == PROOF
    assert traces(cloud) == []


@contextmanager
def named_cloud(directory: Path) -> Iterator[Cloud]:
    """Lend the name of a cloud that was never started; whatever is made of it is gone afterwards.

    That is one more `down` for a cloud that a test took down, and the first for one that never was.
    """
    cloud = Cloud(unused_name("x12"), directory)
    yield cloud
    down = cloud.here("down", "--purge", "-y")
    assert (down.code, down.stdout.splitlines()[-1]) == (0, PROOF)
    assert traces(cloud) == []


def traces(cloud: Cloud) -> list[str]:
    """Return what this machine still has of a cloud, found without asking the product."""
    tag, places = cloud.places.tag, cloud.places
    with docker_by_hand(cloud.docker) as client:
        label = {"label": f"simplecloud.cloud={cloud.name}"}
        found = [str(item["Id"]) for item in client.containers(all=True, filters=label)]
    found += [f"link {name}" for name in links_of(tag)]
    found += [line for line in listed("nft", "list", "tables") if line.endswith(f"sc_{tag}")]
    found += [rule for rule in listed("iptables", "-S", "DOCKER-USER") if f"simplecloud:{cloud.name}" in rule]
    found += [f"process {pid}" for pid in processes_of(cloud)]
    return found + [str(path) for path in (places.run, places.state, places.log) if path.exists()]


@contextmanager
def etcd_away(cloud: Cloud) -> Iterator[None]:
    """The cloud's only member of etcd is down for as long as the block lasts, and the manager has seen it."""
    cloud.ok("crash", "etcd", "--for", "10m", "-y")
    try:
        eventually(lambda: not cloud.status()["etcd"]["healthy"], within_s=10, what="that etcd is away")
        yield
    finally:
        hold_file(cloud.places, cloud.part("etcd", 1)).unlink()


def listed(*command: str) -> list[str]:
    """Return the lines that a system's tool prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def processes_of(cloud: Cloud) -> dict[int, str]:
    """Return the managers and keepers of a cloud that run: their arguments by pid."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "manager" in words and "--cloud" in words and words[words.index("--cloud") + 1] == cloud.name:
            found[int(process.name)] = " ".join(words)
    return found


def kill_all(cloud: Cloud) -> None:
    """Keeper and managers have ended by SIGKILL; all are stopped first, so that none starts another."""
    stop(*processes_of(cloud))
    for pid in processes_of(cloud):
        with suppress(ProcessLookupError):  # a child that was about to execute another program
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: not processes_of(cloud), what="the end of keeper and managers")


def mend(cloud: Cloud, *options: str) -> Outcome:
    """Return what `doctor --fix` does that ends with 0."""
    with locked(LEFTOVERS):
        return cloud.ok("doctor", "--fix", *options)


def failings_of(cloud: Cloud, told: Outcome) -> list[dict[str, Any]]:
    """Return what `doctor` found wrong, but for what other clouds have left: they come and go meanwhile."""
    failed = [item for item in told.items if item["state"] == "FAIL"]
    return [item for item in failed if item["name"] != "leftovers" or f'"{cloud.name}"' in item["fact"]]


@contextmanager
def docker_by_hand(socket: Path = SOCKET) -> Iterator[docker.APIClient]:
    """Lend a plain client, to look and to do what an operator does behind our back."""
    with closing(docker.APIClient(f"unix://{socket}")) as client:
        yield client


def pause_by_hand(client: docker.APIClient, name: str) -> None:
    """Docker has paused the container.  On a full machine runc gives up a few times to freeze all of it."""

    def is_paused() -> bool:
        with suppress(APIError):
            client.pause(name)
        return bool(client.inspect_container(name)["State"]["Paused"])

    eventually(is_paused, within_s=10, what=f"{name} paused")


def containers_of(cloud: Cloud) -> Mapping[str, tuple[str, str]]:
    """Return id and start time of every running worker of a cloud, by name, as Docker tells them."""
    with docker_by_hand(cloud.docker) as client:
        labels = [f"simplecloud.cloud={cloud.name}", "simplecloud.app"]
        names = [item["Names"][0] for item in client.containers(filters={"label": labels})]
        seen = [found for name in names if (found := inspected(client, name))]  # one may go meanwhile
    return {item["Name"]: (item["Id"], item["State"]["StartedAt"]) for item in seen}


def inside(container: str, *command: str) -> Outcome:
    """Return what a command does inside a container."""
    words = ["docker", "exec", container, *command]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=COMMAND_S)
    return Outcome(ended.returncode, ended.stdout, ended.stderr)

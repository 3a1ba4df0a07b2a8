"""What every engine keeps: the one on real containers and the one in memory."""

from __future__ import annotations

import io
import os
import secrets
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from manager.api.attached import Frames, refusal_of
from manager.api.errors import CloudError, Conflict, EngineError, ImageNotFound, WorkerNotFound
from manager.engine.containers import Container, InnerFile
from manager.engine.contract import Engine, NameTaken
from manager.engine.docker_engine import DockerEngine
from manager.engine.orders import ExecOrder, PartOrder, WorkerOrder
from manager.host.dockerd import SOCKET
from tests.eventually import eventually
from tests.fakes.engine import Behaviour, FakeEngine, fake_image
from tests.fakes.execs import TALKS_AND_FAILS as TALKS_INSIDE
from tests.real.busybox import busybox_tar, forget_image, own_cloud, own_image, worker_order

FOREVER = ("sleep", "1000")
TALKS_AND_FAILS = ("sh", "-c", "echo one; echo two; echo three >&2; sleep 0.1; exit 7")
TALKS_ON = ("sh", "-c", "echo hello; sleep 1000")
IGNORES_SIGTERM = ("sh", "-c", "trap '' TERM; echo trapped; while true; do sleep 0.1; done")

BEHAVIOURS: dict[tuple[str, ...], Behaviour] = {
    TALKS_AND_FAILS: Behaviour((("stdout", "one"), ("stdout", "two"), ("stderr", "three")), exit_code=7),
    TALKS_ON: Behaviour((("stdout", "hello"),)),
    IGNORES_SIGTERM: Behaviour((("stdout", "trapped"),), ignores_sigterm=True),
}
FAKE_FILES = dict.fromkeys(("/bin/busybox", "/bin/sh", "/usr/bin/sh"), (0o755, b"\x7fELF"))


@dataclass(frozen=True)
class World:
    """An engine with one image, and a way to a second cloud beside it."""

    engine: Engine
    image: str
    prefix: str
    second_cloud: Callable[[], Engine]
    forget_image: Callable[[str], None]

    def order(self, *command: str, slot: int = 1) -> WorkerOrder:
        return worker_order(self.image, *command, slot=slot, prefix=self.prefix)

    def part(self, *command: str) -> PartOrder:
        return PartOrder(name=f"{self.prefix}_etcd_1", part="etcd", image=self.image, command=command)

    def run(self, *command: str, slot: int = 1) -> str:
        order = self.order(*command, slot=slot)
        self.engine.create(order)
        self.engine.start(order.name)
        return order.name

    def running(self, slot: int = 1) -> str:
        """Return the name of a worker whose command runs: a signal before it does is lost."""
        name = self.run(*TALKS_ON, slot=slot)
        eventually(lambda: self.engine.last_words(name) == ["hello"], what="its first words")
        return name

    def the(self, name: str) -> Container:
        (found,) = [worker for worker in self.engine.workers() if worker.name == name]
        return found

    def ended(self, name: str) -> Container:
        eventually(lambda: self.the(name).state == "exited", what=f"the end of {name}")
        return self.the(name)


def namespace_at(path: str) -> object:
    """Return what a namespace is told from others by; a path of the fake is the namespace itself."""
    return os.stat(path).st_ino if os.path.exists(path) else path


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with own_cloud() as engine, own_image(engine) as reference:
        yield reference


@contextmanager
def real_world(image: str) -> Iterator[World]:
    with own_cloud() as engine, own_cloud() as second:
        yield World(engine, image, f"sc_{secrets.token_hex(4)}", lambda: second, forget_image)


def fake_world() -> World:
    image = fake_image("sc-test/busybox", FAKE_FILES)
    image = replace(image, recipe="r1", details=replace(image.details, search_path=("/bin",)))
    engine = FakeEngine(now=time.time, images=[image], behaviours=BEHAVIOURS)
    second = FakeEngine("second", now=time.time)
    return World(engine, "sc-test/busybox", "sc_default", lambda: second, lambda reference: None)


@pytest.fixture(params=["fake", "docker"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield fake_world()
        return
    with real_world(request.getfixturevalue("image")) as real:
        yield real


def test_a_created_worker_is_listed_with_its_labels_and_does_not_run(world: World) -> None:
    world.engine.create(world.order(*FOREVER, slot=3))

    (worker,) = world.engine.workers()

    assert (worker.app, worker.slot, worker.revision) == ("web", 3, 1)
    assert (worker.state, worker.pid, worker.netns, worker.started_at) == ("created", 0, "", None)
    assert worker.order == world.order(*FOREVER, slot=3).digest
    assert worker.labels["simplecloud.app"] == "web"


def test_creating_again_changes_nothing(world: World) -> None:
    world.engine.create(world.order(*FOREVER))
    before = world.engine.workers()

    world.engine.create(world.order(*FOREVER))

    assert world.engine.workers() == before


def test_a_worker_that_several_create_at_once_is_made_once(world: World) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: world.engine.create(world.order(*FOREVER)), range(4)))

    (worker,) = world.engine.workers()
    assert worker.state == "created"


def test_creating_again_leaves_a_running_worker_alone(world: World) -> None:
    name = world.run(*FOREVER)
    before = world.the(name)

    world.engine.create(world.order(*FOREVER))

    assert world.the(name) == before


def test_a_worker_made_from_another_order_is_replaced_while_it_does_not_run(world: World) -> None:
    world.engine.create(world.order(*FOREVER))
    before = world.the(world.order().name)

    world.engine.create(world.order("sleep", "2000"))

    assert world.the(before.name).id != before.id


def test_a_running_worker_is_never_replaced(world: World) -> None:
    name = world.run(*FOREVER)
    before = world.the(name)

    with pytest.raises(EngineError, match="it runs"):
        world.engine.create(world.order("sleep", "2000"))

    assert world.the(name) == before


def test_an_ended_worker_is_replaced_by_a_fresh_one(world: World) -> None:
    before = world.ended(world.run(*TALKS_AND_FAILS))

    world.engine.create(world.order(*TALKS_AND_FAILS))

    after = world.the(before.name)
    assert after.state == "created"
    assert after.id != before.id


def test_a_missing_image_is_refused_by_naming_those_there_are(world: World) -> None:
    with pytest.raises(ImageNotFound, match="sc-test/busybox") as refusal:
        world.engine.create(replace(world.order(*FOREVER), image="no/such-image"))

    assert "no/such-image" in refusal.value.message
    assert refusal.value.hint == "images"
    assert world.engine.workers() == []


def test_a_started_worker_has_a_process_and_a_namespace(world: World) -> None:
    worker = world.the(world.run(*FOREVER))

    assert worker.state == "running"
    assert worker.pid > 1
    assert worker.netns == f"/proc/{worker.pid}/ns/net"
    assert worker.started_at is not None
    assert abs(worker.started_at - time.time()) < 30


def test_one_worker_is_found_by_its_name_and_only_by_its_own_cloud(world: World) -> None:
    name = world.run(*FOREVER)

    assert world.engine.worker(name) == world.the(name)
    assert world.engine.worker("sc_nobody_web_1_1") is None
    assert world.second_cloud().worker(name) is None


def test_starting_again_keeps_the_process(world: World) -> None:
    name = world.run(*FOREVER)
    before = world.the(name)

    world.engine.start(name)

    assert world.the(name) == before


def test_a_worker_that_is_started_is_wired_once_to_a_namespace_that_it_has(world: World) -> None:
    order, wired = world.order(*FOREVER), list[object]()
    world.engine.create(order)

    world.engine.start(order.name, lambda path: wired.append(namespace_at(path)))

    assert wired == [namespace_at(world.the(order.name).netns)]


def test_a_worker_that_is_not_there_cannot_be_started(world: World) -> None:
    with pytest.raises(WorkerNotFound):
        world.engine.start("sc_nobody_web_1_1")


def test_an_ended_worker_tells_its_exit_code_and_its_last_words(world: World) -> None:
    worker = world.ended(world.run(*TALKS_AND_FAILS))

    assert (worker.exit_code, worker.oom_killed, worker.pid, worker.netns) == (7, False, 0, "")
    assert worker.finished_at is not None
    assert world.engine.last_words(worker.name) == ["one", "two", "three"]


def test_all_workers_are_stopped_at_once(world: World) -> None:
    names = [world.running(slot) for slot in (1, 2, 3)]

    world.engine.stop(names, grace_s=10)

    ended = [(worker.state, worker.exit_code) for worker in world.engine.workers()]
    assert ended == [("exited", 128 + 15)] * 3


def test_a_worker_that_ignores_sigterm_is_killed_when_its_grace_is_over(world: World) -> None:
    name = world.run(*IGNORES_SIGTERM)
    eventually(lambda: world.engine.last_words(name) == ["trapped"], within_s=10)

    world.engine.stop([name], grace_s=1)

    assert world.the(name).exit_code == 128 + 9


def test_stopping_what_does_not_run_is_harmless(world: World) -> None:
    world.engine.create(world.order(*FOREVER))

    world.engine.stop([world.order().name, "sc_nobody_web_1_1"], grace_s=1)
    world.engine.stop([], grace_s=1)

    assert world.the(world.order().name).pid == 0


def test_a_paused_worker_goes_on_as_the_same_process(world: World) -> None:
    name = world.run(*FOREVER)
    before = world.the(name)

    world.engine.pause(name)
    world.engine.pause(name)
    assert world.the(name) == replace(before, state="paused")

    world.engine.unpause(name)
    world.engine.unpause(name)
    # containerd tells dockerd of the pause again, which for a moment takes it for a later one
    eventually(lambda: world.the(name) == before, what="that it goes on")


def test_a_paused_worker_ends_in_order_when_it_is_stopped(world: World) -> None:
    name = world.running()
    world.engine.pause(name)

    world.engine.stop([name], grace_s=10)

    assert (world.the(name).state, world.the(name).exit_code) == ("exited", 128 + 15)


def test_a_paused_worker_is_killed_and_removed_as_any(world: World) -> None:
    killed, removed = world.run(*FOREVER, slot=1), world.run(*FOREVER, slot=2)
    for name in (killed, removed):
        world.engine.pause(name)

    world.engine.kill(killed)
    world.engine.remove(removed)

    assert world.ended(killed).exit_code == 128 + 9
    assert world.engine.worker(removed) is None


def test_pausing_what_does_not_run_is_harmless(world: World) -> None:
    world.engine.create(world.order(*FOREVER))

    for name in (world.order().name, "sc_nobody_web_1_1"):
        world.engine.pause(name)
        world.engine.unpause(name)

    assert world.the(world.order().name).state == "created"


def test_a_killed_worker_is_seen_as_killed(world: World) -> None:
    name = world.run(*FOREVER)

    world.engine.kill(name)

    assert world.ended(name).exit_code == 128 + 9


def test_killing_what_does_not_run_is_harmless(world: World) -> None:
    world.engine.create(world.order(*FOREVER))

    world.engine.kill(world.order().name)
    world.engine.kill("sc_nobody_web_1_1")

    assert world.the(world.order().name).state == "created"


def test_a_removed_worker_is_gone_though_it_ran(world: World) -> None:
    name = world.run(*FOREVER)

    world.engine.remove(name)
    world.engine.remove(name)

    assert world.engine.workers() == []


def test_a_renamed_worker_is_the_same_under_its_new_name(world: World) -> None:
    name = world.run(*FOREVER)
    before = world.the(name)

    world.engine.rename(before.id, f"{name}_x")

    assert world.engine.workers() == [replace(before, name=f"{name}_x")]
    assert world.engine.worker(name) is None
    assert world.engine.worker(f"{name}_x") == world.the(f"{name}_x")


def test_a_name_that_another_container_has_is_not_given(world: World) -> None:
    name, other = world.run(*FOREVER), world.run(*FOREVER, slot=2)
    before = world.engine.workers()

    with pytest.raises(NameTaken) as refused:
        world.engine.rename(world.the(name).id, other)

    assert refused.value.hint == f"docker rename {other} {other}-other"
    assert world.engine.workers() == before


def test_what_is_not_there_is_not_renamed(world: World) -> None:
    with pytest.raises(WorkerNotFound):
        world.engine.rename("0" * 64, world.order().name)


def test_a_worker_is_removed_by_its_id_as_by_its_name(world: World) -> None:
    name, other = world.run(*FOREVER), world.run(*FOREVER, slot=2)

    world.engine.remove(world.the(name).id)

    assert [worker.name for worker in world.engine.workers()] == [other]


def test_logs_have_lines_in_order_with_stream_and_time(world: World) -> None:
    began_at = time.time()
    name = world.ended(world.run(*TALKS_AND_FAILS)).name

    with world.engine.logs(name) as written:
        lines = list(written)

    assert [line.text for line in lines if line.stream == "stdout"] == ["one", "two"]
    assert [line.text for line in lines if line.stream == "stderr"] == ["three"]
    assert all(began_at - 1 < line.at < time.time() + 1 for line in lines)


def test_logs_can_be_the_last_lines_only_or_those_since_a_time(world: World) -> None:
    name = world.ended(world.run(*TALKS_AND_FAILS)).name

    with world.engine.logs(name, tail=1) as last, world.engine.logs(name, since=time.time() + 60) as none:
        assert len(list(last)) == 1
        assert list(none) == []


def test_followed_logs_end_with_the_worker(world: World) -> None:
    name = world.run(*TALKS_ON)

    with world.engine.logs(name, follow=True) as written:
        lines = iter(written)
        first = next(lines)
        world.engine.kill(name)

        assert first.text == "hello"
        assert list(lines) == []


def test_followed_logs_end_when_another_thread_closes_them(world: World) -> None:
    name = world.run(*TALKS_ON)
    seen: list[str] = []
    with world.engine.logs(name, follow=True) as written:
        reader = threading.Thread(target=lambda: seen.extend(line.text for line in written))
        reader.start()

        written.close()
        reader.join(30)

        assert not reader.is_alive()
    assert world.the(name).state == "running"


def test_logs_of_a_worker_that_is_not_there_are_refused(world: World) -> None:
    with pytest.raises(WorkerNotFound):
        world.engine.logs("sc_nobody_web_1_1")
    assert world.engine.last_words("sc_nobody_web_1_1") == []


def test_logs_that_are_asked_for_while_a_worker_goes_are_there_or_refused_as_missing(world: World) -> None:
    name = world.run(*TALKS_ON)
    removing = threading.Thread(target=world.engine.remove, args=(name,))

    def is_missing() -> bool:
        try:
            with world.engine.logs(name):
                return False
        except WorkerNotFound:
            return True

    removing.start()
    eventually(is_missing)
    removing.join()


def test_a_watch_tells_of_starts_and_ends_until_it_is_closed(world: World) -> None:
    changes = threading.Semaphore(0)
    watch = world.engine.watch(changes.release)
    assert changes.acquire(timeout=30), "it tells once at its start"

    name = world.run(*FOREVER)
    assert changes.acquire(timeout=30)
    eventually(lambda: not changes.acquire(timeout=0.2))
    world.engine.kill(name)
    assert changes.acquire(timeout=30)

    watch.close()
    eventually(lambda: not changes.acquire(blocking=False))
    world.engine.remove(name)
    assert not changes.acquire(timeout=0.2)


def test_a_watch_tells_of_another_name(world: World) -> None:
    name = world.run(*FOREVER)
    changes = threading.Semaphore(0)
    watch = world.engine.watch(changes.release)
    assert changes.acquire(timeout=30), "it tells once at its start"
    eventually(lambda: not changes.acquire(timeout=0.2))

    world.engine.rename(world.the(name).id, f"{name}_x")

    assert changes.acquire(timeout=30)
    watch.close()


def test_another_cloud_sees_none_of_our_workers(world: World) -> None:
    world.run(*FOREVER)

    assert world.second_cloud().workers() == []
    assert world.second_cloud().owned() == []


def test_everything_of_a_cloud_is_owned_by_it(world: World) -> None:
    name = world.run(*FOREVER)
    world.engine.parts.start(world.part(*FOREVER))

    assert world.engine.owned() == sorted([name, world.part().name])


def test_a_part_runs_and_is_no_worker(world: World) -> None:
    world.engine.parts.start(world.part(*FOREVER))

    (part,) = world.engine.parts.list()
    assert world.engine.parts.states() == {part.name: "running"}

    assert (part.part, part.state) == ("etcd", "running")
    assert part.pid > 1
    assert part.order == world.part(*FOREVER).digest
    assert world.engine.workers() == []


def test_starting_a_part_again_keeps_its_process(world: World) -> None:
    world.engine.parts.start(world.part(*FOREVER))
    before = world.engine.parts.list()

    world.engine.parts.start(world.part(*FOREVER))

    assert world.engine.parts.list() == before


def test_a_part_that_several_start_at_once_is_made_once(world: World) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: world.engine.parts.start(world.part(*FOREVER)), range(4)))

    (part,) = world.engine.parts.list()
    assert part.state == "running"


def test_a_part_of_another_order_is_replaced_only_when_told(world: World) -> None:
    world.engine.parts.start(world.part(*FOREVER))
    (before,) = world.engine.parts.list()

    world.engine.parts.start(world.part("sleep", "2000"))
    assert world.engine.parts.list() == [before]

    world.engine.parts.start(world.part("sleep", "2000"), replace=True)
    (after,) = world.engine.parts.list()
    assert after.id != before.id
    assert after.state == "running"


def test_a_renamed_part_has_its_name_again_once_it_is_started(world: World) -> None:
    world.engine.parts.start(world.part(*FOREVER))
    before = world.engine.parts.list()
    world.engine.rename(before[0].id, f"{world.prefix}_x")

    world.engine.parts.start(world.part(*FOREVER))

    assert world.engine.parts.list() == before


def test_a_renamed_part_whose_name_another_has_is_removed(world: World) -> None:
    world.engine.parts.start(world.part(*FOREVER))
    (renamed,) = world.engine.parts.list()
    world.engine.rename(renamed.id, f"{world.prefix}_x")
    world.engine.parts.start(world.part("sleep", "2000"))
    second = [part for part in world.engine.parts.list() if part.id != renamed.id]

    world.engine.parts.start(world.part(*FOREVER))

    assert len(second) == 1
    assert world.engine.parts.list() == second


def test_a_restarted_part_is_the_same_container_with_another_process(world: World) -> None:
    world.engine.parts.start(world.part(*FOREVER))
    (before,) = world.engine.parts.list()

    world.engine.parts.restart(before.name)

    (after,) = world.engine.parts.list()
    assert after.id == before.id
    assert after.pid not in (0, before.pid)


def test_a_removed_part_is_gone(world: World) -> None:
    world.engine.parts.start(world.part(*FOREVER))

    world.engine.parts.remove(world.part().name, grace_s=0)
    world.engine.parts.remove(world.part().name, grace_s=0)

    assert world.engine.parts.list() == []


def test_a_part_without_its_image_is_refused(world: World) -> None:
    with pytest.raises(ImageNotFound, match="sc-test/busybox"):
        world.engine.parts.start(replace(world.part(*FOREVER), image="no/such-image"))


def test_an_image_is_listed_and_tells_what_it_is(world: World) -> None:
    details = world.engine.images.details(world.image)

    assert details.search_path == ("/bin",)
    assert details.id in [image.id for image in world.engine.images.list()]
    assert f"{world.image}:latest" in [name for one in world.engine.images.list() for name in one.references]


def test_the_files_of_an_image_are_seen_through_its_links(world: World) -> None:
    with world.engine.images.open(world.image) as files:
        assert files.mode("/bin/busybox") == 0o755
        assert files.mode("/bin/sh") == 0o755
        assert files.mode("/usr/bin/sh") == 0o755
        assert (files.read("/usr/bin/sh") or b"")[:4] == b"\x7fELF"


def test_what_is_no_file_of_an_image_is_not_there(world: World) -> None:
    with world.engine.images.open(world.image) as files:
        assert [files.mode(path) for path in ("/bin", "/bin/none", "/bin/nowhere", "/bin/sh/x")] == [None] * 4
        assert [files.is_directory(path) for path in ("/bin", "/bin/none", "/bin/sh")] == [True, False, False]
        assert files.read("/bin") is None
        assert files.read("/bin/nowhere") is None
    assert world.engine.owned() == []


def test_a_missing_image_cannot_be_looked_into(world: World) -> None:
    with (
        pytest.raises(ImageNotFound, match="no/such-image"),
        world.engine.images.open("no/such-image"),
    ):
        raise AssertionError("there is nothing to look into")


def test_an_image_is_known_by_its_recipe(world: World) -> None:
    images, reference = world.engine.images, f"sc-test/loaded-{secrets.token_hex(4)}"
    try:
        assert not images.has(reference, "r1")

        images.load(reference, busybox_tar(), ["LABEL simplecloud.recipe=r1"])
        assert images.has(reference, "r1")

        images.load(reference, busybox_tar({"etc/more": (0o644, b"x")}), ["LABEL simplecloud.recipe=r2"])
        assert images.has(reference, "r2")
        assert not images.has(reference, "r1")
    finally:
        world.forget_image(reference)


def test_the_processes_of_a_worker_are_those_that_ps_shows(world: World) -> None:
    worker = world.the(world.run(*FOREVER))

    found = world.engine.processes(worker.name, ("-o", "pid,cmd"))

    assert found.headers == ("PID", "CMD")
    assert str(worker.pid) in [row[0] for row in found.rows]
    eventually(  # Docker calls it running before it has executed its command
        lambda: any(
            row[1].endswith("sleep 1000")
            for row in world.engine.processes(worker.name, ("-o", "pid,cmd")).rows
        ),
        what="the command",
    )
    assert "PID" in world.engine.processes(worker.name).headers


def test_processes_are_shown_of_what_runs_and_with_what_ps_knows(world: World) -> None:
    with pytest.raises(EngineError, match="ps: error"):
        world.engine.processes(world.run(*FOREVER), ("--nosuch",))
    world.engine.create(world.order(*FOREVER, slot=2))
    with pytest.raises(EngineError):
        world.engine.processes(world.order(slot=2).name)
    with pytest.raises(WorkerNotFound):
        world.engine.processes("sc_nobody_web_1_1")


def read_all(sock: socket.socket) -> dict[str, bytes]:
    """Return what a command without a terminal wrote, by stream, until its end."""
    frames, written = Frames(), {"stdout": b"", "stderr": b""}
    with sock:
        while arrived := sock.recv(65536):
            for stream, piece in frames.feed(arrived):
                written[stream] += piece
    return written


def ended(world: World, number: str) -> int | None:
    eventually(lambda: world.engine.execs.look(number).exit_code is not None, what="the command's end")
    return world.engine.execs.look(number).exit_code


def test_a_command_inside_a_worker_has_two_streams_and_an_exit_code(world: World) -> None:
    worker, execs = world.the(world.run(*FOREVER)), world.engine.execs

    number = execs.create(worker.name, ExecOrder(TALKS_INSIDE))
    before = execs.look(number)
    written = read_all(execs.start(number, tty=False))

    assert (before.container_id, before.running, before.exit_code) == (worker.id, False, None)
    assert written == {"stdout": b"out\n", "stderr": b"err\n"}
    assert ended(world, number) == 7


def test_a_command_inside_a_worker_reads_until_its_input_is_shut_down(world: World) -> None:
    execs = world.engine.execs
    number = execs.create(world.run(*FOREVER), ExecOrder(("cat",), stdin=True))

    sock = execs.start(number, tty=False)
    sock.sendall(b"hello")
    sock.shutdown(socket.SHUT_WR)

    assert read_all(sock)["stdout"] == b"hello"
    assert ended(world, number) == 0


def test_a_command_that_is_not_there_says_so_where_its_output_would_be(world: World) -> None:
    execs = world.engine.execs
    number = execs.create(world.run(*FOREVER), ExecOrder(("nosuch",)))

    said = read_all(execs.start(number, tty=False))["stdout"]

    refused = refusal_of(said, ended(world, number) or 0, "web.1", "nosuch")
    assert refused is not None
    assert (refused[0].message, refused[1]) == ('web.1 has no command "nosuch"', 127)


def test_a_command_is_started_once(world: World) -> None:
    execs = world.engine.execs
    number = execs.create(world.run(*FOREVER), ExecOrder(FOREVER))

    with execs.start(number, tty=False):
        eventually(lambda: execs.look(number).running, what="the start, after its streams are there")
        with pytest.raises(Conflict):
            execs.start(number, tty=False)


def test_a_terminal_has_its_size_while_its_command_runs(world: World) -> None:
    execs = world.engine.execs
    number = execs.create(world.run(*FOREVER), ExecOrder(("cat",), stdin=True, tty=True))
    with pytest.raises(EngineError):
        execs.resize(number, 30, 100)

    with execs.start(number, tty=True) as sock:
        eventually(lambda: execs.look(number).running)
        execs.resize(number, 30, 100)
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"


def test_a_command_that_nobody_listens_to_is_hung_up(world: World) -> None:
    execs = world.engine.execs
    number = execs.create(world.run(*FOREVER), ExecOrder(FOREVER))
    with execs.start(number, tty=False):
        execs.hang_up(number)

        assert ended(world, number) == 128 + 1
    execs.hang_up(number)


def test_no_command_runs_in_a_worker_that_does_not(world: World) -> None:
    world.engine.create(world.order(*FOREVER))

    with pytest.raises(EngineError):
        world.engine.execs.create(world.order().name, ExecOrder(("cat",)))
    with pytest.raises(WorkerNotFound):
        world.engine.execs.create("sc_nobody_web_1_1", ExecOrder(("cat",)))


def packed(files: dict[str, bytes]) -> io.BytesIO:
    """Return an archive of files; a name with a final / is a directory."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name.rstrip("/"))
            member.type, member.size = (
                (tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE),
                len(content),
            )
            member.mode = 0o755
            tar.addfile(member, io.BytesIO(content))
    packed.seek(0)
    return packed


def test_files_go_into_a_worker_and_come_out_again(world: World) -> None:
    name, files, out = world.run(*FOREVER), world.engine.files, io.BytesIO()

    files.write(name, "/", packed({"new/": b"", "new/file": b"content"}))
    files.read(name, "/new", out, 1 << 20)

    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        assert [member.name for member in tar] == ["new", "new/file"]
        found = tar.extractfile("new/file")
        assert found is not None
        assert found.read() == b"content"


def test_what_is_at_a_path_of_a_worker_is_told(world: World) -> None:
    name, files = world.run(*FOREVER), world.engine.files
    files.write(name, "/", packed({"new/": b"", "new/file": b"content"}))

    assert files.look(name, "/new") == InnerFile("/new", is_directory=True, is_regular=False)
    assert files.look(name, "/new/file") == InnerFile("/new/file", is_directory=False, is_regular=True)
    assert files.look(name, "/new/none") is None


def test_what_cannot_be_copied_is_refused(world: World) -> None:
    name, files = world.run(*FOREVER), world.engine.files
    files.write(name, "/", packed({"large": bytes(100_000)}))

    with pytest.raises(CloudError, match="more than"):
        files.read(name, "/large", io.BytesIO(), 50_000)
    with pytest.raises(EngineError, match="there is no directory /none"):
        files.write(name, "/none", packed({"file": b"x"}))


def test_docker_tells_what_machine_it_runs_on(world: World) -> None:
    facts = world.engine.facts()

    assert facts.version[0].isdigit()
    assert facts.cores > 0
    assert facts.memory_bytes > 1 << 28


def test_a_file_that_is_no_archive_makes_no_image() -> None:
    with own_cloud() as engine, pytest.raises(EngineError, match="import"):
        engine.images.load("sc-test/broken", io.BytesIO(b"this is not a tar" * 100), [])


def test_both_engines_keep_the_same_contract() -> None:
    engines: list[Engine] = [DockerEngine("never-asked", SOCKET), FakeEngine(now=time.time)]

    assert all(engine.parts and engine.images and engine.execs and engine.files for engine in engines)

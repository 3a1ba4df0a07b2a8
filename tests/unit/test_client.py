"""The socket's client: answers, items, files, and what happens while managers change."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from manager.api.errors import AppNotFound, CloudError, FrameRejected, ManagerUnreachable
from shell.client import Client
from tests.eventually import eventually
from tests.fakes.manager import Death, FakeCall, FakeManager, PlacesAt


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def client(places: PlacesAt, notes: list[str]) -> Client:
    return Client(places, notes.append)


def test_a_result_comes_back(client: Client, manager: FakeManager) -> None:
    document = client.call("apps", {"app": ["web"]})
    assert document["kind"] == "AppList"
    assert manager.calls[0].params == {"app": ["web"]}


def test_items_come_before_the_result(client: Client, manager: FakeManager) -> None:
    def count(call: FakeCall) -> dict[str, object]:
        for number in range(3):
            call.emit({"kind": "Progress", "text": str(number)})
        return {"kind": "Result", "message": "done"}

    manager.verbs["scale"] = count
    items: list[object] = []
    document = client.call("scale", {}, on_item=lambda item: items.append(item["text"]))
    assert (items, document["message"]) == (["0", "1", "2"], "done")


def test_an_error_comes_back_as_the_class_that_was_raised(client: Client, manager: FakeManager) -> None:
    with pytest.raises(AppNotFound) as raised:
        client.call("apps", {"app": ["nosuch"]})
    assert (raised.value.message, raised.value.hint) == ('no app is named "nosuch"', "apps")


def test_files_are_handed_over_from_their_beginning(
    client: Client, manager: FakeManager, tmp_path: Path
) -> None:
    program = tmp_path / "server.py"
    program.write_text("#!/usr/bin/python3\n")
    with program.open("rb") as file:
        file.read()
        client.call("run", {}, [file.fileno()])
    assert manager.calls[0].contents == (b"#!/usr/bin/python3\n",)


def test_a_missing_socket_means_that_the_cloud_is_down_at_once(client: Client, notes: list[str]) -> None:
    assert client.is_down()
    with pytest.raises(ManagerUnreachable) as raised:
        client.call("ps", {})
    assert (raised.value.message, raised.value.hint) == ('the cloud "default" is down', "simplecloud up")
    assert notes == []


def test_a_call_without_an_answer_is_sent_again_as_it_was(
    client: Client, manager: FakeManager, notes: list[str], tmp_path: Path
) -> None:
    program = tmp_path / "x"
    program.write_bytes(b"content")
    manager.deaths = 2
    resent: list[bool] = []
    with program.open("rb") as file:
        params = {"request": "5f"}
        client.call("run", params, [file.fileno()], on_resend=lambda: resent.append(True))
    assert [call.params for call in manager.calls] == [{"request": "5f"}] * 3
    assert [call.contents for call in manager.calls] == [(b"content",)] * 3
    assert len(resent) == 2
    assert notes == ["the manager is away; workers keep serving; waiting for the next one"]


def test_a_call_waits_for_the_next_manager(client: Client, places: PlacesAt, notes: list[str]) -> None:
    first = FakeManager(places)
    first.start()
    first.stop()
    answers: list[object] = []
    asking = threading.Thread(target=lambda: answers.append(client.call("ps", {})["kind"]))
    asking.start()
    eventually(lambda: bool(notes), within_s=10.0)
    with FakeManager(places):
        asking.join(timeout=60)
    assert answers == ["WorkerList"]
    assert not client.is_down()


def test_a_manager_that_stays_away_cannot_be_reached(client: Client, places: PlacesAt) -> None:
    gone = FakeManager(places)
    gone.start()
    gone.stop()
    with pytest.raises(ManagerUnreachable) as raised:
        client.call("ps", {}, patience_s=0.2)
    assert raised.value.message == 'no manager of the cloud "default" answers (waited 0.2 s)'


class Clock:
    """A clock of the client's own, which stands still unless it is moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        monkeypatch.setattr("shell.client.time", self)

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, lasts_s: float) -> None:
        self.now_s += lasts_s


def dying(clock: Clock, after_s: Sequence[float]) -> Callable[[FakeCall], dict[str, object]]:
    """Return a method at which one manager after the other dies, each after so many seconds."""
    left = list(after_s)

    def die(_: FakeCall) -> dict[str, object]:
        if not left:
            return {"kind": "Result", "message": "done"}
        clock.sleep(left.pop(0))
        raise Death

    return die


@pytest.mark.parametrize("after_s", [[15.0], [0.9], [15.0, 15.0, 15.0], [15.0, 0.5, 15.0, 0.5]])
def test_patience_begins_at_the_death_of_a_manager_that_served(
    client: Client, manager: FakeManager, monkeypatch: pytest.MonkeyPatch, after_s: list[float]
) -> None:
    manager.verbs["logs"] = dying(Clock(monkeypatch), after_s)
    assert client.call("logs", {}, patience_s=0.8)["message"] == "done"
    assert len(manager.calls) == len(after_s) + 1


@pytest.mark.parametrize(
    ("after_s", "patience_s", "calls"),
    [([0.5] * 100, 2.0, 5), ([15.0, *[0.5] * 100], 2.0, 5), ([15.0], 0.0, 1)],
)
def test_managers_that_do_not_come_back_use_patience_up(
    client: Client,
    manager: FakeManager,
    monkeypatch: pytest.MonkeyPatch,
    after_s: list[float],
    patience_s: float,
    calls: int,
) -> None:
    manager.verbs["logs"] = dying(Clock(monkeypatch), after_s)
    with pytest.raises(ManagerUnreachable):
        client.call("logs", {}, patience_s=patience_s)
    assert len(manager.calls) == calls


def test_a_silent_manager_is_given_up_when_asked_to(client: Client, places: PlacesAt) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(places.socket))
        silent.listen()
        with pytest.raises(ManagerUnreachable, match="does not answer"):
            client.call("ps", {}, answer_within_s=0.1)


def test_a_manager_that_answers_nothing_is_given_up_by_whoever_waits_for_its_work(
    client: Client, places: PlacesAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shell.client.ANSWER_S", 0.1)
    with socket.socket(socket.AF_UNIX) as frozen:
        frozen.bind(str(places.socket))
        frozen.listen()
        with pytest.raises(ManagerUnreachable, match="does not answer"):
            client.call("scale", {})


def test_a_manager_that_is_at_work_is_waited_for(
    client: Client, manager: FakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shell.client.ANSWER_S", 0.5)  # within which a busy machine has to answer too
    asked = threading.Event()

    def apps(_: FakeCall) -> dict[str, object]:
        asked.set()
        return {"items": []}

    manager.verbs["apps"] = apps
    manager.verbs["scale"] = lambda _: {"message": "done" if asked.wait(30) else "not asked"}

    assert client.call("scale", {}) == {"message": "done"}


def test_an_interrupted_call_hangs_up(client: Client, manager: FakeManager) -> None:
    hung_up = threading.Event()

    def endless(call: FakeCall) -> dict[str, object]:
        try:
            while True:
                call.emit({"kind": "Progress", "text": "still"})
        except OSError:
            hung_up.set()
            raise

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    manager.verbs["scale"] = endless
    with pytest.raises(KeyboardInterrupt):
        client.call("scale", {}, on_item=interrupt)
    assert hung_up.wait(60)


def test_a_broken_pipe_of_whoever_takes_the_items_is_not_the_managers(
    client: Client, manager: FakeManager
) -> None:
    def one(call: FakeCall) -> dict[str, object]:
        call.emit({"kind": "LogLine"})
        return {}

    def nobody_reads(_: object) -> None:
        raise BrokenPipeError

    manager.verbs["logs"] = one
    with pytest.raises(BrokenPipeError):
        client.call("logs", {}, on_item=nobody_reads)
    assert manager.methods() == ["logs"]


@pytest.mark.parametrize(
    ("line", "error"), [(b"garbage\n", FrameRejected), (b'{"jsonrpc":"2.0","id":1}\n', CloudError)]
)
def test_an_answer_that_is_none_is_an_error(
    client: Client, places: PlacesAt, line: bytes, error: type[CloudError]
) -> None:
    def answer(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with sock:
            sock.recv(4096)
            sock.sendall(line)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(places.socket))
        listener.listen()
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        with pytest.raises(error):
            client.call("ps", {})
        thread.join()


def test_a_refusal_is_heard_though_the_request_was_not_taken(client: Client, places: PlacesAt) -> None:
    def refuse(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with sock:
            sock.sendall(b'{"id":null,"error":{"message":"no","data":{"kind":"not-allowed","hint":""}}}\n')

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(places.socket))
        listener.listen()
        thread = threading.Thread(target=refuse, args=(listener,))
        thread.start()
        with pytest.raises(CloudError) as raised:
            client.call("run", {"env": ["X=" + "y" * 2_000_000]})
        thread.join()
    assert raised.value.exit_code == 6


def test_a_call_leaks_no_descriptor(client: Client, manager: FakeManager) -> None:
    client.call("apps", {})
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        client.call("apps", {})
    eventually(lambda: len(os.listdir("/proc/self/fd")) <= before, within_s=10.0)

"""A proof holds only when nothing was lost, and says what was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import pytest

from manager.api.documents import document, listing
from manager.api.errors import CloudError, ManagerUnreachable
from manager.api.views import WorkerView
from shell.traffic.prove import Proof, crash_manager
from tests.fakes.replies import app, status, worker
from tests.fakes.website import Website, serving


@dataclass
class Cloud:
    """A cloud whose manager dies at `crash` and is away for some calls; the test says what is lost."""

    proxy: str
    workers: list[WorkerView]
    after: list[WorkerView]
    website: Website
    answer_after: bytes = b""
    away_for: int = 3
    pid: int = 4711
    crashes: list[Mapping[str, object]] = field(default_factory=list)

    def call(self, method: str, params: Mapping[str, object]) -> Mapping[str, object]:
        if method == "crash":
            return self._crash(params)
        if self.crashes and self.away_for:
            self.away_for -= 1
            raise ManagerUnreachable("no manager answers", hint="simplecloud up")
        match method:
            case "status":
                return status(manager={"pid": self.pid, "role": "leader"}, proxy={"url": self.proxy})
            case "apps":
                return listing("AppList", [app("web"), app("pong", urls=["tcp://127.0.0.1:9000"])])
            case "ps":
                return listing("WorkerList", self.after if self.crashes else self.workers)
            case _:
                raise CloudError(f"{method} was not expected")

    def _crash(self, params: Mapping[str, object]) -> Mapping[str, object]:
        self.crashes.append(params)
        self.pid += 1
        self.website.answer = self.answer_after or self.website.answer
        return document("Result", {"message": "", "notes": []})


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    workers = [worker(f"web.{slot}") for slot in (1, 2, 3)]
    with serving(Website()) as website:
        yield Cloud(f"http://127.0.0.1:{website.port}", workers, list(workers), website)


def proved(cloud: Cloud, within_s: float = 60.0) -> Proof:
    return crash_manager(cloud.call, within_s=within_s, before_s=0.1, after_s=0.1)


def test_a_cloud_that_lost_nothing_is_proved_so(cloud: Cloud) -> None:
    proof = proved(cloud)

    assert proof.holds
    assert proof.sent > 5
    first, second, requests, away, *_ = proof.lines()
    assert first == "same containers      3 of 3"
    assert second == "same start times     3 of 3"
    assert requests == f"requests             {proof.sent} sent, 0 failed"
    assert re.fullmatch(r"without a manager    \d+\.\d\d s", away)


def test_requests_go_to_http_apps_through_the_proxy_by_their_name(cloud: Cloud) -> None:
    proved(cloud)

    assert {request.split(b"\r\n")[1] for request in cloud.website.requests} == {b"Host: web.localhost:8080"}


def test_the_manager_is_asked_to_end_itself_once_and_without_a_question(cloud: Cloud) -> None:
    proved(cloud)

    (params,) = cloud.crashes
    assert (params["part"], params["yes"]) == ("manager", True)
    assert params["request"]


def test_another_container_disproves(cloud: Cloud) -> None:
    cloud.after[0] = replace(cloud.after[0], container="ffffffffffff")

    proof = proved(cloud)

    assert not proof.holds
    assert (proof.same_containers, proof.workers) == (2, 3)


def test_a_container_that_was_started_again_disproves(cloud: Cloud) -> None:
    cloud.after[0] = replace(cloud.after[0], started_at="2027-01-01T00:00:00.000Z")

    proof = proved(cloud)

    assert not proof.holds
    assert (proof.same_containers, proof.same_start_times) == (3, 2)


def test_a_failed_request_disproves_and_is_told(cloud: Cloud) -> None:
    cloud.answer_after = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"

    proof = proved(cloud)

    assert not proof.holds
    assert f"{proof.failed} failed (status 503 {proof.failed})" in [*proof.lines()][2]


def test_an_app_that_answered_with_an_error_before_is_asked_no_more(cloud: Cloud) -> None:
    cloud.website.answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

    proof = proved(cloud)

    assert proof.holds
    assert (proof.sent, len(cloud.website.requests)) == (0, 1)
    assert "left out             web: answered with an error before" in [*proof.lines()]
    assert "left out             pong: not for http" in [*proof.lines()]


def test_managers_are_kept_away_for_as_long_as_was_asked(cloud: Cloud) -> None:
    crash_manager(cloud.call, away_s=2.5, within_s=60.0, before_s=0.1, after_s=0.1)

    (params,) = cloud.crashes
    assert params["for"] == "2.5s"


def test_a_manager_that_stays_away_disproves(cloud: Cloud) -> None:
    cloud.away_for = 10_000

    proof = proved(cloud, within_s=0.2)

    assert not proof.holds
    assert [*proof.lines()][3] == "without a manager    still away"


def test_workers_that_had_ended_before_are_not_counted(cloud: Cloud) -> None:
    cloud.workers.append(worker("web.4", state="backoff"))

    proof = proved(cloud)

    assert proof.holds
    assert proof.workers == 3

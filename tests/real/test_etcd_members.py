"""The embedded etcd loses one of its three members: the cloud goes on, and `doctor --fix` brings it back."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from manager.host.holds import hold, hold_file
from manager.host.members import has_log
from tests.real.cloud import Apps, Cloud, containers_of, docker_by_hand, eventually, mend, running_cloud
from tests.real.traffic import Traffic
from tests.stopping import hanging, stop


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Lend a cloud whose etcd has three members; each test leaves all of them well."""
    with running_cloud(tmp_path_factory.mktemp("operator"), "--etcd-members", "3") as cloud:
        yield cloud


def healthy(cloud: Cloud) -> list[bool]:
    return [member["healthy"] for member in cloud.status()["etcd"]["members"]]


@contextmanager
def frozen(cloud: Cloud, number: int) -> Iterator[None]:
    """A member answers nobody for the length of a `with`, and the manager leaves it so."""
    pid, member = state_of(cloud, "etcd", number)["Pid"], cloud.part("etcd", number)
    with ExitStack() as stack:
        hold(cloud.places, 600, member)
        stack.callback(hold_file(cloud.places, member).unlink)
        stack.callback(os.kill, pid, signal.SIGCONT)
        stop(pid)
        yield


@contextmanager
def killed(cloud: Cloud, number: int) -> Iterator[None]:
    """A member is down for the length of a `with`."""
    cloud.ok("crash", "etcd", str(number), "--for", "10m", "-y")
    try:
        yield
    finally:
        hold_file(cloud.places, cloud.part("etcd", number)).unlink()


def state_of(cloud: Cloud, part: str, number: int | None = None) -> Mapping[str, Any]:
    """Return what Docker says of a part's process."""
    with docker_by_hand() as client:
        state: Mapping[str, Any] = client.inspect_container(cloud.part(part, number))["State"]
        return state


def test_a_member_that_lost_its_data_is_told_and_gets_it_from_the_others(trio: Cloud) -> None:
    name = Apps(trio).run("sleep", "1000", stem="kept")
    trio.ok("down")
    shutil.rmtree(trio.places.state / "etcd3" / "member")

    up = trio.ok("up")
    before = healthy(trio)
    mended = mend(trio)
    eventually(lambda: healthy(trio) == [True, True, True], within_s=20)
    with killed(trio, 1):  # what is left has a quorum with the new one only
        scale(trio, name, 2)
    eventually(lambda: healthy(trio) == [True, True, True], within_s=20)

    assert "warning: etcd3" in up.stderr
    assert f"simplecloud --cloud {trio.name} doctor --fix" in up.stderr
    assert before == [True, True, False]
    assert "etcd3 had lost its data" in mended.stderr
    assert trio.is_ready(name, 2)


def test_a_member_whose_data_are_of_no_use_to_it_gets_those_of_the_others(trio: Cloud) -> None:
    directory = trio.places.state / "etcd3"

    def lose() -> None:
        with killed(trio, 3):
            shutil.rmtree(directory / "member")

    lose()
    mend(trio)
    eventually(lambda: healthy(trio) == [True, True, True], within_s=20)
    lose()  # having joined the others, it takes itself for who it was, and falls over what they tell it
    eventually(lambda: has_log(directory), within_s=20)
    mended = mend(trio)

    eventually(lambda: healthy(trio) == [True, True, True], within_s=20, what="three members that answer")
    assert "etcd3 could not go on with its data" in mended.stderr


def test_a_cloud_with_a_frozen_member_counts_as_up(trio: Cloud) -> None:
    with frozen(trio, 3):
        again = trio.ok("up")
        found = trio.run("doctor", "-o", "json").items
        seen = healthy(trio)

    assert "is up" in again.stderr
    assert "no manager leads" not in again.stderr
    assert {item["name"]: item["state"] for item in found}["socket"] == "ok"
    assert seen == [True, True, False]


def is_well(cloud: Cloud) -> bool:
    """Return whether all members answer, and the manager has seen it."""
    return healthy(cloud) == [True, True, True] and cloud.is_well()


def events(cloud: Cloud) -> list[str]:
    told = eventually(lambda: cloud.look("events").stdout, within_s=20)
    return [item["text"] for item in json.loads(told)["items"]]


def scale(cloud: Cloud, app: str, count: int) -> None:
    """The app has so many workers; while the others choose another leader, nothing can be asked for."""
    eventually(lambda: cloud.here("scale", app, str(count)).code == 0, within_s=60)


def test_a_frozen_member_goes_on_by_itself_and_costs_nobody_a_request(trio: Cloud) -> None:
    apps = Apps(trio)
    eventually(lambda: is_well(trio), within_s=60)
    name, other, proxy = apps.serve(1), apps.serve(1), state_of(trio, "proxy")["Pid"]

    with Traffic(trio, name, rate_rps=20) as traffic:
        for number in (1, 2, 3):  # the proxy listens to one of them
            stop(state_of(trio, "etcd", number)["Pid"])
            scale(trio, other, number + 1)
            eventually(lambda: is_well(trio), within_s=60)

    assert traffic.failures == {}
    assert state_of(trio, "proxy")["Pid"] == proxy
    told = {f"etcd{number}: told to go on: a signal had stopped it" for number in (1, 2, 3)}
    assert eventually(lambda: told <= {*events(trio)}, within_s=20)


def test_a_member_that_hangs_and_keeps_the_proxy_waiting_is_ended(trio: Cloud) -> None:
    apps = Apps(trio)
    eventually(lambda: is_well(trio), within_s=60)
    name, other, proxy = apps.serve(1), apps.serve(1), state_of(trio, "proxy")["Pid"]
    why = "answered nobody, and the proxy waited for it"

    with Traffic(trio, name, rate_rps=20) as traffic:
        for number in (1, 2, 3):  # the proxy listens to one of them
            with hanging(state_of(trio, "etcd", number)["Pid"]):
                scale(trio, other, number + 1)
            eventually(lambda: is_well(trio), within_s=60)
            if any(text.endswith(why) for text in events(trio)):
                break

    assert traffic.failures == {}
    assert state_of(trio, "proxy")["Pid"] == proxy
    assert eventually(lambda: any(text.endswith(why) for text in events(trio)), within_s=20)


def test_members_that_all_lost_their_data_begin_anew_and_their_apps_are_adopted(trio: Cloud) -> None:
    name = Apps(trio).serve(2)
    before = containers_of(trio)
    for number in (1, 2, 3):
        shutil.rmtree(trio.places.state / f"etcd{number}")
        with docker_by_hand() as client:
            client.kill(trio.part("etcd", number))

    up = trio.run("up")
    mend(trio)
    eventually(lambda: "no record" in " ".join(trio.status()["notes"]), within_s=20)
    trio.ok("adopt", "-y")

    assert up.code == 1
    assert f"simplecloud --cloud {trio.name} doctor --fix" in up.stderr
    assert containers_of(trio) == before
    eventually(lambda: trio.serves(name), 20, "an answer: the proxy may have yet to follow what was lost")
    assert [item["revision"] for item in trio.ok("history", name, "-o", "json").items] == [1]
    assert {(trio.places.state / f"etcd{n}").stat().st_mode & 0o777 for n in (1, 2, 3)} == {0o700}

"""Members of the embedded etcd that do not answer: which of them are ended, and which are made anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from manager.api.errors import StoreUnavailable
from manager.engine.containers import LAST_LINES
from manager.host.members import BEGINS_S, LOST, bring_back
from manager.host.parts import ETCD_IMAGE, etcd_orders
from manager.host.settings import Settings
from tests.fakes.engine import FakeEngine, fake_image
from tests.fakes.manager import PlacesWithState

SETTINGS = Settings(8080, 9000, 9015, 23000, ((23001, 23002),), "10.200.0.0/22")
LISTED = b'{"members": [{"ID": "7", "peerURLs": ["http://127.0.0.1:23002"]}]}'


class Saying(FakeEngine):
    """Its parts have printed `said`."""

    said = ""

    def last_words(self, name: str, lines: int = LAST_LINES) -> list[str]:
        return [self.said]


class Cluster(HTTPServer):
    """What the members that are well answer; it refuses the call of this name."""

    refuses = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Member)
        self.asked: list[str] = []


class _Member(BaseHTTPRequestHandler):
    server: Cluster

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        call = self.path.rpartition("/")[2]
        self.server.asked.append(call)
        self.send_response(503 if call == self.server.refuses else 200)
        self.end_headers()
        self.wfile.write(LISTED if call == "list" else b"{}")

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@contextmanager
def a_cluster() -> Iterator[tuple[Cluster, Settings]]:
    """The first of two members is the one that tests are about, the second is well."""
    with Cluster() as cluster:
        thread = threading.Thread(target=cluster.serve_forever, name="cluster")
        thread.start()
        try:
            yield cluster, replace(SETTINGS, etcd_ports=((23001, 23002), (cluster.server_port, 23004)))
        finally:
            cluster.shutdown()
            thread.join()


def a_member(tmp_path: Path, settings: Settings, said: str) -> tuple[PlacesWithState, Saying, Path]:
    """Return where a member has a log, the engine that runs it and what it has printed, and its log."""
    places = PlacesWithState("test", directory=tmp_path)
    log = places.state / "etcd1" / "member" / "wal" / "0.wal"
    log.parent.mkdir(parents=True)
    log.touch()
    engine = Saying(now=lambda: time.time() - BEGINS_S - 1, images=[fake_image(ETCD_IMAGE)])
    engine.said = said
    for order in etcd_orders(places, settings):
        engine.parts.start(order)
    return places, engine, log


@pytest.mark.parametrize(
    ("age_s", "what"), [(BEGINS_S + 1, "restarted"), (BEGINS_S / 2, "started")], ids=["old", "young"]
)
def test_a_silent_member_is_killed_unless_it_may_be_making_its_first_data(
    tmp_path: Path, age_s: float, what: str
) -> None:
    places = PlacesWithState("test", directory=tmp_path)
    engine = FakeEngine(now=lambda: time.time() - age_s, images=[fake_image(ETCD_IMAGE)])
    places.state.mkdir()
    (order,) = etcd_orders(places, SETTINGS)
    engine.parts.start(order)

    done = bring_back(places, SETTINGS, SETTINGS.etcd_endpoints, engine)

    assert done == f"{what} {order.name}"
    assert (f"restart {order.name}" in engine.changes) == (what == "restarted")


def test_a_member_with_a_log_that_says_nothing_of_a_loss_keeps_its_data(tmp_path: Path) -> None:
    with a_cluster() as (cluster, settings):
        places, engine, log = a_member(tmp_path, settings, "lost the leader")

        done = bring_back(places, settings, settings.etcd_endpoints[:1], engine)

    assert (done, cluster.asked, log.exists()) == ("restarted sc_test_etcd_1", [], True)


def test_a_member_that_is_not_away_is_untouched_whatever_it_once_said(tmp_path: Path) -> None:
    with a_cluster() as (cluster, settings):
        places, engine, log = a_member(tmp_path, settings, LOST[0])
        before = list(engine.changes)

        done = bring_back(places, settings, [], engine)

    assert (done, cluster.asked, log.exists()) == ("", [], True)
    assert engine.changes == before


@pytest.mark.parametrize("words", LOST)
def test_a_member_that_was_given_up_is_made_anew_from_the_others(tmp_path: Path, words: str) -> None:
    with a_cluster() as (cluster, settings):
        places, engine, log = a_member(tmp_path, settings, words)

        done = bring_back(places, settings, settings.etcd_endpoints[:1], engine)

    assert done == "etcd1 had lost its data, and gets it from the others"
    assert (cluster.asked, log.exists()) == (["list", "remove", "add"], False)
    assert engine.changes[-1] == "start sc_test_etcd_1"


@pytest.mark.parametrize("refused", ["list", "remove", "add"])
def test_a_members_data_stay_until_the_others_have_agreed(tmp_path: Path, refused: str) -> None:
    with a_cluster() as (cluster, settings):
        places, engine, log = a_member(tmp_path, settings, LOST[0])
        cluster.refuses = refused

        with pytest.raises(StoreUnavailable, match=refused):
            bring_back(places, settings, settings.etcd_endpoints[:1], engine)

    assert log.exists()

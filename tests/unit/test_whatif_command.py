"""`whatif` as its operator sees it: what it refuses, what it answers, and how that reads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, cast

import pytest

from manager.api import arguments
from manager.api.commands import known
from manager.api.errors import AppNotFound, CloudError, UsageError
from manager.loop.reconcile import Picture, Reconciler
from manager.scaling.recording import Recording
from manager.server import Call
from manager.service.whatif import Whatif
from manager.state.model import AppSpec, Autoscale
from manager.state.templates import Template
from manager.state.world import World
from shell.language import parsing
from shell.text import render
from shell.text.tables import Options
from tests.autoscale.observations import POLICY
from tests.unit.test_recording import T0, Life

TODAY = Autoscale(POLICY.min, POLICY.max, POLICY.slo_s, POLICY.slo_share)


@dataclass(slots=True)
class Reads:
    """The part of the loop that the command asks: the apps there are."""

    policy: Autoscale | None = TODAY

    def seen(self) -> Picture:
        template = Template(command=("server",), image="base", port=8000)
        spec = AppSpec("web", 1, 1, template, 2, T0, autoscale=self.policy)
        return Picture(World(T0, 1, IPv4Network("10.200.0.0/22"), {"web": spec}), 1, True)


@dataclass(slots=True)
class Listener:
    """A client that listens, and remembers how far it was told the work is."""

    told: list[str] = field(default_factory=list)

    def check(self) -> None:
        """It is there."""

    def progress(self, text: str) -> None:
        self.told.append(text)


@dataclass(slots=True)
class Desk:
    """An operator before an app with a record."""

    life: Life
    reads: Reads = field(default_factory=Reads)

    def asks(self, *words: str) -> dict[str, Any]:
        row = known("whatif")
        asked = arguments.bind(row, parsing.parse(row, words))
        command = Whatif(cast(Reconciler, self.reads), self.life.recording)
        return dict(command.whatif(cast(Call, Listener()), asked))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    life = Life(Recording(tmp_path / "load"))
    monkeypatch.setattr(time, "time", lambda: life.now_s)
    yield Desk(life)
    life.recording.close()


def test_todays_policy_reproduces_every_decision(desk: Desk) -> None:
    desk.life.busy(60)

    answer = desk.asks("web")

    assert (answer["same"], answer["compared"], answer["decisions"]) == (60, 60, 60)
    really, today = answer["policies"]
    assert [really[key] for key in ("mean_workers", "ups", "downs")] == [
        today[key] for key in ("mean_workers", "ups", "downs")
    ]


def test_another_policy_stands_beside_todays(desk: Desk) -> None:
    desk.life.busy(60)

    answer = desk.asks("web", "--max", "3", "--slo", "200ms")

    _, today, asked = answer["policies"]
    assert [row["policy"] for row in answer["policies"]] == ["recorded", "today", "asked"]
    assert (asked["min"], asked["max"], asked["slo_s"], asked["slo_share"]) == (1, 3, 0.2, 0.95)
    assert asked["max_workers"] == 3
    assert asked["worker_hours"] < today["worker_hours"]


def test_only_the_time_that_is_asked_for_counts(desk: Desk) -> None:
    desk.life.busy(60)

    answer = desk.asks("web", "--replay", "1m")

    assert answer["decisions"] in (30, 31)
    assert answer["same"] == answer["compared"] == answer["decisions"]


def test_decisions_of_before_a_change_of_policy_are_told_and_not_compared(desk: Desk) -> None:
    desk.life.busy(20)
    desk.reads.policy = Autoscale(1, 4)

    answer = desk.asks("web")

    assert answer["compared"] == 0
    assert any("20 decisions were made under another policy" in note for note in answer["notes"])


def test_damage_is_told(desk: Desk) -> None:
    desk.life.busy(20)
    path = next((desk.life.recording.directory / "web").iterdir())
    path.write_bytes(path.read_bytes()[:-50])

    answer = desk.asks("web")

    assert answer["skipped"] == 1
    assert "1 damaged records are left out" in answer["notes"]


def test_without_a_record_it_says_so_and_what_to_do(desk: Desk) -> None:
    with pytest.raises(CloudError, match="no load of web is recorded in the last 2 h:") as refused:
        desk.asks("web", "--replay", "2h")

    assert refused.value.hint == "load web --rps 20 --for 60s"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("40ms", "40 ms"),
        ("2.1s", "2.1 s"),
        ("2.13s", "2.1 s"),
        ("90s", "90 s"),
        ("90.4s", "90 s"),
        ("150s", "150 s"),
        ("10m", "10 min"),
        ("1h", "1 h"),
        ("1.5h", "1 h 30 min"),
        ("125m", "2 h 5 min"),
        ("7199s", "2 h"),
    ],
)
def test_a_time_is_told_as_people_say_it(desk: Desk, typed: str, told: str) -> None:
    with pytest.raises(CloudError, match=f"recorded in the last {told}: it had no requests"):
        desk.asks("web", "--replay", typed)


def test_an_app_that_is_scaled_by_hand_has_no_record(desk: Desk) -> None:
    desk.reads.policy = None

    with pytest.raises(CloudError, match="web is scaled by hand") as refused:
        desk.asks("web")

    assert refused.value.hint == "autoscale web --max 6"


def test_an_app_that_is_not_there_is_none(desk: Desk) -> None:
    with pytest.raises(AppNotFound):
        desk.asks("wep")


@pytest.mark.parametrize(
    "words",
    [["--min", "7", "--max", "2"], ["--min", "0"], ["--max", "1000000"], ["--slo", "fast"], ["--min", "99"]],
)
def test_a_policy_that_makes_no_sense_is_refused(words: list[str], desk: Desk) -> None:
    desk.life.busy(5)

    with pytest.raises(UsageError) as refused:
        desk.asks("web", *words)

    assert refused.value.hint.startswith("whatif web")


def test_people_read_a_table_and_whether_it_is_reproduced(desk: Desk) -> None:
    desk.life.busy(60)

    head, columns, *rows, last = render.result(desk.asks("web", "--max", "3"), Options())

    assert head == "web: 60 decisions in 120 s since 2023-11-14 22:13:22Z"
    assert columns.split()[:3] == ["POLICY", "MIN", "MAX"]
    assert [row.split()[0] for row in rows] == ["recorded", "today", "asked"]
    assert last == "today's policy reproduces 60 of 60 decisions"


def test_what_cannot_be_told_is_a_note(desk: Desk) -> None:
    desk.life.busy(40)

    notes = list(render.notes(desk.asks("web"), Options()))

    assert all(note.startswith("note: ") for note in notes)
    assert "the learned curve tells it" in notes[-1]

"""Settings whose file is lost: the parts of a cloud have them, and none are invented for what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from manager.api.places import Places
from manager.engine.payload import CLOUD, part_payload
from manager.host.parts import SETTINGS_LABEL, orders
from manager.host.recall import agreed, keep_file
from manager.host.remains import LeftBehind
from manager.host.settings import Settings, load, save, text_of
from tests.fakes.manager import PlacesWithState

PLACES = Places("nowhere")
SETTINGS = Settings(8080, 9000, 9015, 23000, ((23001, 23002), (23003, 23004)), "10.200.0.0/22")
OWN_ETCD = replace(SETTINGS, etcd_ports=(), own_etcd=("a:2379", "b:2379"), own_etcd_files=("ca",))


@pytest.mark.parametrize("settings", [SETTINGS, OWN_ETCD])
def test_every_part_carries_the_settings_of_its_cloud(settings: Settings) -> None:
    made = orders(PLACES, settings)

    assert {agreed([order.labels]) for order in made} == {settings}
    assert agreed([order.labels for order in made]) == settings


@pytest.mark.parametrize(
    "labels",
    [
        [],
        [{CLOUD: "nowhere"}],
        [{SETTINGS_LABEL: text} for text in ("{", "1", '"x"', "[]", "{}")],
        [{SETTINGS_LABEL: text_of(SETTINGS)}, {SETTINGS_LABEL: text_of(OWN_ETCD)}],
    ],
    ids=["no parts", "no label", "unreadable", "two of them"],
)
def test_parts_that_do_not_agree_tell_no_settings(labels: list[Mapping[str, str]]) -> None:
    assert agreed(labels) is None


def test_a_part_of_an_older_version_tells_as_much_as_it_can() -> None:
    (order, *_) = orders(PLACES, SETTINGS)

    assert agreed([{CLOUD: "nowhere"}, order.labels]) == SETTINGS


def test_what_a_part_carries_is_one_line_for_docker_ps() -> None:
    assert not [order for order in orders(PLACES, SETTINGS) if "\n" in order.labels[SETTINGS_LABEL]]


def test_what_a_part_carries_does_not_make_another_of_it() -> None:
    (order, *_) = orders(PLACES, SETTINGS)

    assert replace(order, labels={}).digest == order.digest


def test_what_a_part_carries_does_not_hide_whose_it_is() -> None:
    (order, *_) = orders(PLACES, SETTINGS)

    labels = part_payload("nowhere", replace(order, labels={**order.labels, CLOUD: "other"}))["Labels"]

    assert isinstance(labels, dict)
    assert (labels[CLOUD], agreed([labels])) == ("nowhere", SETTINGS)


def test_a_file_that_is_lost_is_written_again(tmp_path: Path) -> None:
    places = PlacesWithState("test", directory=tmp_path)
    save(places, SETTINGS)
    (places.state / "cloud.json").unlink()

    keep_file(places, SETTINGS)

    assert load(places) == SETTINGS


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    places = PlacesWithState("test", directory=tmp_path)
    save(places, OWN_ETCD)

    keep_file(places, SETTINGS)

    assert load(places) == OWN_ETCD


def test_no_file_is_written_for_a_cloud_whose_state_is_gone(tmp_path: Path) -> None:
    places = PlacesWithState("test", directory=tmp_path)

    keep_file(places, SETTINGS)

    assert not places.state.exists()


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (LeftBehind(0, 0, 0), ""),
        (LeftBehind(None, 0, 0), ""),
        (LeftBehind(4, 1, 3), "4 containers, 1 link, 3 rules"),
    ],
)
def test_what_is_there_of_a_cloud_is_named(left: LeftBehind, words: str) -> None:
    assert left.words() == words


@pytest.mark.parametrize(
    ("left", "counts"),
    [
        (LeftBehind(0, 0, 0), "0 containers, 0 links, 0 rules, 0 mounts"),
        (LeftBehind(None, 0, 0), "? containers, 0 links, 0 rules, 0 mounts"),
        (LeftBehind(1, 1, 3, 1), "1 container, 1 link, 3 rules, 1 mount"),
    ],
)
def test_what_is_counted_of_a_cloud_is_no_plural_of_one(left: LeftBehind, counts: str) -> None:
    assert left.counts() == counts

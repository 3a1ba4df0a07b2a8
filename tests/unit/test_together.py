"""The apps of one file: which is made first, and that no two have the same route."""

from __future__ import annotations

import pytest

from manager.api.errors import UsageError
from shell.apps import app_file, together
from shell.apps.entry import Entry


def apps(**settings: str) -> list[Entry]:
    """Return the entries of a file whose apps have these settings."""
    tables = (f"[apps.{name}]\ncommand = 'x'\n{lines}\n" for name, lines in settings.items())
    return app_file.read("\n".join(tables), "")


def order_of(entries: list[Entry], present: list[Entry]) -> str:
    return "".join(e.name for e in together.in_order(entries, {entry.name: entry for entry in present}))


@pytest.mark.parametrize(
    ("present", "order"),
    [("", "bca"), ("a", "bca"), ("abc", "bca"), ("c", "bca")],
)
def test_an_app_is_made_after_those_that_it_reaches(present: str, order: str) -> None:
    entries = apps(a="reach = ['c', 'elsewhere']", b="pull = true", c="reach = ['b', 'c']")

    assert order_of(entries, [entry for entry in entries if entry.name in present]) == order


@pytest.mark.parametrize(("present", "order"), [("a", "ba"), ("b", "ab")])
def test_of_two_apps_that_reach_each_other_the_one_that_is_not_there_is_made_first(
    present: str, order: str
) -> None:
    entries = apps(a="reach = ['b']", b="reach = ['a']")

    assert order_of(entries, [entry for entry in entries if entry.name in present]) == order


@pytest.mark.parametrize("last", ["reach = ['a']", "reach = ['b']"])
def test_new_apps_that_reach_each_other_are_refused(last: str) -> None:
    entries = apps(a="reach = ['b']", b="reach = ['c']", c=last)

    with pytest.raises(UsageError, match=r"(.) needs (.) first, and \2 needs \1"):
        together.in_order(entries, {})


def test_an_app_gets_a_route_after_the_one_that_gives_it_up() -> None:
    present = apps(b="port = 80\npath = ['/s']")

    assert order_of(apps(a="port = 80\npath = ['/s']", b="port = 80"), present) == "ba"


def test_apps_that_would_exchange_their_routes_are_refused() -> None:
    one, other = "port = 80\npath = ['/s']", "port = 80\npath = ['/t']"

    with pytest.raises(UsageError, match=r"needs . first"):
        order_of(apps(a=one, b=other), apps(a=other, b=one))


@pytest.mark.parametrize(
    "route", ["path = ['/s/']", "host = ['S.org']", "path = ['/a']", "host = ['a.localhost']"]
)
def test_two_apps_of_a_file_cannot_have_the_same_route(route: str) -> None:
    with pytest.raises(UsageError, match="a and b have the same route"):
        apps(a="port = 80\npath = ['/s']\nhost = ['s.org']", b=f"port = 80\n{route}")


@pytest.mark.parametrize("setting", ["", "port = '80/tcp'"])
def test_an_app_that_is_not_for_http_has_no_route(setting: str) -> None:
    first, second = apps(a=setting, b="port = 80\npath = ['/a']")

    assert together.routes(first) == []
    assert together.routes(second) == ["b.localhost", "/b", "/a"]

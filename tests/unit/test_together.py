"""The apps of one file: which is made first, and that no two have the same route."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from manager.api.errors import UsageError
from shell.apps import app_file, together
from shell.apps.app_file import Entry


def apps(**settings: str) -> list[Entry]:
    """Return the entries of a file whose apps have these settings."""
    tables = (f"[apps.{name}]\ncommand = 'x'\n{lines}\n" for name, lines in settings.items())
    return app_file.read("\n".join(tables), "")


@pytest.mark.parametrize(
    ("present", "order"),
    [((), "bca"), ("a", "bca"), ("abc", "bca"), ("c", "bca")],
)
def test_an_app_is_made_after_those_that_it_reaches(present: Collection[str], order: str) -> None:
    entries = apps(a="reach = ['c', 'elsewhere']", b="pull = true", c="reach = ['b', 'c']")

    assert "".join(entry.name for entry in together.in_order(entries, present)) == order


@pytest.mark.parametrize(("present", "order"), [("a", "ba"), ("b", "ab")])
def test_of_two_apps_that_reach_each_other_the_one_that_is_not_there_is_made_first(
    present: str, order: str
) -> None:
    entries = apps(a="reach = ['b']", b="reach = ['a']")

    assert "".join(entry.name for entry in together.in_order(entries, present)) == order


@pytest.mark.parametrize("last", ["reach = ['a']", "reach = ['b']"])
def test_new_apps_that_reach_each_other_are_refused(last: str) -> None:
    entries = apps(a="reach = ['b']", b="reach = ['c']", c=last)

    with pytest.raises(UsageError, match=r"(.) reaches ., which needs \1 itself") as refused:
        together.in_order(entries, ())

    assert refused.value.hint.startswith("update --reach ")


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

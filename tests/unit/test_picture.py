"""The live view as text, and its small pictures."""

from __future__ import annotations

import pytest

from shell import picture
from shell.picture import Seen, View
from shell.sparkline import bar, sparkline
from shell.tables import Options

OPTIONS = Options(width=80, now=1000.0)
APPS = [
    {"name": "api", "ready": 2, "want": 2, "rate_rps": 3.0, "note": ""},
    {"name": "web", "ready": 1, "want": 3, "rate_rps": 40.0, "note": "web.2 starting: no health answer yet"},
]
STATUS = {
    "cloud": "default",
    "etcd": {"healthy": True},
    "proxy": {"healthy": False},
    "docker": {"version": "20.10"},
    "host": {"cores": 2, "memory_bytes": 2**30},
    "converged": False,
}


def view(seen: Seen, chosen: View, height: int = 40, options: Options = OPTIONS) -> str:
    return "\n".join(picture.lines(seen, chosen, options, height))


def test_a_sparkline_shows_the_last_values_relative_to_the_largest() -> None:
    assert sparkline([0, 1, 2, 4], 4) == " ▂▄█"
    assert sparkline([9, 9, 0], 2) == "█ "
    assert sparkline([], 3) == "   "


def test_a_value_that_is_not_nothing_does_not_look_like_nothing() -> None:
    assert sparkline([1, 1000], 2) == "▁█"


def test_a_bar_stays_in_its_columns() -> None:
    assert bar(0.5, 4) == "██░░"
    assert bar(7, 4, utf8=False) == "####"


def test_every_app_is_there_with_what_comes_next() -> None:
    shown = view(Seen(status=STATUS, apps=APPS), View())

    assert "> api" in shown
    assert "1/3" in shown
    assert "web.2 starting" in shown
    assert "proxy NOT OK" in shown


@pytest.mark.parametrize("width", [40, 60, 80, 140])
@pytest.mark.parametrize("height", [5, 10, 24])
def test_the_view_fits_the_terminal(width: int, height: int) -> None:
    options = Options(width=width, now=1000.0)
    lines = picture.lines(Seen(status=STATUS, apps=APPS), View(), options, height)

    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_a_manager_that_is_away_is_said_above_the_last_picture() -> None:
    shown = view(Seen(status=STATUS, apps=APPS, away_since=988.0), View())

    assert shown.startswith("manager DOWN 12 s: showing the last picture; workers keep serving")
    assert "api" in shown


def test_the_cursor_stays_on_an_app() -> None:
    seen = Seen(apps=APPS)

    assert picture.moved(View(), -1, seen).chosen == 0
    assert picture.moved(View(chosen=1), 1, seen).chosen == 1


def test_apps_can_be_sorted_and_filtered() -> None:
    seen = Seen(apps=APPS)

    assert [app["name"] for app in picture.shown_apps(seen, View(sort="rate_rps"))] == ["web", "api"]
    assert [app["name"] for app in picture.shown_apps(seen, View(filter="ap"))] == ["api"]


def test_the_history_of_rates_is_bounded() -> None:
    seen = Seen()
    for _ in range(picture.HISTORY + 5):
        seen = Seen(rates=picture.remembered(seen, APPS))

    assert len(seen.rates["web"]) == picture.HISTORY


def test_one_moment_is_one_line_where_nothing_can_be_drawn() -> None:
    assert picture.plain_line(Seen(apps=APPS), 0.0) == (
        "00:00:00Z  api 2/2 ready 3.0 req/s  web 1/3 ready 40 req/s"
    )

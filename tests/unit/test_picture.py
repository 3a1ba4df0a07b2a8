"""The live view as text, and its small pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manager.api.rows.changing import FIRST_RUN
from shell.live import picture
from shell.live.keys import HELP_PAGE
from shell.live.view import Seen, View, away, remembered, shown_apps, told
from shell.text import styled
from shell.text.document import Document
from shell.text.sparkline import bar, by_time, sparkline
from shell.text.tables import Options

NOW = 1000.0
APPS: list[Document] = [
    {
        "name": "api",
        "ready": 2,
        "want": 2,
        "rate_rps": 3.0,
        "p95_s": 0.012,
        "error_ratio": 0.0,
        "cpu_cores": 0.1,
        "memory_bytes": 20 * 2**20,
        "scaling": "auto",
        "note": "enough",
    },
    {
        "name": "web",
        "ready": 1,
        "want": 3,
        "rate_rps": 40.0,
        "p95_s": None,
        "cpu_cores": 0.3,
        "memory_bytes": 30 * 2**20,
        "scaling": "manual",
        "note": "web.2 starting: no health answer yet",
        "command": ["./server.py", "80 00"],
        "image": "simplecloud/base",
        "urls": ["http://web.localhost:8080/"],
    },
]
WORKERS: list[Document] = [
    {"name": "api.1", "app": "api", "state": "ready", "address": "10.200.0.2", "restarts": 0},
    {"name": "api.2", "app": "api", "state": "ready", "address": "10.200.0.3", "restarts": 0},
    {"name": "web.1", "app": "web", "state": "ready", "address": "10.200.0.4", "restarts": 0},
    {"name": "web.2", "app": "web", "state": "starting", "started_at": "1970-01-01T00:16:38Z", "restarts": 2},
]
EVENTS: list[Document] = [
    {"id": "1", "at": "1970-01-01T00:16:37Z", "app": "web", "worker": None, "text": "scale: want 3"},
    {"id": "2", "at": "1970-01-01T00:16:38Z", "app": "web", "worker": "web.2", "text": "started"},
]
STATUS = {
    "cloud": "default",
    "etcd": {"healthy": True},
    "proxy": {"healthy": False},
    "docker": {"healthy": True, "version": "20.10"},
    "converged": False,
}
DECISION = {
    "action": "hold",
    "reason": "enough",
    "inputs": {"level_rps": 3.0},
    "thresholds": {"adds_above_rps": 4.0},
}
SEEN = Seen(
    status=STATUS,
    host={"cores": 2, "memory_bytes": 2**30, "used_cores": 0.4, "used_memory_bytes": 50 * 2**20},
    apps=APPS,
    workers=WORKERS,
    events=EVENTS,
    decisions={"api": DECISION},
    rates={"api": [(950.0, 1.0), (NOW, 3.0)], "web": [(950.0, 20.0), (NOW, 40.0)]},
)


def drawn(view: View, width: int = 80, height: int = 40, seen: Seen = SEEN, *, utf8: bool = True) -> str:
    options = Options(width=width, utf8=utf8, now=NOW)
    return "\n".join(styled.text_of(line).rstrip() for line in picture.lines(seen, view, options, height))


def test_a_sparkline_shows_the_last_values_relative_to_the_largest() -> None:
    assert sparkline([0, 1, 2, 4], 4) == " ▂▄█"
    assert sparkline([9, 9, 0], 2) == "█ "
    assert sparkline([], 3) == "   "


def test_a_value_that_is_not_nothing_does_not_look_like_nothing() -> None:
    assert sparkline([1, 1000], 2) == "▁█"


def test_a_history_is_shown_by_when_it_was_not_by_how_often_somebody_looked() -> None:
    history = [(-1.0, 9.0), (1.0, 8.0), (41.0, 1.0), (42.0, 3.0), (59.0, 4.0)]

    assert by_time(history, now=60.0, span_s=60.0, columns=3) == [8.0, 0.0, (1.0 + 3.0 + 4.0) / 3]


def test_a_bar_stays_in_its_columns() -> None:
    assert bar(0.5, 4) == "██░░"
    assert bar(7, 4, utf8=False) == "####"


def test_the_view_in_80_columns() -> None:
    assert drawn(View()) == (
        "default  manager ok  etcd ok  proxy NOT OK  docker ok  not as asked\n"
        "cpu ███░░░░░░░░░░░░░░ 0.40 of 2 cores   memory █░░░░░░░░░░░░░░░░ 50.0M of 1.0G\n"
        "\n"
        "  APP  READY  REQ/S    P95  ERRORS   CPU  LAST MINUTE   NEXT\n"
        "> api    2/2    3.0  12 ms      0%  0.10   ▃         █  hold: 25 % headroom; en…\n"
        "  web    1/3     40      -       -  0.30   ▄         █  starting web.2 (2 s)\n"
        "\n"
        "  WORKER  STATE  ADDRESS     CPU  MEMORY  REQ/S  P95  RESTARTS  AGE  REASON\n"
        "  api.1   ready  10.200.0.2    -       -      -    -         0    -  -\n"
        "  api.2   ready  10.200.0.3    -       -      -    -         0    -  -\n"
        "\n"
        "00:16:37Z  web  scale: want 3\n"
        "00:16:38Z  web.2  started"
    )


def test_the_view_in_140_columns_has_every_column() -> None:
    _, _, _, head, api, *_ = drawn(View(), 140).splitlines()

    assert head == "  APP  READY  REQ/S    P95  ERRORS   CPU  MEMORY  LAST MINUTE           NEXT"
    assert api == (
        "> api    2/2    3.0  12 ms      0%  0.10   20.0M     ▃               █  hold: 25 % headroom; enough"
    )


def test_the_view_in_60_columns_of_a_terminal_with_ascii_only() -> None:
    assert drawn(View(), 60, utf8=False).splitlines()[:6] == [
        "default  not as asked  proxy NOT OK",
        "cpu #...... 0.40 of 2 cores   memory ....... 50.0M of 1.0G",
        "",
        "  APP  READY  REQ/S    P95  NEXT",
        "> api    2/2    3.0  12 ms  hold: 25 % headroom; enough",
        "  web    1/3     40      -  starting web.2 (2 s)",
    ]
    assert drawn(View(app="web"), 60, utf8=False).isascii()


def test_a_narrow_terminal_loses_columns_in_the_stated_order() -> None:
    heads = [drawn(View(), width).splitlines()[3] for width in range(140, 30, -1)]
    lost = [next(at for at, head in enumerate(heads) if name not in head) for name in picture.DROPPED]

    assert lost == sorted(lost)
    assert all("READY" in head and "NEXT" in head for head in heads)


def test_inside_an_app_are_what_it_is_made_from_its_workers_and_its_events() -> None:
    assert drawn(View(app="web", worker="web.2"), 100).splitlines()[3:] == [
        "  APP  READY  REQ/S  P95  ERRORS   CPU  MEMORY  LAST MINUTE   NEXT",
        "  web    1/3     40    -       -  0.30   30.0M   ▄         █  starting web.2 (2 s)",
        "",
        "  ./server.py '80 00'   simplecloud/base",
        "  http://web.localhost:8080/",
        "",
        "  WORKER  STATE     ADDRESS     CPU  MEMORY  REQ/S  P95  INFLIGHT  RESTARTS  AGE  REASON",
        "  web.1   ready     10.200.0.4    -       -      -    -         -         0    -  -",
        "> web.2   starting  -             -       -      -    -         -         2   2s  -",
        "",
        "00:16:37Z  web  scale: want 3",
        "00:16:38Z  web.2  started",
    ]


@pytest.mark.parametrize("view", [View(), View(app="web"), View(page=("logs", "web"))])
@pytest.mark.parametrize("width", [40, 60, 80, 140])
@pytest.mark.parametrize("height", [1, 5, 10, 24])
def test_the_view_fits_the_terminal(view: View, width: int, height: int) -> None:
    shown = drawn(view, width, height).splitlines()

    assert len(shown) <= height
    assert max(map(len, shown)) <= width


@pytest.mark.parametrize("height", [8, 10, 24])
def test_the_cursor_is_seen_among_more_apps_than_there_is_room_for(height: int) -> None:
    many = Seen(status=STATUS, apps=[{**APPS[0], "name": f"app{number}"} for number in range(50)])

    assert "> app40 " in drawn(View(chosen="app40"), 80, height, many)


def test_logs_are_seen_from_their_end_and_an_explanation_from_its_beginning() -> None:
    text = [f"line {number}" for number in range(100)]
    logs, told = ("logs", "web"), ("explain", "web")

    assert drawn(View(page=logs), 80, 9, Seen(page_of=logs, page=text)).endswith("line 99")
    assert "line 0" in drawn(View(page=told), 80, 9, Seen(page_of=told, page=text))
    assert "line 95" not in drawn(View(page=logs, scroll=-10), 80, 9, Seen(page_of=logs, page=text))


def test_a_narrow_view_says_whether_all_is_as_asked_and_which_parts_are_not_well() -> None:
    well = replace(SEEN, status={**STATUS, "proxy": {"healthy": True}})

    assert drawn(View(), 40, 20, SEEN).startswith("default  not as asked  proxy NOT OK\n")
    assert drawn(View(), 60, 20, well).startswith("default  not as asked  all parts ok\n")


def test_events_fill_what_is_left_of_the_screen_unless_only_a_few_are_wanted() -> None:
    many = replace(SEEN, events=[EVENTS[0]] * 50)

    assert drawn(View(), 80, 30, many).count("scale: want 3") == 30 - 11
    few = picture.lines(many, View(), Options(width=80, now=NOW), 30, events=6)
    assert sum("scale: want 3" in styled.text_of(each) for each in few) == 6


def test_where_nothing_was_served_no_column_is_kept_for_the_last_minute() -> None:
    idle = replace(SEEN, rates={"web": [(NOW - 1, 0.0), (NOW, 0.0)]})

    assert "LAST MINUTE" in drawn(View())
    assert "LAST MINUTE" not in drawn(View(), seen=idle)


def test_the_line_under_the_cursor_is_a_bar_as_wide_as_the_view() -> None:
    under = [line for line in picture.lines(SEEN, View(), Options(width=80, now=NOW), 24) if _is_chosen(line)]

    assert [styled.columns_of(line) for line in under] == [80]
    assert styled.text_of(under[0]).startswith("> api")


def _is_chosen(line: styled.Line) -> bool:
    return all("chosen" in style.split() for style, _ in line)


def test_what_is_not_as_it_should_be_is_seen_at_once() -> None:
    ill = {**APPS[1], "error_ratio": 0.5}
    busy = replace(SEEN, apps=[APPS[0], ill], host={**SEEN.host, "used_cores": 1.9})
    looks = [part for line in picture.lines(busy, View(), Options(width=140, now=NOW), 24) for part in line]

    assert ("busy", "1/3") in looks
    assert ("bad", "50.0%") in looks
    assert ("bad", "███████████████████░") in looks


def test_an_app_that_has_done_its_work_is_well() -> None:
    done = replace(SEEN, apps=[APPS[0], {**APPS[1], "ready": 0, "want": 1, "done": 1}])
    looks = [part for line in picture.lines(done, View(), Options(width=140, now=NOW), 24) for part in line]

    assert ("well", "0/1") in looks


def test_the_keys_are_explained_below_each_other_where_there_is_no_room_beside() -> None:
    narrow = drawn(View(page=HELP_PAGE, scroll=2), 40, 40, SEEN).splitlines()

    assert narrow[narrow.index("keys") + 1 :][:3] == [
        "-      scale APP -1  one worker fewer",
        "l      logs TARGET",
        "  what an app's workers, or one, print",
    ]


@pytest.mark.parametrize(
    ("page", "scroll", "first", "last"),
    [
        ("logs", -1, "line 93", "line 98"),
        ("explain", 1, "line 1", "line 6"),
        ("logs", -99, "line 0", "line 0"),
    ],
)
def test_each_key_moves_a_page_by_a_line(page: str, scroll: int, first: str, last: str) -> None:
    text = [f"line {number}" for number in range(100)]
    view = View(page=(page, "web"), scroll=scroll)
    rows = [
        row for row in drawn(view, 80, 9, Seen(page_of=view.page, page=text)).splitlines() if "line" in row
    ]

    assert (rows[0], rows[-1]) == (first, last)


def test_what_a_worker_prints_cannot_steer_the_terminal() -> None:
    page = ("logs", "web")

    assert "\x1b" not in drawn(View(page=page), seen=Seen(page_of=page, page=["web.1  \x1b[2Jhi"]))


def test_a_page_on_which_nothing_is_printed_says_so_once_that_is_known() -> None:
    page = ("logs", "web")

    assert "nothing printed yet" in drawn(View(page=page), seen=Seen(page_of=page))
    assert "nothing printed yet" not in drawn(View(page=page), seen=Seen())


def test_a_manager_that_is_away_is_said_above_the_last_picture() -> None:
    shown = drawn(View(), seen=Seen(status=STATUS, apps=APPS, away_since=988.0))

    assert shown.startswith("manager DOWN 12 s: showing the last picture; workers keep serving")
    assert "api" in shown


def test_a_manager_that_falls_silent_is_away_since_it_was_heard_last() -> None:
    heard = told(Seen(), {"documents": {"status": STATUS}}, 985.0)

    silent = away(heard, 990.0, down=False)

    assert drawn(View(), seen=silent).startswith("manager DOWN 15 s")
    assert away(silent, 995.0, down=False).away_since == 985.0
    assert told(silent, {}, 999.0).away_since is None


def test_a_cloud_that_is_down_is_not_said_to_serve() -> None:
    down = away(Seen(status=STATUS, apps=APPS, heard_at=985.0), 990.0, down=True)

    assert drawn(View(), seen=down).startswith("cloud DOWN 15 s: showing the last picture; up starts it")
    assert picture.plain_line(down, 1000.0) == "cloud DOWN 15 s; up starts it"
    assert not told(down, {}, 1001.0).down


def test_a_cloud_without_apps_says_how_to_make_one() -> None:
    assert f"no apps yet: {FIRST_RUN}" in drawn(View(), seen=Seen(status=STATUS))


def test_an_app_that_is_gone_while_one_looks_leaves_an_empty_table() -> None:
    assert drawn(View(app="gone")).splitlines()[3].startswith("  APP")


def test_apps_can_be_sorted_and_filtered() -> None:
    assert [app["name"] for app in shown_apps(SEEN, View(sort="rate_rps"))] == ["web", "api"]
    assert [app["name"] for app in shown_apps(SEEN, View(filter="ap"))] == ["api"]


@pytest.mark.parametrize("view", [View(filter="zz"), View(app="web", filter="zz")])
def test_a_filter_that_nothing_passes_says_so(view: View) -> None:
    assert 'no name contains "zz"' in drawn(view)
    assert "no name contains" not in drawn(replace(view, filter="we"))


def test_the_history_of_rates_is_the_last_minute() -> None:
    seen = Seen()
    for second in range(100):
        seen = Seen(rates=remembered(seen, APPS, float(second)))

    assert [moment for moment, _ in seen.rates["web"]] == [float(second) for second in range(40, 100)]


def test_one_moment_is_one_line_where_nothing_can_be_drawn() -> None:
    assert picture.plain_line(Seen(apps=APPS), 0.0) == (
        "00:00:00Z  api 2/2 ready 3.0 req/s  web 1/3 ready 40 req/s"
    )

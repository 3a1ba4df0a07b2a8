"""Results as text: stable for programs, never cut off a terminal, and as wide as one on it."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping
from dataclasses import fields

import pytest

from manager.api.documents import document, listing, unix_seconds
from manager.api.errors import UsageError
from manager.api.listings import LISTINGS, Column
from manager.api.views import ITEMS, AppView, EventView, RevisionView, RouteView, WorkerView
from shell.text import cells, render, stream_item
from shell.text.glyphs import columns, cut, escaped, stripped
from shell.text.tables import Options, fitted
from shell.traffic.load import Report
from tests.fakes.replies import app, status, worker

NOW = unix_seconds("2026-01-02T06:04:06.000Z")  # three hours after the fakes were made
OFF = Options(now=NOW)
APPS = [
    app("web", want=4, note="1 worker starts"),
    app("pong", ready=1, want=1, rate_rps=None, p95_s=None, error_ratio=None, urls=["tcp://127.0.0.1:9000"]),
]
WORKERS = [
    worker("web.1"),
    worker("web.10", rate_rps=9.0, restarts=12),
    worker("web.2", state="backoff", address=None, rate_rps=None, reason="exit code 1: no module named web"),
]


def shown(document: Mapping[str, object], **options: object) -> str:
    return "\n".join(render.result(document, Options(**({"now": NOW} | options))))  # type: ignore[arg-type]


def apps(*items: AppView, **options: object) -> str:
    return shown(listing("AppList", items or APPS), **options)


def workers(*items: WorkerView, **options: object) -> str:
    return shown(listing("WorkerList", items or WORKERS), **options)


def test_workers_of_an_app_in_two_revisions_are_told_apart() -> None:
    head, *_ = workers(worker("web.1", revision=1), worker("web.1", revision=2)).splitlines()
    of_two_apps, *_ = workers(worker("web.1", revision=1), worker("api.1", revision=2)).splitlines()

    assert head.split()[-2:] == ["REVISION", "REASON"]
    assert "REVISION" not in of_two_apps


def test_a_table_has_two_spaces_upper_case_heads_and_numbers_on_the_right() -> None:
    assert apps() == (
        "APP   READY  WANT  SCALING  REQ/S   P95  ERRORS   CPU  MEMORY  ROUTE                       AGE  "
        "NOTE\n"
        "web       3     4  manual     463  4 ms      0%  0.25   12.3M  http://web.localhost:8080/   3h  "
        "1 worker starts\n"
        "pong      1     1  manual       -     -       -  0.25   12.3M  tcp://127.0.0.1:9000         3h  -"
    )


def test_wide_characters_are_aligned_also_after_a_table_that_had_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("wcwidth", "tabulate"):  # as in a new process
        monkeypatch.delitem(sys.modules, module, raising=False)

    *_, plain = apps(app("web", note="ready"), columns="name,note").splitlines()
    *_, wide, narrow = apps(app("web", image="網"), app("api", image="ab"), columns="image,name").splitlines()

    assert plain == "web  ready"
    assert (wide, narrow) == ("網     web", "ab     api")


def test_wide_shows_every_column_and_every_url() -> None:
    head, web, _ = apps(format="wide").splitlines()

    assert head.split()[-4:] == ["COMMAND", "EGRESS", "REACHES", "NOTE"]
    assert "http://web.localhost:8080/ http://127.0.0.1:8080/web/" in web
    assert "python3 server.py --name 'two words'" in web


def test_a_table_of_nothing_is_its_head() -> None:
    assert shown(listing("ImageList", [])) == "IMAGE  ID  SIZE  AGE"


def test_off_a_terminal_nothing_is_cut() -> None:
    reason = "x" * 5000

    assert workers(worker("web.1", reason=reason)).endswith(reason)


def test_on_140_columns_all_columns_are_shown() -> None:
    assert workers(width=140) == workers()


def test_on_80_columns_the_reason_is_cut_before_numbers_go() -> None:
    assert workers(width=80) == (
        "WORKER  STATE    ADDRESS      REQ/S   P95  RESTARTS  AGE  REASON\n"
        "web.1   ready    10.200.0.11    154  4 ms         0   3h  -\n"
        "web.10  ready    10.200.0.20    9.0  4 ms        12   3h  -\n"
        "web.2   backoff  -                -  4 ms         0   3h  exit code 1: no modul…"
    )


def test_on_80_columns_the_route_stays_beside_a_long_note() -> None:
    assert apps(app("web", note="web.2 failed: exit code 1: no module named web"), width=80) == (
        "APP  READY  WANT  REQ/S   P95  ROUTE                       NOTE\n"
        "web      3     3    463  4 ms  http://web.localhost:8080/  web.2 failed: exit c…"
    )


def test_on_60_columns_name_state_and_reason_stay() -> None:
    assert workers(width=60) == (
        "WORKER  STATE    REQ/S  RESTARTS  AGE  REASON\n"
        "web.1   ready      154         0   3h  -\n"
        "web.10  ready      9.0        12   3h  -\n"
        "web.2   backoff      -         0   3h  exit code 1: no modu…"
    )


def test_columns_in_which_nothing_stands_go_before_a_reason_is_cut() -> None:
    ended = worker(
        "crash.1",
        state="failed",
        rate_rps=None,
        p95_s=None,
        cpu_cores=None,
        memory_bytes=None,
        started_at=None,
        reason="exit code 3; said: fatal: no database",
    )

    assert workers(ended, width=80) == (
        "WORKER   STATE   ADDRESS      RESTARTS  REASON\n"
        "crash.1  failed  10.200.0.11         0  exit code 3; said: fatal: no database"
    )
    assert "REQ/S" in workers(ended, worker("web.1"), width=80)


def test_the_columns_of_a_live_view_stay_when_nothing_stands_in_them() -> None:
    usual = [Column("APP", "name"), Column("P95", "p95_s"), Column("NEXT", "next")]

    shown, _ = fitted(usual, [["web", "-", "a long sentence " * 5]], ["P95"], 60, "…")

    assert shown == usual


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    crowd = [worker("web.1", reason="日本 " * 40), worker("web.2", reason="x" * 400)]

    for line in workers(*crowd, width=width).splitlines():
        assert columns(line) <= width


@pytest.mark.parametrize("kind", LISTINGS)
def test_every_listing_drops_columns_that_it_has_and_keeps_what_names_an_item(kind: str) -> None:
    row = LISTINGS[kind]
    headers, named = [column.header for column in row.columns], row.columns[0].header
    item = {field.name: "x" * 30 for field in fields(ITEMS[kind])}

    head = shown({"kind": kind, "items": [item]}, width=40).splitlines()[0].split()

    assert set(row.dropped) <= set(headers) - {named}
    assert head[0] == named.split()[0]


def test_a_column_called_port_is_a_number_in_every_listing() -> None:
    columns_called_port = [
        column for row in LISTINGS.values() for column in row.columns if column.header == "PORT"
    ]

    assert {column.format for column in columns_called_port} == {"count"}


def test_columns_that_were_asked_for_are_not_dropped() -> None:
    head, *_ = workers(width=40, columns="worker,address,container,memory,age").splitlines()

    assert head.split() == ["WORKER", "ADDRESS", "CONTAINER", "MEMORY", "AGE"]


def test_without_utf8_a_cut_is_told_in_ascii() -> None:
    assert workers(width=60, utf8=False).isascii()
    assert "exit code 1: no mo..." in workers(width=60, utf8=False)


def test_states_are_coloured_where_colour_is_welcome_and_stay_words() -> None:
    plain, coloured = workers(), workers(colour=True)

    assert "\x1b[32mready\x1b[0m" in coloured
    assert "\x1b[31mbackoff\x1b[0m" in coloured
    for sgr in ("\x1b[32m", "\x1b[31m", "\x1b[0m"):
        coloured = coloured.replace(sgr, "")
    assert coloured == plain


def test_json_off_a_terminal_is_one_line_with_the_envelope() -> None:
    text = apps(format="json")

    assert "\n" not in text
    assert json.loads(text) == listing("AppList", APPS)


def test_json_on_a_terminal_is_indented() -> None:
    text = apps(format="json", width=80)

    assert text.startswith('{\n  "apiVersion": "simplecloud/v1"')
    assert json.loads(text) == listing("AppList", APPS)


def test_json_holds_nothing_that_steers_a_terminal() -> None:
    text = workers(worker("web.1", reason="a\x1b[2J\x9b2J\x7f"), format="json")

    assert not any(char in text for char in "\x1b\x9b\x7f")
    assert json.loads(text)["items"][0]["reason"] == "a\x1b[2J\x9b2J\x7f"


def test_jsonl_is_an_item_a_line() -> None:
    lines = workers(format="jsonl", width=80).splitlines()

    assert [json.loads(line)["name"] for line in lines] == ["web.1", "web.10", "web.2"]


def test_csv_has_the_fields_of_the_json_and_raw_numbers() -> None:
    rows = list(csv.DictReader(apps(app("web", note='says "hi", twice'), format="csv").splitlines()))

    assert rows[0]["memory_bytes"] == "12900000"
    assert rows[0]["max"] == ""
    assert rows[0]["note"] == 'says "hi", twice'
    assert list(rows[0]) == list(listing("AppList", APPS)["items"][0])  # type: ignore[index]


def test_csv_holds_nothing_that_steers_a_terminal_and_a_row_is_a_line() -> None:
    said = "\x1b]0;pwned\x07\x1b[2J\n"
    text = workers(worker("web.1", reason=said), format="csv", columns="reason")
    listed = apps(app("web", command=["sh", said]), format="csv", columns="command")

    assert text == "reason\n\\x1b]0;pwned\\x07\\x1b[2J\\n"
    assert listed == "command\nsh '\\x1b]0;pwned\\x07\\x1b[2J\\n'"


def test_csv_has_a_command_as_it_is_typed() -> None:
    text = apps(app("web", command=["sh", "-c", "echo a b"]), format="csv", columns="command")

    assert text == "command\nsh -c 'echo a b'"


@pytest.mark.parametrize(
    ("column", "row"),
    [
        ("mem usage / limit", '{"memory_bytes":100,"memory_limit_bytes":200}'),
        ("memory_bytes", '{"memory_bytes":100}'),
        ("memory_limit", '{"memory_limit_bytes":200}'),
    ],
)
def test_a_column_with_two_values_has_both_and_a_field_only_itself(column: str, row: str) -> None:
    usage = {"items": [{"name": "web.1", "memory_bytes": 100, "memory_limit_bytes": 200}]}
    fields = json.loads(row)
    table, csv_, line = (
        shown({"kind": "StatsList", **usage}, columns=column, format=form)
        for form in ("table", "csv", "jsonl")
    )

    assert table.splitlines()[1].strip() == " / ".join(f"{value}B" for value in fields.values())
    assert csv_.splitlines() == [",".join(fields), ",".join(map(str, fields.values()))]
    assert line == row


def test_names_are_names_only() -> None:
    assert workers(quiet=True) == workers(format="name") == "web.1\nweb.10\nweb.2"


def test_a_listing_can_be_sorted_by_header_field_or_field_without_unit() -> None:
    expected = "web.10\nweb.1\nweb.2"

    for word in ("REQ/S", "req/s", "rate_rps", "rate"):
        assert workers(sort=word, quiet=True) == expected
    assert workers(sort="-rate", quiet=True) == "web.1\nweb.10\nweb.2"  # what has no value stays last


def test_names_are_sorted_as_people_count() -> None:
    assert workers(sort="worker", quiet=True) == "web.1\nweb.2\nweb.10"


def test_what_is_a_digit_and_no_number_is_sorted_as_text() -> None:
    assert apps(app("web", note="²"), app("api", note="1"), sort="note", quiet=True) == "api\nweb"


def test_age_is_sorted_from_young_to_old_and_the_time_behind_it_the_other_way() -> None:
    old = app("old", created_at="2025-01-02T03:04:05.678Z")
    young = app("young", created_at="2026-01-02T06:04:05.678Z")

    assert apps(old, young, sort="age", quiet=True) == "young\nold"
    assert apps(old, young, sort="created_at", quiet=True) == "old\nyoung"


def test_a_filter_takes_a_field_or_a_header_and_all_of_them_must_hold() -> None:
    assert workers(filters=("state=ready",), quiet=True) == "web.1\nweb.10"
    assert workers(filters=("app=web", "RESTARTS=12"), quiet=True) == "web.10"
    assert workers(filters=("address=-",), quiet=True) == "web.2"
    assert apps(filters=("urls=tcp://127.0.0.1:9000",), quiet=True) == "pong"


def test_columns_are_shown_in_the_order_they_were_asked_for() -> None:
    assert workers(columns="state,name", filters=("slot=1",)) == "STATE  WORKER\nready  web.1"
    assert workers(columns="name,slot", filters=("slot=1",), format="jsonl") == '{"name":"web.1","slot":1}'
    assert workers(columns="name,slot", filters=("slot=1",), format="csv") == "name,slot\nweb.1,1"


@pytest.mark.parametrize(
    ("options", "meant"),
    [
        ({"sort": "restart"}, "restarts"),
        ({"filters": ("sate=ready",)}, "state=ready"),
        ({"columns": "name,reasn"}, "name,reason"),
    ],
)
def test_an_unknown_column_is_an_error_that_names_those_there_are(
    options: Mapping[str, object], meant: str
) -> None:
    with pytest.raises(UsageError, match=r"no column is called .* there are worker, state") as told:
        workers(**options)

    assert told.value.meant == meant


def test_a_filter_for_what_a_field_can_never_be_is_an_error_with_what_it_can() -> None:
    with pytest.raises(UsageError, match='state: "redy" is none of starting, ready, ') as refused:
        workers(filters=("state=redy",))

    assert (refused.value.word, refused.value.meant) == ("state=redy", "state=ready")
    with pytest.raises(UsageError, match='scaling: "atuo" is none of '):
        shown(listing("AppList", []), filters=("scaling=atuo",))  # be there apps or none
    assert workers(filters=("state=FAILED",), quiet=True) == ""
    assert workers(filters=("reason=whatever",), quiet=True) == ""


def test_a_filter_without_a_value_is_an_error() -> None:
    with pytest.raises(UsageError, match="is not COLUMN=VALUE"):
        workers(filters=("ready",))


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (None, "count", "-"),
        ([], "list", "-"),
        ("", "text", "-"),
        (0, "count", "0"),
        (0.25, "cores", "0.25"),
        (512, "bytes", "512B"),
        (12_900_000, "bytes", "12.3M"),
        (1023 * 1024, "bytes", "1.0M"),
        (188_000_000, "bytes", "179M"),
        (463.2, "rate", "463"),
        (4.25, "rate", "4.2"),
        (9.96, "rate", "10"),
        (0.0, "rate", "0"),
        (0.0004, "seconds", "0.4 ms"),
        (0.0042, "seconds", "4 ms"),
        (0.9996, "seconds", "1.0 s"),
        (1.24, "seconds", "1.2 s"),
        (75.0, "seconds", "75 s"),
        (0.003, "ratio", "0.3%"),
        (0.0001, "ratio", "<0.1%"),
        (0.0, "ratio", "0%"),
        (1.0, "ratio", "100.0%"),
        (True, "yes", "yes"),
        (["a", "b c"], "list", "a 'b c'"),
        ("not a time", "age", "not a time"),
        ("x\ny\x1b[2J", "text", "x\\ny\\x1b[2J"),
    ],
)
def test_cells_read_as_people_write(value: object, form: str, text: str) -> None:
    assert cells.cell(value, form, NOW) == text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("passed_s", "text"), [(-5, "0s"), (12.9, "12s"), (240, "4m"), (3 * 3600 + 59, "3h"), (200_000, "2d")]
)
def test_ages_are_told_in_their_largest_unit(passed_s: float, text: str) -> None:
    assert cells.age(passed_s) == text


def test_a_result_is_its_message_and_its_notes_go_beside_it() -> None:
    done = document("Result", {"message": "web: 5 of 5 workers ready (1.4 s)", "notes": ["want is 5\x07"]})

    assert shown(done) == "web: 5 of 5 workers ready (1.4 s)"
    assert [*render.notes(done, OFF)] == ["note: want is 5\\x07"]
    assert shown(document("Result", {"message": "", "notes": []})) == ""


def test_that_there_is_nothing_is_said_on_a_terminal_only() -> None:
    nothing = listing("AppList", [])

    assert [*render.notes(nothing, Options(width=80))] == [
        "note: no apps yet: run -n 3 -p 8000 web ./demos/server.py 8000"
    ]
    assert [*render.notes(nothing, OFF)] == []
    assert [*render.notes(nothing, Options(width=80, filters=("name=x",)))] == []
    assert [*render.notes(nothing, Options(width=80, format="json"))] == []


def test_a_plan_is_numbered_and_an_empty_one_says_so() -> None:
    assert shown(document("Plan", {"steps": ["create web.4", "start web.4"]})) == (
        "  1  create web.4\n  2  start web.4"
    )
    assert shown(document("Plan", {"steps": []})) == "nothing to do"


def test_nobody_is_told_to_wait_for_an_app_that_may_have_failed_for_good() -> None:
    first, *_ = shown(status(converged=False)).splitlines()

    assert first == "cloud     not ok  default: 2 apps, 4 workers, not as asked"


def test_status_has_a_line_for_each_part() -> None:
    assert shown(status(standbys=[{"pid": 4712}])) == (
        "cloud     ok      default: 2 apps, 4 workers, all as asked\n"
        "manager   ok      pid 4711, leader, up 3h, standby pid 4712\n"
        "etcd      ok      3 of 3 members healthy\n"
        "proxy     ok      http://127.0.0.1:8080\n"
        "docker    ok      20.10.24, live-restore on\n"
        "network   ok      sc37a8br 10.200.0.0/16\n"
        "host              2 cores, 3.7G memory"
    )


def test_status_tells_that_the_network_is_not_as_it_was_made() -> None:
    gone = status(network={"intact": False, "bridge": "scbr", "subnet": "10.200.0.0/22"})

    assert (
        "network   not ok  scbr 10.200.0.0/22, bridge or rules are not known to be intact: net --repair"
        in shown(gone)
    )


def test_status_tells_where_the_way_to_a_silent_proxy_begins() -> None:
    silent = status(proxy={"url": "http://127.0.0.1:8080", "healthy": False})

    assert "proxy     not ok  http://127.0.0.1:8080 does not answer: doctor --fix" in shown(silent)


def test_status_tells_that_docker_does_not_answer() -> None:
    away = status(docker={"healthy": False, "version": "", "live_restore": False})

    assert "docker    not ok  does not answer: doctor --fix" in shown(away)


def test_status_has_a_command_for_each_part_that_is_short_of_something() -> None:
    members = [{"name": "etcd1", "healthy": True}, {"name": "etcd2", "healthy": False}]
    short = status(etcd={"healthy": True, "members": members}, standbys=[])

    assert "1 of 2 members healthy, without etcd2: doctor --fix" in shown(short)
    assert "no standby: doctor --fix" in shown(short)


def test_status_tells_every_part_that_is_not_well() -> None:
    ill = status(
        etcd={"healthy": False, "members": [{"name": "etcd-1", "healthy": False}]},
        proxy={"url": "http://127.0.0.1:8080", "healthy": False},
        docker={"healthy": True, "version": "20.10.24", "live_restore": False},
        converged=False,
        standbys=[{"pid": 4712}],
        notes=["the store is away"],
    )

    text = shown(ill, colour=True)

    assert text.count("\x1b[31mnot ok\x1b[0m") == 3
    assert "0 of 1 members healthy, without etcd-1" in text
    assert (
        "docker    \x1b[32mok\x1b[0m      20.10.24, live-restore off: workers end when dockerd restarts"
        in text
    )
    assert "standby pid 4712" in text
    assert text.endswith("note: the store is away")


def test_status_of_an_unknown_shape_does_not_break() -> None:
    assert "manager   ok      pid -" in shown(document("Status", {"manager": None, "etcd": 3}))


def test_status_as_json_is_the_document() -> None:
    assert json.loads(shown(status(), format="json")) == status()


def test_inspect_is_indented_json_everywhere() -> None:
    text = shown(document("App", {"name": "wéb"}))

    assert text == '{\n  "apiVersion": "simplecloud/v1",\n  "kind": "App",\n  "name": "wéb"\n}'


def test_a_long_command_of_a_history_ends_where_the_terminal_does() -> None:
    revision = RevisionView("web", 1, "current", "2026-01-02T06:04:00.000Z", "run", "base", ["x" * 100])

    *_, last = shown(listing("RevisionList", [revision]), width=80).splitlines()

    assert len(last) <= 80
    assert last.endswith("x…")


def test_a_history_of_many_changes_ends_where_the_terminal_does() -> None:
    revision = RevisionView(
        "web", 1, "former", "2026-01-02T06:04:00.000Z", "rollback", "base", ["x" * 100], changed="y" * 60
    )

    *_, last = shown(listing("RevisionList", [revision]), width=80).splitlines()

    assert len(last) <= 80
    assert "y… " in last


def test_a_load_report_tells_counts_times_causes_and_workers() -> None:
    report = Report(
        1000,
        997,
        3,
        0.0042,
        0.012,
        0.9,
        49.98,
        {"web.1": 499, "web.2": 498},
        {"status 503": 2, "overload": 1},
    )

    assert shown(report.document()) == (
        "sent         1000\n"
        "ok            997\n"
        "failed          3\n"
        "                2  status 503\n"
        "                1  overload: not sent, too many were open\n"
        "rate           50 req/s\n"
        "p50          4 ms\n"
        "p95         12 ms\n"
        "p99        900 ms\n"
        "workers  web.1 499, web.2 498"
    )
    assert json.loads(shown(report.document(), format="json"))["failed"] == 3


def test_routes_and_events_are_tables_too() -> None:
    route = RouteView(
        "web", "Host(`web.localhost`)", "http://web.localhost:8080/", ["web.1"], True, "GET /", [1]
    )
    event = EventView("7", "2026-01-02T06:03:06.000Z", "web", "web.2", "ready")

    assert shown(listing("RouteList", [route])).splitlines()[1].endswith("web.1    1        GET /   yes")
    assert shown(listing("EventList", [event])) == "AGE  APP  WORKER  EVENT\n 1m  web  web.2   ready"


def test_a_log_line_has_its_worker_and_nothing_that_steers() -> None:
    line = {
        "kind": "LogLine",
        "worker": "web.2",
        "time": "2026-01-02T03:04:05Z",
        "text": "a\x1b[31mb\x07\tc\r",
    }

    assert stream_item.line(line, OFF) == "web.2  ab\tc"
    assert stream_item.line(line, Options(timestamps=True)) == "web.2  2026-01-02T03:04:05Z  ab\tc"


def test_each_worker_has_a_colour_of_its_own_that_stays() -> None:
    def prefix(name: str) -> str:
        line = stream_item.line({"kind": "LogLine", "worker": name, "text": ""}, Options(colour=True))
        assert line is not None
        return line.partition(name)[0]

    assert prefix("web.2") == prefix("web.2")
    assert len({prefix(f"web.{slot}") for slot in range(1, 9)}) > 3


def luminance(colour: int) -> float:
    """Return how light a colour of the 256 is, from 0 to 1 (WCAG 2); of the cube, 16 to 231."""
    levels = (0, 95, 135, 175, 215, 255)
    shares = [levels[(colour - 16) // step % 6] / 255 for step in (36, 6, 1)]
    red, green, blue = (s / 12.92 if s <= 0.03928 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_colours_of_workers_can_be_read_on_black_and_on_white() -> None:
    lines = [
        stream_item.line({"kind": "LogLine", "worker": f"web.{slot}", "text": ""}, Options(colour=True))
        for slot in range(1, 50)
    ]
    colours = {int(line.removeprefix("\x1b[38;5;").partition("m")[0]) for line in lines if line}

    assert len(colours) == 10
    for light in map(luminance, colours):
        assert min(1.05 / (light + 0.05), (light + 0.05) / 0.05) >= 4.0


def test_an_event_of_a_stream_is_one_line_in_every_format() -> None:
    event = {
        "kind": "Event",
        "id": "7",
        "at": "2026-01-02T06:03:06Z",
        "app": "web",
        "worker": None,
        "text": "x",
    }

    assert stream_item.line(event, OFF) == "06:03:06Z  web  x"
    assert json.loads(stream_item.line(event, Options(format="jsonl")) or "")["id"] == "7"
    assert json.loads(stream_item.line(event, Options(format="json", width=80)) or "")["id"] == "7"
    assert stream_item.line(event, Options(format="csv")) == "7,2026-01-02T06:03:06Z,web,,x"
    assert stream_item.line(event, Options(quiet=True)) == "7"


@pytest.mark.parametrize("form", ["table", "wide", "json", "jsonl", "csv", "name"])
def test_of_a_stream_only_the_events_that_a_filter_leaves_are_told(form: str) -> None:
    ready: dict[str, object] = {"kind": "Event", "id": "7", "at": "2026-01-02T06:03:06Z", "text": "ready"}
    options = Options(format=form, filters=("app=web",))

    assert stream_item.line({**ready, "app": "web"}, options)
    assert stream_item.line({**ready, "app": "api"}, options) is None


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("table", "x\\n  web"),
        ("wide", "x\\n  web"),
        ("json", '{"text":"x\\n","app":"web"}'),
        ("jsonl", '{"text":"x\\n","app":"web"}'),
    ],
)
def test_an_event_of_a_stream_has_the_columns_that_were_asked_for(form: str, line: str) -> None:
    event = {"kind": "Event", "id": "7", "at": "2026-01-02T06:03:06Z", "app": "web", "text": "x\n"}

    assert stream_item.line(event, Options(format=form, columns="event,app", width=80)) == line


def test_notes_are_told_as_notes_and_unknown_items_not_at_all() -> None:
    assert stream_item.line({"kind": "Note", "text": "the store is away"}, OFF) == "note: the store is away"
    assert stream_item.line({"kind": "Novelty"}, OFF) is None


def test_text_cannot_steer_a_terminal() -> None:
    assert stripped("\x1b]0;title\x07a\x1b[1;31mb\x1b(Bc\x9b2J\u202ed") == "abc2Jd"
    assert escaped("a\tb\u202ec\udc80") == "a b\\u202ec\\udc80"


def test_the_colours_of_a_program_are_left_out_of_what_is_told_of_it() -> None:
    assert escaped("said: \x1b[1;31mfatal:\x1b[0m no DB\x1b[2J") == "said: fatal: no DB\\x1b[2J"


def test_json_is_read_back_whole_and_steers_no_terminal() -> None:
    document = {"kind": "AppDetail", "text": "a\u2028b\x85c\x9b2Jd\u202ee"}
    text = "\n".join(render.result(document, Options(format="json", width=80)))
    assert json.loads(text) == document
    assert stripped(text.replace("\n", "")) == text.replace("\n", "")


def test_cutting_counts_columns_not_characters() -> None:
    assert cut("日本語", 5) == "日本…"
    assert cut("日本語", 6) == "日本語"
    assert cut("abc", 2, "...") == ".."


def test_processes_stand_in_columns() -> None:
    table = {
        "kind": "ProcessTable",
        "headers": ["PID", "CMD"],
        "rows": [["7", "sleep 1"], ["12345", "\x1bx"]],
    }

    assert list(render.result(table, Options())) == ["PID    CMD", "7      sleep 1", "12345  \\x1bx"]

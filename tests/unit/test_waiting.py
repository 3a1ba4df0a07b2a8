"""`wait` and `expect` against a manager that changes, dies, or is down."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shell import waiting
from tests.eventually import eventually
from tests.fakes.manager import FakeCall, FakeManager, app_item, worker_item
from tests.fakes.shells import Shell, TerminalText, shell_at
from tests.fakes.website import HELLO, Website, serving


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = shell_at(tmp_path)
    yield shell
    shell.session.close()


@pytest.fixture
def manager(shell: Shell) -> Iterator[FakeManager]:
    apps = {"web": app_item("web", 3, 3)}
    with FakeManager(shell.session.places, apps=apps, workers=[worker_item("web", 1)]) as manager:
        yield manager


@pytest.fixture
def website(manager: FakeManager) -> Iterator[Website]:
    with serving(Website()) as website:
        manager.proxy_url = f"http://127.0.0.1:{website.port}"
        yield website


@pytest.mark.parametrize(
    "condition",
    [
        "web ready",
        "web ready == 3",
        "web.1 ready",
        "web.1 state == ready",
        "web.2 gone",
        "nosuch gone",
        "manager up",
        "web memory == 64M",
        "web p95 < 200ms",
        "web age > 1h",
    ],
)
def test_what_is_true_is_expected(shell: Shell, manager: FakeManager, condition: str) -> None:
    assert shell.run(f"expect {condition}; wait {condition}") == 0
    assert (shell.out.getvalue(), shell.err.getvalue()) == ("", "")


def test_what_is_not_true_says_what_was_seen(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("expect web ready == 4") == 5
    assert shell.err.getvalue() == "error: expected web ready == 4, saw 3\nhint:  ps web\n"


def test_expect_looks_once(shell: Shell, manager: FakeManager) -> None:
    shell.run("expect web ready == 4")
    assert manager.methods() == ["apps"]


def test_expect_polls_when_given_a_timeout(shell: Shell, manager: FakeManager) -> None:
    asked: list[int] = []

    def apps(_: FakeCall) -> dict[str, object]:
        asked.append(1)
        return {"kind": "AppList", "items": [app_item("web", 3, len(asked))]}

    manager.verbs["apps"] = apps
    assert shell.run("expect web ready == 3 --timeout 10s") == 0
    assert len(asked) == 3


def test_wait_gives_up_after_its_timeout_and_says_what_it_saw_last(
    shell: Shell, manager: FakeManager
) -> None:
    manager.apps["web"] = app_item("web", 3, 2, note="web.3 in backoff")
    assert shell.run("wait web ready --timeout 150ms") == 4
    assert "waited 0.15 s for web ready, saw 2 of 3 workers ready (web.3 in backoff)" in shell.err.getvalue()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("wait web ready == 4 --timeout 1s", "waiting for web ready == 4: 3"),
        ("load web --rps 20 --for 600ms", " of 12 requests sent, 0 failed"),
        (
            "load web --rps 20 --for 1s --detach; wait load web failed == 0",
            "waiting for load web failed == 0: it is still running",
        ),
    ],
)
def test_who_waits_at_a_terminal_sees_how_far_it_is(
    shell: Shell,
    manager: FakeManager,
    website: Website,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    told: str,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    shell.session.progress.stream = screen = TerminalText()
    shell.run(command)
    assert told in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[1A\x1b[J")


def test_an_app_is_not_ready_while_an_update_is_under_way(shell: Shell, manager: FakeManager) -> None:
    manager.apps["web"] = app_item("web", 2, 2, updated=1, note="updating to revision 2: 1 of 2")

    assert shell.run("wait web ready --timeout 150ms") == 4
    assert "2 of 2 workers ready (updating to revision 2: 1 of 2)" in shell.err.getvalue()


@pytest.mark.parametrize(
    ("command", "code"), [("wait job ready --timeout 150ms", 4), ("expect job ready", 5)]
)
def test_who_waits_for_workers_that_have_done_their_work_is_told_what_to_wait_for(
    shell: Shell, manager: FakeManager, command: str, code: int
) -> None:
    manager.apps["job"] = app_item("job", 3, 1, done=2)

    assert shell.run(command) == code
    assert shell.err.getvalue().endswith(f"hint:  {command.split()[0]} job done == 3\n")


def test_a_stopped_app_is_waited_for_until_the_timeout(shell: Shell, manager: FakeManager) -> None:
    manager.apps["web"] = app_item("web", 0, 0)
    assert shell.run("wait web ready --timeout 150ms") == 4
    assert shell.err.getvalue() == (
        "error: waited 0.15 s for web ready, saw it is stopped: it wants no worker\nhint:  start web\n"
    )
    assert shell.run("expect web ready") == 5
    assert shell.err.getvalue().endswith("hint:  start web\n")


@pytest.mark.parametrize("condition", ["nosuch ready", "nosuch want == 3"])
def test_waiting_for_an_app_that_is_not_there_is_told_at_once(
    shell: Shell, manager: FakeManager, condition: str
) -> None:
    assert shell.run(f"wait {condition}") == 1
    assert 'no app is named "nosuch"' in shell.err.getvalue()


def test_a_manager_that_is_away_is_waited_for(shell: Shell, manager: FakeManager) -> None:
    manager.deaths = 3
    assert shell.run("wait web ready") == 0
    assert manager.methods() == ["apps"] * 4


def test_a_cloud_that_is_down_is_not_waited_for(shell: Shell) -> None:
    assert shell.run("wait web ready") == 3


def test_wait_manager_down_and_up(shell: Shell, manager: FakeManager) -> None:
    manager.stop()
    assert shell.run("wait manager down; expect manager down") == 0
    back = threading.Thread(target=manager.start)
    back.start()
    assert shell.run("wait manager up") == 0
    back.join()


def test_expect_error_wants_a_failure_with_the_text(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("expect error 'no app' apps nosuch -o json; expect error app-not-found apps nosuch") == 0
    assert shell.run("expect error 'unknown command' sacle --x") == 0
    assert (shell.out.getvalue(), shell.err.getvalue()) == ("", "")


@pytest.mark.parametrize(
    ("command", "seen"),
    [("apps", "it succeeded"), ("apps nosuch", 'app-not-found: no app is named "nosuch"')],
)
def test_expect_error_fails_for_anything_else(
    shell: Shell, manager: FakeManager, command: str, seen: str
) -> None:
    assert shell.run(f"expect error 'no such route' {command}") == 5
    assert f'expected an error with "no such route", saw {seen}' in shell.err.getvalue()
    assert shell.out.getvalue() == ""


def test_an_error_of_the_words_themselves_is_not_waited_out(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("wait error zzz rm nosuch --foo") == 4
    assert shell.err.getvalue() == (
        'error: no error with "zzz", but usage: rm has no option --foo\nhint:  rm nosuch --foo\n'
    )
    assert shell.run("wait error 'no option' rm nosuch --foo") == 0


@pytest.mark.parametrize("option", ["--timeout 2s", "--timeout=2s"])
def test_an_option_between_text_and_command_is_hinted_before_both(
    shell: Shell, manager: FakeManager, option: str
) -> None:
    assert shell.run(f"expect error 'no app' {option} ps nosuch") == 2
    assert shell.err.getvalue().endswith(f"hint:  expect {option} error 'no app' ps nosuch\n")


def test_http_asks_through_the_proxy_by_the_apps_name(
    shell: Shell, manager: FakeManager, website: Website
) -> None:
    assert shell.run("expect http web /x?y=1 --contains hello --count 3 --failed 0") == 0
    assert len(website.requests) == 3
    assert website.requests[0].startswith(b"GET /x?y=1 HTTP/1.1\r\n")
    assert b"\r\nHost: web.localhost:8080\r\n" in website.requests[0]


def test_an_app_by_path_is_asked_under_its_path(shell: Shell, manager: FakeManager, website: Website) -> None:
    manager.apps["web"] = app_item("web", 3, 3, urls=["http://127.0.0.1:8080/web/"])
    assert shell.run("expect http web /") == 0
    assert website.requests[0].startswith(b"GET /web/ HTTP/1.1\r\n")


def test_a_wrong_answer_is_a_failed_request(shell: Shell, manager: FakeManager, website: Website) -> None:
    assert shell.run("expect http web / --contains bye --count 2") == 5
    assert 'saw 0 of 2 requests ok: 2 without "bye"' in shell.err.getvalue()
    assert shell.run("expect http web / --contains bye --count 2 --failed 2") == 0


def test_a_bad_status_is_a_failed_request(shell: Shell, manager: FakeManager, website: Website) -> None:
    website.answer = HELLO.replace(b"200 OK", b"503 Away")
    assert shell.run("expect http web /") == 5
    assert "1 status 503" in shell.err.getvalue()


def test_an_app_without_http_route_cannot_be_asked(shell: Shell, manager: FakeManager) -> None:
    manager.apps["web"] = app_item("web", 3, 3, urls=["tcp://127.0.0.1:9000"])
    assert shell.run("expect http web /") == 1
    assert shell.run("load web") == 1
    told = "error: web has a tcp route, and no http one\n       {}\n{}^^^\nhint:  routes web\n"
    assert shell.err.getvalue() == (
        told.format("expect http web /", " " * 19) + told.format("load web", " " * 12)
    )


@pytest.mark.parametrize(
    ("note", "hint"),
    [
        ("", "update web -p 8000"),
        (
            "listens on port 9090 and has no route: update web -p 9090    (not http: -p 9090/tcp)",
            "update web -p 9090",
        ),
        ("stopped: web.1", "update web -p 8000"),
    ],
)
def test_an_app_without_a_port_is_told_how_it_gets_one(
    shell: Shell, manager: FakeManager, note: str, hint: str
) -> None:
    manager.apps["web"] = app_item("web", 3, 3, urls=[], note=note)
    assert shell.run("load web") == 1
    assert f"hint:  {hint}\n" in shell.err.getvalue()


def test_a_load_on_an_app_of_which_no_worker_is_ready_says_why(
    shell: Shell, manager: FakeManager, website: Website
) -> None:
    manager.apps["web"] = app_item("web", 2, 0, urls=manager.apps["web"]["urls"], note="web.1 backoff: no DB")

    shell.run("load web --rps 100 --for 100ms")

    assert shell.err.getvalue().startswith("note: no worker of web is ready: web.1 backoff: no DB\n")


def test_a_load_is_reported_and_expected(shell: Shell, manager: FakeManager, website: Website) -> None:
    assert shell.run("load web --rps 100 --for 100ms --path /x") == 0
    assert "sent" in shell.out.getvalue()
    assert website.requests[0].startswith(b"GET /x ")
    assert shell.run("expect load web failed == 0; expect load web sent == 10; expect load web p95 < 5s") == 0
    assert shell.run("expect load web sent == 11") == 5
    assert shell.run("expect load web snet == 11") == 2
    assert "hint:  expect load web sent == 11\n" in shell.err.getvalue()


def test_a_load_in_the_background_is_waited_for(shell: Shell, manager: FakeManager, website: Website) -> None:
    website.held = True
    assert shell.run("load web --rps 100 --for 200ms --detach") == 0
    assert shell.out.getvalue() == ""
    assert shell.run("expect load web done") == 5
    assert shell.run("load web --detach") == 1
    website.release()
    assert shell.run("wait load web done --timeout 20s") == 0
    assert shell.out.getvalue().startswith("sent ")


def test_a_wait_for_a_number_of_a_load_ends_in_time(
    shell: Shell, manager: FakeManager, website: Website
) -> None:
    assert shell.run("load web --rps 10 --for 60s --detach") == 0
    assert shell.run("wait load web failed == 0 --timeout 100ms") == 4
    assert shell.run("expect load web failed == 0 --timeout 100ms") == 5
    assert shell.err.getvalue().count("it is still running") == 2


def test_a_load_that_runs_has_sent_as_many_as_are_waited_for(
    shell: Shell, manager: FakeManager, website: Website
) -> None:
    assert shell.run("load web --rps 100 --for 60s --detach") == 0
    assert shell.run("wait load web sent >= 3 --timeout 20s; wait load web ok > 1 --timeout 20s") == 0
    assert shell.run("wait load web sent >= 6000 --timeout 100ms") == 4
    assert shell.err.getvalue().endswith("and it is still running\nhint:  ps web\n")


def test_waiting_for_another_number_of_a_load_that_is_over_is_told_at_once(
    shell: Shell, manager: FakeManager, website: Website
) -> None:
    assert shell.run("load web --rps 100 --for 100ms") == 0
    assert shell.run("wait load web failed == 3") == 4
    assert "the load of web is over: failed is 0\nhint:  ps web\n" in shell.err.getvalue()
    assert shell.run("expect load web failed == 3 --timeout 500ms") == 5


def test_a_load_that_was_never_sent_is_an_error(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("expect load web failed == 0") == 1
    assert "this shell has sent no load to web" in shell.err.getvalue()


def test_of_an_app_that_is_not_there_no_load_is_offered(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("expect load nosuch failed == 0") == 1
    assert shell.run("wait load nosuch done") == 1
    assert shell.err.getvalue().count('error: no app is named "nosuch"') == 2
    assert "load nosuch" not in "".join(
        line for line in shell.err.getvalue().splitlines() if line.startswith("hint:")
    )


def test_where_nobody_knows_the_apps_the_load_is_what_is_missed(shell: Shell) -> None:
    assert shell.run("expect load nosuch failed == 0") == 1
    assert "this shell has sent no load to nosuch" in shell.err.getvalue()


@pytest.fixture
def thawed() -> Iterator[threading.Event]:
    thawed = threading.Event()
    yield thawed
    thawed.set()


@pytest.fixture
def frozen(manager: FakeManager, thawed: threading.Event) -> None:
    def silence(_: FakeCall) -> dict[str, object]:
        thawed.wait(60)
        return {}

    manager.verbs["apps"] = manager.verbs["status"] = silence


@pytest.mark.usefixtures("frozen")
def test_expect_does_not_wait_for_ever_for_a_frozen_manager(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "ANSWER_S", 0.1)
    assert shell.run("expect web ready == 3") == 3
    assert "the manager does not answer" in shell.err.getvalue()


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("state", ["up", "down"])
def test_a_silence_shorter_than_that_of_the_dead_tells_nothing_of_a_manager(shell: Shell, state: str) -> None:
    assert shell.run(f"wait manager {state} --timeout 200ms") == 4
    told = shell.err.getvalue()
    assert re.search(rf"waited 0.2 s for manager {state}, saw the manager was silent for [0-9.]+ s", told)


def test_a_silence_at_the_end_of_a_wait_does_not_hide_what_was_seen(
    shell: Shell, manager: FakeManager, thawed: threading.Event
) -> None:
    def freezing(_: FakeCall) -> dict[str, object]:
        if len(manager.calls) > 2:
            thawed.wait(60)
        return {"items": list(manager.apps.values())}

    manager.verbs["apps"] = freezing
    assert shell.run("wait web ready == 4 --timeout 500ms") == 4
    assert "waited 0.5 s for web ready == 4, saw 3" in shell.err.getvalue()


@pytest.mark.usefixtures("frozen")
def test_a_wait_ends_in_time_while_a_frozen_manager_says_nothing(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_SILENCE_S", 50.0)
    began_at = time.monotonic()
    assert shell.run("wait web ready --timeout 100ms") == 4
    assert time.monotonic() - began_at < 40.0
    assert "waited 0.1 s for web ready, saw the manager does not answer" in shell.err.getvalue()


def test_a_wait_for_answers_ends_in_time_while_a_worker_gives_none(
    shell: Shell, manager: FakeManager
) -> None:
    with serving(Website(held=True)) as website:
        manager.proxy_url = f"http://127.0.0.1:{website.port}"

        def told() -> str:
            assert shell.run("expect http web / --count 50 --timeout 100ms") == 5
            return shell.err.getvalue()

        # on a busy machine the manager, too, may have no answer within that time
        eventually(lambda: "saw 0 of 50 requests ok: 49 not asked in time, 1 timed out" in told())
        website.release()

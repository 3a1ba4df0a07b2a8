"""A file of apps is carried out as a whole, or not at all."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from manager.api.documents import document, listing
from manager.api.errors import (
    CloudError,
    Conflict,
    ImageNotFound,
    RouteTaken,
    SecretNotFound,
    WaitTimedOut,
    WorkersFailed,
)
from manager.api.views import AppView, WorkerView
from tests.fakes.replies import Answer, a_cloud, app, serving, worker
from tests.fakes.shells import shell_at

TWO = '[apps.aa]\ncommand = "sleep 9"\nreach = ["bb"]\n[apps.bb]\ncommand = "sleep 9"\nsecret = ["nokey"]\n'
WEB = '[apps.web]\ncommand = "sleep 9"\n'
PRESENT = {"params": {"name": "web", "command": ["sleep", "9"]}, "files": {}}


class Runs:
    """Takes every app but one with a secret, and keeps what it was asked to make."""

    def __init__(self) -> None:
        self.made: list[object] = []
        self.asked: list[Mapping[str, object]] = []

    def run(self, params: Mapping[str, object]) -> Mapping[str, object]:
        self.asked.append(params)
        if "secret" in params:
            raise SecretNotFound('no secret is named "nokey"', hint="secret ls")
        if params.get("image") == "far":
            raise ImageNotFound('image "far" is not on this machine', hint="images")
        if params.get("dry_run") is not True:
            self.made.append(params["name"])
        return document("Result", {"message": "done"})


def running(described: AppView, *workers: WorkerView) -> dict[str, Answer]:
    """Return what is answered of an app and its workers."""
    return {
        "apps": lambda params: listing("AppList", [described]),
        "ps": lambda params: listing("WorkerList", workers),
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "apps.toml"


@pytest.mark.parametrize("how", ["", " --dry-run"])
def test_of_a_file_with_an_app_that_cannot_be_none_is_made(tmp_path: Path, file: Path, how: str) -> None:
    file.write_text(TWO)
    runs, shell = Runs(), shell_at(tmp_path)

    with serving(tmp_path, a_cloud(run=runs.run)):
        assert shell.run(f"apply -f {file}{how}") == 1

    assert runs.made == []
    assert 'no secret is named "nokey"' in shell.err.getvalue()
    assert "note: nothing was changed" in shell.err.getvalue()


def test_what_an_app_of_the_file_reaches_there_need_not_be_there_yet(tmp_path: Path, file: Path) -> None:
    file.write_text(TWO.replace('secret = ["nokey"]', ""))
    runs, shell = Runs(), shell_at(tmp_path)

    with serving(tmp_path, a_cloud(run=runs.run)):
        assert shell.run(f"apply -f {file}") == 0

    assert [asked.get("reach") for asked in runs.asked] == [None, None, None, ["bb"]]
    assert runs.made == ["bb", "aa"]


def test_an_app_that_fails_names_those_of_the_file_that_are_left_as_before(
    tmp_path: Path, file: Path
) -> None:
    def run(params: Mapping[str, object]) -> Mapping[str, object]:
        if params["name"] == "bb" and params.get("dry_run") is not True:
            raise WorkersFailed("bb.1 does not stay up: exit code 1", hint="logs bb")
        return document("Result", {"message": "done"})

    file.write_text("".join(f'[apps.{name}]\ncommand = "sleep 9"\n' for name in ("aa", "bb", "cc", "dd")))
    shell = shell_at(tmp_path)

    with serving(tmp_path, a_cloud(run=run)):
        assert shell.run(f"apply -f {file}") == 1

    assert shell.err.getvalue().endswith("note: cc, dd are left as before\n")


def test_what_is_reached_and_is_neither_there_nor_in_the_file_is_looked_for_beforehand(
    tmp_path: Path, file: Path
) -> None:
    file.write_text(f'{WEB}[apps.front]\ncommand = "sleep 9"\nreach = ["web", "gone"]\n')
    runs, shell = Runs(), shell_at(tmp_path)

    with serving(tmp_path, a_cloud(run=runs.run)):
        assert shell.run(f"apply -f {file} --dry-run") == 0

    assert [asked.get("reach") for asked in runs.asked] == [None, ["gone"]]


def test_new_apps_that_reach_each_other_are_refused_before_one_is_made(tmp_path: Path, file: Path) -> None:
    file.write_text(TWO.replace('secret = ["nokey"]', 'reach = ["aa"]'))
    runs, shell = Runs(), shell_at(tmp_path)

    with serving(tmp_path, a_cloud(run=runs.run)):
        assert shell.run(f"apply -f {file}") == 2

    assert runs.asked == []
    assert "aa needs bb first, and bb needs aa" in shell.err.getvalue()


@pytest.mark.parametrize(("holder", "code"), [("web", 0), ("other", 1)])
def test_a_route_passes_only_where_an_app_of_the_file_may_give_it_up(
    tmp_path: Path, file: Path, holder: str, code: int
) -> None:
    def run(params: Mapping[str, object]) -> Mapping[str, object]:
        raise RouteTaken(f"{holder} has the route /shop already")

    now = {name: ["/shop"] if name == holder else ["/rest"] for name in ("web", "other")}
    present = [
        {"params": {"name": name, "command": ["sleep", "9"], "port": "80", "path": path}, "files": {}}
        for name, path in now.items()
    ]
    http = 'command = "sleep 9"\nport = 80\n'
    file.write_text(f'[apps.web]\n{http}[apps.front]\n{http}path = ["/shop/"]\n')
    shell = shell_at(tmp_path)

    with serving(tmp_path, a_cloud(*present, run=run)):
        assert shell.run(f"apply -f {file} --dry-run") == code


def test_an_image_that_is_to_be_pulled_need_not_be_there_yet(tmp_path: Path, file: Path) -> None:
    file.write_text(f'{WEB}image = "far"\npull = true\n')
    shell = shell_at(tmp_path)

    with serving(tmp_path, a_cloud(run=Runs().run)):
        assert shell.run(f"apply -f {file} --dry-run") == 0


def test_a_dry_run_tells_which_files_stay_here(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.py").touch()
    file.write_text('[apps.web]\ncommand = "python3 ./x.py"\n')
    shell = shell_at(tmp_path)

    with serving(tmp_path, a_cloud()):
        assert shell.run(f"apply -f {file} --dry-run") == 0

    assert "note: ./x.py stays here" in shell.err.getvalue()


@pytest.mark.parametrize(
    ("how", "ready", "end", "code"),
    [
        ("--wait=100ms", 0, WaitTimedOut("not ready within 0.1 s"), 4),
        ("--wait=60s", 0, Conflict("web: another command wants 1 worker of revision 1 meanwhile"), 1),
        ("--wait=60s", 1, None, 0),
        ("--detach", 0, None, 0),
        ("--dry-run", 0, None, 0),
    ],
)
def test_an_app_that_is_as_the_file_says_is_waited_for_as_by_a_scale_to_that(
    tmp_path: Path, file: Path, how: str, ready: int, end: CloudError | None, code: int
) -> None:
    asked: list[Mapping[str, object]] = []

    def scale(params: Mapping[str, object]) -> Mapping[str, object]:
        asked.append({key: params[key] for key in ("change", "wait")})
        assert end is not None
        raise end

    file.write_text(WEB)
    shell = shell_at(tmp_path)
    replies = a_cloud(PRESENT, **running(app("web", want=2, ready=2 * ready)), scale=scale)

    with serving(tmp_path, replies):
        assert shell.run(f"apply -f {file} {how}") == code

    assert asked == ([{"change": ["web=2"], "wait": how.partition("=")[2]}] if end else [])
    assert "nothing to do: web is as the file says" in shell.err.getvalue()


@pytest.mark.parametrize(("ready", "code"), [(0, 4), (1, 0)])
def test_an_app_that_only_scales_otherwise_is_to_be_ready_too(
    tmp_path: Path, file: Path, ready: int, code: int
) -> None:
    params = {"name": "web", "command": ["sleep", "9"], "port": "80", "max": "2"}
    file.write_text(f"{WEB}port = 80\nmax = 3\n")
    shell = shell_at(tmp_path)
    replies = a_cloud(
        {"params": params, "files": {}}, **running(app("web", want=1, ready=ready, scaling="auto"))
    )

    with serving(tmp_path, replies):
        assert shell.run(f"apply -f {file} --wait={'100ms' if code else '60s'}") == code

    assert "autoscale --max 3 web" in shell.out.getvalue()


@pytest.mark.parametrize("fields", [{"want": 0, "ready": 0}, {"want": 3, "ready": 1, "done": 2}])
def test_an_app_that_was_stopped_or_has_done_its_work_is_as_the_file_says(
    tmp_path: Path, file: Path, fields: Mapping[str, int]
) -> None:
    file.write_text(WEB)
    shell = shell_at(tmp_path)

    with serving(tmp_path, a_cloud(PRESENT, **running(app("web", **fields)))):
        assert shell.run(f"apply -f {file}") == 0


@pytest.mark.parametrize("how", ["", " --dry-run"])
def test_a_stopped_app_that_cannot_be_scaled_is_not_updated_before(
    tmp_path: Path, file: Path, how: str
) -> None:
    asked: list[Mapping[str, object]] = []

    def refuse(params: Mapping[str, object]) -> Mapping[str, object]:
        raise CloudError("web is stopped", hint="start web")

    def update(params: Mapping[str, object]) -> Mapping[str, object]:
        asked.append(params)
        return document("Plan", {"steps": []})

    file.write_text(f"{WEB.replace('9', '8')}workers = 3\n")
    shell = shell_at(tmp_path)
    present = {"params": {**PRESENT["params"], "workers": "1"}, "files": {}}

    with serving(tmp_path, a_cloud(present, update=update, scale=refuse)):
        assert shell.run(f"apply -f {file}{how}") == 1

    assert [params.get("dry_run") for params in asked] == [True]
    assert shell.err.getvalue().endswith("hint:  start web\nnote: nothing was changed\n")


@pytest.mark.parametrize(("started", "code"), [("2026-01-02T03:04:05Z", 0), ("2999-01-02T03:04:05Z", 4)])
def test_a_worker_that_ended_before_is_to_run_for_longer_than_a_moment(
    tmp_path: Path, file: Path, started: str, code: int
) -> None:
    file.write_text(WEB)
    shell = shell_at(tmp_path)
    again = worker("web.1", restarts=5, started_at=started)

    with serving(tmp_path, a_cloud(PRESENT, **running(app("web", want=1, ready=1), again))):
        assert shell.run(f"apply -f {file} --wait={'100ms' if code else '60s'}") == code


@pytest.mark.parametrize(("command", "code"), [("sleep 9", 0), ("sleep 8", 1)])
def test_the_exit_code_of_diff_tells_whether_there_is_a_difference(
    tmp_path: Path, file: Path, command: str, code: int
) -> None:
    file.write_text(WEB.replace("sleep 9", command))
    shell = shell_at(tmp_path)

    with serving(tmp_path, a_cloud(PRESENT)):
        assert shell.run(f"diff -f {file}") == code

    assert ("note: all is as the file says" in shell.err.getvalue()) == (code == 0)


def test_an_export_of_no_apps_is_empty(tmp_path: Path) -> None:
    shell = shell_at(tmp_path)

    with serving(tmp_path, a_cloud()):
        assert shell.run("export") == 0

    assert shell.out.getvalue() == ""


def test_an_interrupted_look_at_what_can_be_has_begun_nothing(tmp_path: Path, file: Path) -> None:
    def interrupted(params: Mapping[str, object]) -> Mapping[str, object]:
        os.kill(os.getpid(), signal.SIGINT)
        return document("Result", {"message": "done"})

    file.write_text(TWO)
    shell = shell_at(tmp_path)

    with serving(tmp_path, a_cloud(run=interrupted)):
        assert shell.run(f"apply -f {file}") == 130

    assert shell.err.getvalue() == "error: interrupted\n"

"""An app or a worker in blocks that a tired person can read."""

from __future__ import annotations

from dataclasses import asdict

from manager.api.documents import document
from shell.text.render import result
from shell.text.tables import Options
from tests.fakes.replies import app, worker

TEMPLATE = {
    "command": ["/app/server.py", "8000"],
    "image": "simplecloud/base",
    "mounts": [{"path": "/app/server.py", "sha256": "ab"}],
    "environment": {"TOKEN": "secret"},
    "port": 8000,
    "health": {"kind": "http", "path": "/"},
    "cpus": 0.5,
    "memory_bytes": 64 * 2**20,
    "pids": 512,
    "restart": "always",
    "drain_s": 10.0,
}
SPEC = {"template": TEMPLATE, "autoscale": None}
AT = "2026-01-02T03:04:05.678Z"
NOW = 1767323066.0  # 20 s later
EVENTS = [{"id": "1", "at": AT, "app": "web", "worker": "web.2", "text": "exit code 3; next try in 1 s"}]
ENDING = {
    "worker": "web.2",
    "at": AT,
    "exit_code": 3,
    "words": "exit code 3",
    "last_lines": ["oh\x1b[31m no"],
}
ROUTES = [{"app": "web", "url": "http://web.localhost:8080/"}, {"app": "web", "url": "http://h:8080/web/"}]


def described(kind: str, fields: dict[str, object], width: int | None = None) -> list[str]:
    return list(result(document(kind, fields), Options(now=NOW, width=width)))


def an_app(**fields: object) -> dict[str, object]:
    workers = [asdict(worker("web.1")), asdict(worker("web.2", state="backoff", reason="exit code 3"))]
    usual: dict[str, object] = {"spec": SPEC, "workers": workers, "routes": ROUTES, "decision": None}
    return {**asdict(app("web")), **usual, "ending": ENDING, "events": EVENTS, **fields}


def test_an_app_has_its_facts_workers_last_ending_and_events() -> None:
    lines = described("AppDescription", an_app())

    assert lines[0] == "web"
    assert "  command    /app/server.py 8000" in lines
    assert "  routes     http://web.localhost:8080/" in lines
    assert "             http://h:8080/web/" in lines
    assert "  health     any answer below 500 to GET / on port 8000" in lines
    assert "  limits     64.0M memory, 0.5 cores, 512 processes" in lines
    assert "  scaling    by hand" in lines
    assert [line.split()[:2] for line in lines if line.startswith("  web.")][:2] == [
        ["web.1", "ready"],
        ["web.2", "backoff"],
    ]
    assert lines[lines.index("last ending") + 1 :][:2] == [
        "  web.2, 20s ago: exit code 3",
        "    | oh no",
    ]
    assert lines[-1] == "  03:04:05Z  web.2  exit code 3; next try in 1 s"


def test_rights_and_reach_are_told_where_they_are_not_the_usual_ones() -> None:
    given = {"user": "nobody", "cap_add": ["NET_RAW"], "reach": ["db", "api"], "egress": True}

    lines = described("AppDescription", an_app(spec={**SPEC, "template": {**TEMPLATE, **given}}))
    usual = described("AppDescription", an_app())

    assert "  rights     runs as nobody; capabilities added: NET_RAW" in lines
    assert "  reaches    the workers of db, the workers of api, other networks" in lines
    assert [line for line in usual if line.startswith(("  rights", "  reaches"))] == []


def test_connections_of_a_tcp_app_have_the_drain_time_and_not_its_requests() -> None:
    of_tcp = {**SPEC, "template": {**TEMPLATE, "protocol": "tcp"}}

    assert "  restart    always; open requests have 10.0 s when a worker leaves" in described(
        "AppDescription", an_app()
    )
    assert "  restart    always; open connections have 10.0 s when a worker leaves" in described(
        "AppDescription", an_app(spec=of_tcp)
    )


def test_an_app_without_a_port_has_nothing_open_when_a_worker_leaves() -> None:
    portless = {**SPEC, "template": {**TEMPLATE, "port": None}}

    assert "  restart    always" in described("AppDescription", an_app(spec=portless))


def test_an_app_tells_how_many_of_its_spares_are_ready() -> None:
    lines = described("AppDescription", an_app(spec={**SPEC, "spares": 3}, spares=2))

    assert "  spares     2 of 3 are ready and paused" in lines
    assert not any("spares" in line for line in described("AppDescription", an_app()))


def test_values_of_variables_are_not_shown() -> None:
    lines = described("AppDescription", an_app())

    assert "  variables  TOKEN" in lines
    assert "secret" not in "".join(lines)


def test_an_autoscaled_app_says_what_was_decided_last_and_why() -> None:
    policy = {"min": 1, "max": 4, "slo_s": 0.25, "slo_share": 0.95, "mode": "on"}
    decision = {"app": "web", "at": AT, "action": "add", "reason": "22 req/s need 3"}

    lines = described("AppDescription", an_app(spec={**SPEC, "autoscale": policy}, decision=decision))

    assert "  scaling    by itself, 1 to 4 workers: 95.0% within 250 ms" in lines
    assert "  decision   add, 20s ago: 22 req/s need 3 (explain web)" in lines


def test_a_worker_has_its_state_with_the_reason_and_what_it_was_made_from() -> None:
    fields = asdict(worker("web.2", state="unready", reason="GET / timed out"))

    lines = described("WorkerDescription", {**fields, "spec": SPEC, "ending": None, "events": []})

    assert lines[:2] == ["web.2", "  state      unready: GET / timed out"]
    assert "  image      simplecloud/base" in lines
    assert "last ending" not in lines


def test_facts_are_wrapped_where_the_terminal_ends_and_never_elsewhere() -> None:
    long = an_app(note="a note that is so long that no terminal of sixty columns has room for it in one line")

    assert all(len(line) <= 60 for line in described("AppDescription", long, width=60))
    assert any(len(line) > 80 for line in described("AppDescription", long))

"""Every example of `help` runs: in an order in which each finds what it is about, in a cloud of its own."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest

from manager.api.commands import COMMANDS
from tests.real.cloud import LAUNCHER, ROOT, Cloud, failings_of, running_cloud
from tests.real.terminal import on_terminal

STORY = """
up
status; status -o json; version; help; help run; help networking; help -o man; completion bash; clear
run -n 3 -p 8000 web ./demos/server.py 8000
run -p 9000/tcp pong busybox nc -ll -p 9000 -e cat
run -p 8000 files python3 -m http.server 8000
run --reach pong -p 8000 api ./demos/server.py 8000
run -n 2 --spares 3 -p 8000 shop ./demos/server.py 8000
wait web ready; wait web want == 3 --timeout 10s; wait manager up; wait http web / --contains hello
expect web ready == 3; expect http web / --contains hello --count 100 --failed 0
expect error 'no app' rm nosuch -y
apps; apps -o json; apps --sort -rate; ps; ps web -o wide; ps --filter state=ready -q
routes; routes web; net; net web; net --repair; trace web; trace; images
inspect web; inspect web.1; describe web; describe web.1; logs web --tail 20
stats; stats web; stats web.1 --no-stream; stats --no-stream -o json
top web.1; top web.1 -o pid,stat,cmd; top web.1 aux
exec web.1 ls -l /app; exec -e A=1 -w /tmp web env
cp ./f web.1:/tmp/f; cp web.1:/var/log ./log; cp ./conf/. web.1:/etc/app
set n 3; echo $n workers; sleep 500ms; set timing on; set timing off; set output wide; set output table
set pager on; set pager off; set keys vi
record session.sc; record off; secret ls; secret rm db-password
scale web=5; scale web 2; scale web +1; scale web -1; scale web=5 api=2
stop web.2; start web.2; restart web.2; stop web; start web; restart web
freeze; thaw; freeze web; thaw web
load web --rps 50 --for 10s; expect load web failed == 0
crash web.1 -y; wait web ready; crash manager --prove -y
update web -e GREETING=hi; update web -p 8001 ./demos/server.py 8001; update web --spares 3
history web; rollback web; rollback web --to 1; undo web
autoscale; autoscale web --max 6; autoscale web --max 6 --slo 100ms,99%
load web --ramp 10:100 --for 15s --detach; watch --once; watch --svg view.svg --for 10s; wait load web done
explain web; explain web -o json; explain web --svg curve.svg
whatif web; whatif web --replay 6h --max 4; whatif web --slo 100ms,99% -o json; autoscale web off
events; events --app web --since 5m
export web; -diff -f apps.toml; apply -f apps.toml --dry-run; apply -f apps.toml
import compose.yaml --dry-run; import compose.yaml
rm web -y; undo web
backup cloud.backup; rm web api pong files shop hello -y
source session.sc
restore cloud.backup; wait web ready; adopt -y
-doctor --filter state=FAIL
-doctor
exit; echo never
"""
FILES = {
    "f": "1\n",
    "conf/app.conf": "a = 1\n",
    "apps.toml": '[apps.web]\ncommand = ["./demos/server.py", "8000"]\nport = "8000"\nworkers = 2\n',
    "compose.yaml": "services:\n  hello:\n    image: simplecloud/base\n    command: sleep 1000\n",
}
AT_FIRST = "secret set db-password"
ON_STDIN = {"apply -f -": "apps.toml"}
UNTIL_INTERRUPTED = ("watch", "watch web", "watch ps web", "logs web.2 -f")
ON_A_TERMINAL = "exec -it web.1 sh"
AT_THE_END = ("down --dry-run", "down", "down --purge -y")
# these change the machine or the ports of a cloud that is up
NOT_HERE = ("doctor --fix", "up --http-port 8081")


def told_in_the_story() -> list[str]:
    return [part.strip().removeprefix("-") for line in STORY.splitlines() for part in line.split(";")]


def test_every_example_is_run_here_and_every_command_has_one() -> None:
    run = {*told_in_the_story(), *ON_STDIN, *UNTIL_INTERRUPTED, AT_FIRST, ON_A_TERMINAL, *AT_THE_END}

    assert {example for row in COMMANDS for example in row.examples} - run == set(NOT_HERE)
    assert [row.verb for row in COMMANDS if not run & set(row.examples)] == []


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    directory = tmp_path_factory.mktemp("examples")
    (directory / "demos").symlink_to(ROOT / "demos")
    for name, text in FILES.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    with running_cloud(directory) as cloud:
        yield cloud


@pytest.mark.timeout(900)
def test_the_examples_run(cloud: Cloud) -> None:
    assert cloud.run(*AT_FIRST.split(), given=b"x").code == 0
    told = cloud.run("-x", given=STORY.encode(), within_s=800)
    assert told.code == 0, str(told)
    assert "never" not in told.stdout.splitlines()
    assert failings_of(cloud, cloud.run("doctor", "--filter", "state=FAIL", "-o", "json")) == []

    for example, file in ON_STDIN.items():
        assert cloud.run(*example.split(), given=FILES[file].encode()).code == 0
    for example in UNTIL_INTERRUPTED:
        assert ends_at_an_interrupt(cloud, *example.split())
    with on_terminal(LAUNCHER, "--cloud", cloud.name, *ON_A_TERMINAL.split()) as terminal:
        terminal.type("echo $((6 * 7))\n")
        terminal.wait_for("42")
    for example in AT_THE_END:
        cloud.ok(*example.split())


def ends_at_an_interrupt(cloud: Cloud, *words: str) -> bool:
    """Return whether a command tells something, and ends with 130 at ^C."""
    with subprocess.Popen([LAUNCHER, "--cloud", cloud.name, *words], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        return process.wait(timeout=60) == 130

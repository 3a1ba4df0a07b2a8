"""A file of apps: what it may say, what differs, and which commands make it so."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from manager.api.arguments import bind
from manager.api.commands import known
from manager.api.errors import CloudError, UsageError
from manager.api.typed import Params
from manager.api.values import BASE_IMAGE
from manager.state.model import AppSpec
from manager.state.options import run_params, usual_params
from manager.state.specs import Held, autoscale_policy, new_app
from manager.state.templates import Mount, Template, wanted_template
from shell.apps import app_file, changes
from shell.apps.changes import Difference
from shell.apps.entry import Entry
from shell.language.parsing import parse
from shell.text.glyphs import stripped

RUNS = [
    "web sleep 9",
    "-n 3 -p 8000 web /app/server.py --port 8000",
    "-p 9000/tcp --health none web busybox nc -ll",
    "-p 8000 --health /ready --host www.example.org --path /shop web /app/server.py",
    "-e A=1 -e B='two words' -e C= web sh -c 'echo \"$A\"'",
    "--workdir /srv web sleep 9",
    "--cpus 0.5 --memory 1500M --pids 9 --user nobody --cap-add NET_RAW --read-only web sleep 9",
    "--restart on-failure:3 --drain 1500ms --image other:1 web -- sleep 9",
    "--egress web sleep 9",
    "--reach web web sleep 9",
    "-n 2 --spares 3 -p 8000 web /app/server.py",
    "-p 8000 --max 6 web /app/server.py",
    "-p 8000 --max 6 --min 2 --slo 100ms,99.5% web /app/server.py",
    "-n 3 -p 8000 --max 6 --mode recommend web /app/server.py",
    "-p 8000 --path /store/ --path /web/ --host Shop.Example.org --host web.localhost web /app/server.py",
    "-p 8000 --path / --path /a --path /a/ --host a.org --host A.org web /app/server.py",
    "-e A=1 -e B=2 -e A=3 --reach b --reach a --reach b --secret t --secret s --secret t web sleep 9",
    "web printf '\\x7f \\n é \"'",
    "web printf '\x7f \x9b31m \u2028'",
    "--user 0123 web sleep 9",
]


def params_of(line: str) -> Params:
    return parse(known("run"), shlex.split(line))


def spec_of(line: str) -> AppSpec:
    """Return the spec that `run` makes of its words."""
    arguments = bind(known("run"), params_of(line))
    template = wanted_template(arguments, Template(command=(), image=BASE_IMAGE))
    return new_app({}, arguments, template, range(9000, 9016), 1000.0, Held())


def entry_of(spec: AppSpec) -> Entry:
    return Entry(run_params(spec), {mount.path: mount.sha256 for mount in spec.template.mounts})


def read_one(text: str) -> Entry:
    [entry] = app_file.read(text, "")
    return entry


def test_a_file_of_apps_cannot_steer_a_terminal() -> None:
    text = app_file.write(entry_of(spec_of("web printf '\x9b2J\u202e'")), usual_params())
    assert stripped(text.replace("\n", "")) == text.replace("\n", "")


@pytest.mark.parametrize("line", RUNS)
def test_what_is_exported_differs_in_nothing_from_the_app(line: str) -> None:
    entry = entry_of(spec_of(line))

    again = read_one(app_file.write(entry, usual_params()))

    assert changes.differences(entry, again, {}, usual_params()) == []
    assert changes.commands(entry, again, {}, usual_params()) == []


@pytest.mark.parametrize("line", RUNS)
def test_an_exported_app_is_made_again_by_one_run(line: str) -> None:
    spec = spec_of(line)
    exported = read_one(app_file.write(entry_of(spec), usual_params()))

    [[verb, *words]] = changes.commands(None, exported, {}, usual_params())

    assert verb == "run"
    assert spec_of(shlex.join(words)) == spec


@pytest.mark.parametrize("line", RUNS)
def test_an_app_differs_in_nothing_from_the_file_with_the_options_of_its_run(line: str) -> None:
    table = {key.replace("_", "-"): value for key, value in params_of(line).items() if key != "name"}

    wanted = app_file.read_entry("web", table, "")

    assert changes.differences(entry_of(spec_of(line)), wanted, {}, usual_params()) == []


def test_the_addresses_of_every_app_are_left_out_of_a_file() -> None:
    spec = spec_of("-p 8000 web sleep 9")

    assert spec.hosts
    assert spec.paths
    assert {"host", "path"}.isdisjoint(run_params(spec))


def test_a_policy_that_the_file_does_not_say_is_as_usual_again() -> None:
    current = entry_of(spec_of("-p 8000 --max 6 --min 2 --slo 100ms --mode recommend web sleep 9"))
    wanted = read_one("[apps.web]\ncommand = 'sleep 9'\nport = 8000\nmax = 6")

    assert changes.commands(current, wanted, {}, usual_params()) == [
        ["autoscale", "--max", "6", "--min", "1", "--slo", "250ms,95%", "--mode", "on", "web"]
    ]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ("health = '/ok'", "web: --health needs a port"),
        ("port = '9000/tcp'\nhealth = '/ok'", "web: a tcp app has no paths"),
        ("host = ['www.example.org']", "web: --host and --path are for http apps"),
        ("port = '9000/tcp'\npath = ['/shop']", "web: --host and --path are for http apps"),
        ("max = 2\nmin = 3", "web: --min 3 is above --max 2"),
        ("max = 2", "web: --max needs a port"),
    ],
)
def test_a_file_is_refused_as_a_whole_for_one_app_whose_options_contradict_each_other(
    settings: str, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        app_file.read(f"[apps.calm]\ncommand = 'sleep 9'\n[apps.web]\ncommand = 'sleep 9'\n{settings}", "")


def test_a_value_is_the_word_that_is_written() -> None:
    entry = read_one(
        "[apps.web]\ncommand = ['x', true, 1.10]\nenv = { A = true, B = false, C = 0, D = 1.10 }"
    )

    assert entry.command == ["x", "true", "1.10"]
    assert entry.params["env"] == ["A=true", "B=false", "C=0", "D=1.10"]


def test_pulling_is_no_difference() -> None:
    entry = entry_of(spec_of("web sleep 9"))
    wanted = read_one('[apps.web]\ncommand = ["sleep", "9"]\npull = true')

    assert changes.commands(entry, wanted, {}, usual_params()) == []


WEB = spec_of("-n 2 -p 8000 --memory 256M --cpus 1 web sleep 9")


@pytest.mark.parametrize(
    ("settings", "differences", "commands"),
    [
        ("workers = 2\nmemory = '256M'\ncpus = 1", [], []),
        ("memory = '0.25G'\ncpus = 1.0\nhealth = '/'", [Difference("health", "", "/")], ["update"]),
        ("memory = '256M'", [Difference("cpus", "1", "")], ["update"]),
        ("cpus = 1", [Difference("memory", "256M", "512M")], ["update"]),
        ("workers = 5\nmemory = '256M'\ncpus = 1", [Difference("workers", "2", "5")], ["scale web=5"]),
        (
            "spares = 2\nmemory = '256M'\ncpus = 1",
            [Difference("spares", "0", "2")],
            ["update"],
        ),
        (
            "max = 4\nmemory = '256M'\ncpus = 1",
            [Difference("spares", "0", "auto"), Difference("max", "", "4")],
            ["autoscale --max 4 web"],
        ),
    ],
)
def test_only_what_differs_is_changed(
    settings: str, differences: list[Difference], commands: list[str]
) -> None:
    wanted = read_one(f"[apps.web]\ncommand = 'sleep 9'\nport = 8000\n{settings}\n")

    assert changes.differences(entry_of(WEB), wanted, {}, usual_params()) == differences
    found = [" ".join(words) for words in changes.commands(entry_of(WEB), wanted, {}, usual_params())]
    assert [line[: len(start)] for line, start in zip(found, commands, strict=True)] == commands


def test_an_autoscaled_app_is_scaled_by_hand_again_when_the_file_says_no_maximum() -> None:
    run = known("run")
    policy = autoscale_policy(bind(run, parse(run, ["--max", "4", "web", "sleep"])), None)
    current = entry_of(replace(WEB, autoscale=policy))
    settings = "command = 'sleep 9'\nport = 8000\nmemory = '256M'\ncpus = 1"

    kept = changes.commands(current, read_one(f"[apps.web]\n{settings}"), {}, usual_params())
    counted = changes.commands(current, read_one(f"[apps.web]\nworkers = 3\n{settings}"), {}, usual_params())

    assert kept == [["autoscale", "web", "off"]]
    assert counted == [["scale", "--manual", "web=3"]]


def test_a_copied_file_that_has_changed_is_copied_again() -> None:
    template = replace(WEB.template, command=("/app/x",), mounts=(Mount("a" * 64, "/app/x"),))
    current = entry_of(replace(WEB, template=template))
    wanted = read_one("[apps.web]\ncommand = ['./x']\nport = 8000\nmemory = '256M'\ncpus = 1")

    assert changes.commands(current, wanted, {"/app/x": "a" * 64}, usual_params()) == []
    [update] = changes.commands(current, wanted, {"/app/x": "b" * 64}, usual_params())
    assert update[-2:] == ["web", "./x"]


def test_a_copied_file_that_is_another_by_now_is_a_difference() -> None:
    template = replace(WEB.template, command=("/app/x",), mounts=(Mount("a" * 64, "/app/x"),))
    exported = app_file.write(entry_of(replace(WEB, template=template)), usual_params())
    now = replace(template, mounts=(Mount("b" * 64, "/app/x"),))

    found = changes.differences(entry_of(replace(WEB, template=now)), read_one(exported), {}, usual_params())

    assert found == [changes.Difference("/app/x", "b" * 12, "a" * 12)]


def test_a_file_that_nobody_has_is_named_before_anything_is_done() -> None:
    wanted = read_one("[apps.web]\ncommand = ['/app/x']\nfiles = { '/app/x' = 'abc' }")

    with pytest.raises(CloudError, match="web needs /app/x"):
        changes.commands(None, wanted, {}, usual_params())


def test_a_file_that_is_copied_from_here_is_needed_from_nowhere_else() -> None:
    wanted = read_one("[apps.web]\ncommand = ['/app/x']\ncopy = ['x']\nfiles = { '/app/x' = 'abc' }")

    commands = changes.commands(None, wanted, {"/app/x": "b" * 64}, usual_params())

    assert commands == [["run", "--copy", "./x:/app/x", "web", "/app/x"]]


def test_files_are_meant_from_the_directory_of_the_file() -> None:
    [entry] = app_file.read(
        "[apps.web]\ncommand = ['./server.py', './kept']\ncopy = ['conf.json', '/etc/hosts:/app/h']", "demos"
    )

    assert entry.command == ["./demos/server.py", "./kept"]
    assert entry.params["copy"] == ["./demos/conf.json:/app/conf.json", "/etc/hosts:/app/h"]


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ("prot = 80", 6),
        ("'port' = 'many'", 6),
        ("max = 2\nmode = 'on'\nmin = 3", 8),
        ("env = { A = 1, max = [] }", 6),
        ("max = 2\nhealth = '/x'", 7),
        ("files = 3", 6),
    ],
)
def test_an_error_of_an_app_has_the_line_of_the_key_that_is_off(wrong: str, line: int) -> None:
    before, after = "[apps.api]\ncommand = 'x'\n\n[ apps . 'web' ]\ncommand = 'port x'\n", "\n\n[apps.z]\n"

    assert fault_of(before + wrong + after).startswith(f"line {line}: web: ")


def test_an_error_of_an_app_without_a_key_has_the_line_of_its_table_if_it_has_one() -> None:
    assert fault_of("# web\n[apps.web]\nport = 1\n").startswith("line 2: web has no command")
    assert fault_of("apps = { web = {} }").startswith("web has no command")


def fault_of(text: str) -> str:
    with pytest.raises(UsageError) as rejected:
        app_file.read(text, "")
    return rejected.value.message


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[apps.web", "not TOML"),
        ("", "there is no app in it"),
        ("[web]\ncommand='x'", r"a table \[apps.NAME\]"),
        ("apps = 3", r"a table \[apps.NAME\]"),
        ("[apps]\nweb = 3", "apps.web is not a table"),
        ("[apps.web]", "web has no command"),
        ("[apps.web]\ncommand = []", "web has no command"),
        ("[apps.Web]\ncommand = 'x'", '"Web" cannot name an app'),
        ("[apps.web]\ncommand = 'x'\nprot = 80", r"no option --prot \(did you mean port\?\)"),
        ("[apps.web]\ncommand = 'x'\nport = 'many'", "web: "),
        ("[apps.web]\ncommand = 'x'\nport = [1]", r"port cannot be \[1\]"),
        ("[apps.web]\ncommand = 'x'\nworkers = -1", "web: "),
        ("[apps.web]\ncommand = 'x'\nread-only = 'yes'", 'read-only cannot be "yes"'),
        ("[apps.web]\ncommand = 'x'\nreplicas = 2", r"no option --replicas \(did you mean workers\?\)"),
        ("[apps.web]\ncommand = 'x'\nwait = '1s'", "no option --wait"),
        ("[apps.web]\ncommand = 'x'\nfiles = 3", "files = "),
        ("[apps.web]\ncommand = 'x'\nenv = { A = [1] }", "web: env A: a value is a text, a number"),
        ("[apps.web]\ncommand = 'x'\nenv = { A = 2020-01-01T00:00:00 }", "web: env A: a value is"),
        ("[apps.web]\ncommand = 'x'\nenv = 'HOME'", "web: env is a table, or a list of NAME=VALUE"),
        ("[apps.web]\ncommand = 'x'\nenv = ['A=1', 'HOME']", "web: env is a table, or a list of NAME=VALUE"),
        ("[apps.web]\ncommand = 'x'\nenv = [{ A = 1 }]", "web: env: a value is"),
        ("[apps.web]\ncommand = ['x', []]", "web: command: a value is a text, a number"),
        ("[apps.web]\ncommand = 'x'\nmode = 'recommend'", "mode goes with max"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_of_the_app(text: str, fault: str) -> None:
    with pytest.raises(UsageError, match=fault) as rejected:
        app_file.read(text, "")

    assert rejected.value.hint


def test_options_of_a_file_that_do_not_agree_are_not_mended_by_a_command() -> None:
    with pytest.raises(UsageError, match="--max needs a port") as rejected:
        app_file.read("[apps.web]\ncommand = 'x'\nmax = 3", "")

    assert rejected.value.hint == "help files"

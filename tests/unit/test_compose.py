"""A compose file becomes apps: what maps, what is ignored by name, and what is refused."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from manager.api.errors import UsageError
from shell.apps import app_file, changes, compose, dotenv, together
from shell.statements import execute
from tests.fakes.replies import a_cloud, serving
from tests.fakes.shells import TerminalText, shell_at

FULL = """
version: "3.8"
x-common: &common
  restart: unless-stopped
services:
  front:
    <<: *common
    image: ${IMAGE:-nginx}
    command: python3 -m http.server "80 00"
    ports: ["18080:8000", "8443:443"]
    environment: {GREETING: hi, DEBUG: true, WITHOUT: null}
    depends_on: {cache: {condition: service_started}}
    deploy:
      replicas: 2
      resources: {limits: {cpus: "0.50", memory: 256m, pids: 99}, reservations: {cpus: "0.1"}}
    healthcheck: {test: ["CMD", "curl", "-f", "http://localhost:8000/ready"], interval: 5s}
    user: nobody
    working_dir: /srv
    cap_add: [NET_BIND_SERVICE]
    read_only: true
    stop_grace_period: 1m30s
    volumes: [./data:/data]
  cache:
    image: redis
    command: ["redis-server", "--save", ""]
    ports: [6379]
    restart: no
networks: {back: {}}
"""


def commands(text: str, variables: Mapping[str, str] | None = None, files: Collection[str] = ()) -> list[str]:
    """Return the commands that make the apps of a compose file beside these files, where none is yet."""
    tables = compose.read(text, variables or {}, files.__contains__).tables
    entries = [app_file.read_entry(name, table, "") for name, table in tables.items()]
    found = [changes.commands(None, entry, {}, {}) for entry in together.in_order(entries, {})]
    return [shlex.join(words) for each in found for words in each]


def no_file(path: str) -> bool:
    """Tell that there is none."""
    return False


def service(keys: str) -> str:
    command = "" if keys.startswith("command:") else "command: sleep 9, "
    return f"services: {{web: {{image: i, {command}{keys}}}}}"


def refused(text: str) -> tuple[str, str]:
    with pytest.raises(UsageError) as caught:
        compose.read(text, {}, no_file)
    return caught.value.message, caught.value.hint


def test_every_key_that_maps_becomes_an_option_and_what_is_depended_on_comes_first() -> None:
    assert commands(FULL) == [
        "run --image redis --port 6379/tcp --restart no cache redis-server --save ''",
        "run --workers 2 --image nginx --port 8000/http --health /ready --env GREETING=hi --env DEBUG=true "
        "--cpus 0.50 --memory 256M --pids 99 --user nobody --workdir /srv --cap-add NET_BIND_SERVICE "
        "--read-only --reach cache --restart always --drain 90s front python3 -m http.server '80 00'",
    ]


def test_every_key_that_is_ignored_is_named() -> None:
    told = compose.read(FULL, {}, no_file).ignored

    assert [sentence.partition(":")[0] if "ports" not in sentence else sentence for sentence in told] == [
        "version is ignored",
        "x-common is ignored",
        "networks is ignored",
        "front.ports 18080: is ignored: the cloud chooses where the proxy listens; see apps",
        "front.ports 8443:443 is ignored: an app has one port, by tcp",
        "front.environment WITHOUT is ignored",
        "front.deploy.resources.reservations is ignored",
        "front.healthcheck.interval is ignored",
        "front.volumes ./data is ignored",
    ]


def test_a_name_of_a_container_is_ignored_and_the_note_tells_what_the_workers_are_called() -> None:
    assert compose.read(service("container_name: shop"), {}, no_file).ignored == [
        "web.container_name is ignored: workers are called web.1, web.2"
    ]


def test_a_range_of_ports_is_ignored_and_named() -> None:
    text = service('ports: ["3000-3005", "9090-9091:8080-8081/udp", {target: 7000-7001}, "90-99:80"]')

    assert commands(text) == ["run --image i --port 80/http web sleep 9"]
    assert compose.read(text, {}, no_file).ignored[:3] == [
        "web.ports 3000-3005 is ignored: it is a range, and an app has one port",
        "web.ports 9090-9091:8080-8081/udp is ignored: it is a range, and an app has one port",
        "web.ports {'target': '7000-7001'} is ignored: it is a range, and an app has one port",
    ]


@pytest.mark.parametrize(
    ("build", "context"),
    [("./a", "shop/a"), ("{context: .}", "shop"), ("/src", "/src"), ("https://h/a.git", "https://h/a.git")],
)
def test_a_directory_to_build_in_is_meant_from_that_of_the_file(build: str, context: str) -> None:
    with pytest.raises(UsageError) as refused:
        compose.read(f"services: {{web: {{build: {build}}}}}", {}, no_file, "shop")

    assert f"docker build -t web {context} " in refused.value.hint


def test_an_image_is_taken_and_how_to_build_it_is_ignored() -> None:
    text = service("build: {context: ., dockerfile: D}")

    assert commands(text) == ["run --image i web sleep 9"]
    assert compose.read(text, {}, no_file).ignored == ["web.build is ignored: it has an image"]


@pytest.mark.parametrize(
    "text",
    [
        "services:\n  web: {image: i, command: sleep 9}\n  web: {image: i, command: sleep 8}",
        "services:\n  web: {image: i, command: sleep 9,\n    image: j}",
    ],
)
def test_a_key_that_is_there_twice_is_refused_as_compose_does_for_one_would_be_lost(text: str) -> None:
    message, _ = refused(text)

    assert re.fullmatch('this is not YAML: line 3: "(web|image)" is there twice', message)


def test_a_key_of_its_own_stands_before_what_a_service_merges() -> None:
    text = (
        "x-a: &a {image: i, command: sleep 9}\n"
        "services: {web: &web {<<: *a, command: sleep 8}, api: {<<: *web, command: sleep 7}}"
    )

    assert commands(text) == ["run --image i web sleep 8", "run --image i api sleep 7"]


def test_yaml_is_read_as_compose_reads_it() -> None:
    [command] = commands(service('ports: [22:22], restart: no, environment: {A: yes, B: 1.50, C: "on"}'))

    assert command == (
        "run --image i --port 22/tcp --env A=yes --env B=1.5 --env C=on --restart no web sleep 9"
    )


@pytest.mark.parametrize(
    ("written", "filled"),
    [
        ("$WORD", "word"),
        ("${WORD}s", "words"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY-default}", ""),
        ("${NONE-default}", "default"),
        ("$$WORD", "$WORD"),
        ("${NONE:-${EMPTY:-x}}.", "x."),
        ("${NONE:-a${WORD}b${NONE-$$c}}.", "awordb$c."),
        ("${NONE:-{a}}.", "{a}."),
        ("${WORD:-${NONE}}", "word"),
        ("${WORD:+yes}${WORD+${WORD}}", "yesword"),
        ("${EMPTY:+yes}${NONE+yes}", ""),
        ("${EMPTY+yes}", "yes"),
        ("${WORD:?why}", "word"),
    ],
)
def test_variables_are_filled_in(written: str, filled: str) -> None:
    [command] = commands(service(f'user: "u{written}"'), {"WORD": "word", "EMPTY": ""})

    assert f"--user {shlex.quote('u' + filled)} " in command


@pytest.mark.parametrize(
    ("port", "option"),
    [
        ('"127.0.0.1:8080:80"', "80/http"),
        ('"5432"', "5432/tcp"),
        ('"80/udp", "81/tcp"', "81/http"),
        ("{target: 90, app_protocol: http2}", "90/http"),
        ("{target: 80, published: 8080, app_protocol: grpc}", "80/tcp"),
    ],
)
def test_a_port_is_http_unless_it_is_known_to_be_something_else(port: str, option: str) -> None:
    [command] = commands(service(f"ports: [{port}]"))

    assert f"--port {option}" in command


@pytest.mark.parametrize(
    ("check", "option"),
    [
        ("{disable: true}", "--health none"),
        ('{test: ["NONE"]}', "--health none"),
        ("{test: curl -f http://127.0.0.1/ || exit 1}", "--health /"),
        ("{test: wget -q http://localhost:80}", "--health /"),
        ("{test: redis-cli ping}", ""),
    ],
)
def test_a_health_check_is_the_path_that_it_asks_for(check: str, option: str) -> None:
    [command] = commands(service(f"healthcheck: {check}, ports: [80]"))

    assert (option in command) if option else ("--health" not in command)


@pytest.mark.parametrize("ports", ["[]", "[5432]", '["80/udp"]', '[5432, "80"]'])
def test_a_health_check_of_a_path_is_ignored_where_there_is_no_port_that_has_paths(ports: str) -> None:
    text = service(f"healthcheck: {{test: curl http://localhost/ready}}, ports: {ports}")

    assert "--health" not in commands(text)[0]
    assert any(
        told.startswith("web.healthcheck.test is ignored: ")
        for told in compose.read(text, {}, no_file).ignored
    )


def test_a_value_is_the_word_that_is_written_and_nothing_where_there_is_none() -> None:
    keys = "command: [x, true, 1], user: , environment: {A: true, B: 0}, env_file: , cap_add: "
    text = f"services: {{web: {{{keys}}}}}"

    assert commands(text) == ["run --env A=true --env B=0 web x true 1"]


@pytest.mark.parametrize("environment", ["[HERE, EMPTY, GONE]", "{HERE: , EMPTY: null, GONE: }"])
def test_a_variable_that_is_named_only_has_the_value_of_here(environment: str) -> None:
    text, here = service(f"environment: {environment}"), {"HERE": "a$b c", "EMPTY": ""}

    assert commands(text, here) == ["run --image i --env 'HERE=a$b c' --env EMPTY= web sleep 9"]
    assert compose.read(text, here, no_file).ignored == [
        "web.environment GONE is ignored: it has no value here"
    ]


def test_a_file_beside_the_image_s_is_not_taken_for_one_of_this_machine() -> None:
    [command] = commands("services: {web: {image: i, entrypoint: ./start, command: [a b]}}")

    assert command == """run --image i web sh -c 'exec "$0" "$@"' ./start 'a b'"""


@pytest.mark.parametrize("command", ["./good.py a", "[./good.py, a]"])
def test_a_command_beside_the_compose_file_is_the_one_that_is_copied_in(command: str) -> None:
    assert commands(f"services: {{web: {{image: i, command: {command}}}}}", files=("./good.py",)) == [
        "run --image i web ./good.py a"
    ]


@pytest.mark.parametrize("key", ["command", "entrypoint"])
def test_that_a_command_is_of_here_and_not_the_image_s_is_told(key: str) -> None:
    told = compose.read(f"services: {{web: {{image: i, {key}: ./good.py}}}}", {}, lambda path: True).ignored

    assert told[-1] == f"web.{key} ./good.py is copied from here"


def test_without_an_image_a_command_can_only_be_of_here() -> None:
    text = "services: {web: {command: ./missing}}"

    assert commands(text) == ["run web ./missing"]
    assert compose.read(text, {}, lambda path: True).ignored == []


@pytest.mark.parametrize(
    "volume", ["./c.json:/etc/c.json", "./c.json:/etc/c.json:ro", "{source: ./c.json, target: /etc/c.json}"]
)
def test_a_file_that_is_mounted_is_copied_and_that_it_is_no_mount_is_told(volume: str) -> None:
    text = service(f"volumes: [{volume}]")

    assert "--copy ./c.json:/etc/c.json" in commands(text, files=("./c.json",))[0]
    told = "web.volumes ./c.json is copied as it is now, and not mounted"
    assert compose.read(text, {}, lambda path: True).ignored == [told]


@pytest.mark.parametrize("volume", ["./data:/data", "data:/data", "/data"])
def test_a_volume_that_is_no_file_is_ignored(volume: str) -> None:
    assert "--copy" not in commands(service(f"volumes: ['{volume}']"))[0]


@pytest.mark.parametrize("secret", ["api-key", "{source: api-key, target: api-key}"])
def test_a_secret_is_the_one_that_the_cloud_keeps(secret: str) -> None:
    text = f"{service(f'secrets: [{secret}]')}\nsecrets: {{api-key: {{file: ./key}}}}"

    assert "--secret api-key" in commands(text)[0]
    told = "secrets api-key file is ignored: the cloud keeps it; secret set api-key < FILE"
    assert compose.read(text, {}, no_file).ignored == [told]


def test_a_secret_that_the_cloud_calls_otherwise_is_taken_by_that_name_and_told() -> None:
    text = f"{service('secrets: [db]')}\nsecrets: {{db: {{external: true, name: prod_db}}}}"

    assert "--secret prod_db" in commands(text)[0]
    assert compose.read(text, {}, no_file).ignored == [
        "web.secrets db is /run/secrets/prod_db in its workers"
    ]


def test_every_key_of_a_secret_or_of_a_long_volume_that_is_ignored_is_named() -> None:
    volume = "{type: bind, source: ./c, target: /c, read_only: true, bind: {propagation: shared}}"
    secret = "secrets: {db: {external: {name: x}, name: prod, file: ./db, driver: vault, labels: [a]}}"

    assert compose.read(f"{service(f'volumes: [{volume}]')}\n{secret}", {}, lambda path: True).ignored == [
        "secrets db external is ignored",
        "secrets db file is ignored: the cloud keeps it; secret set prod < FILE",
        "secrets db driver is ignored",
        "secrets db labels is ignored",
        "web.volumes ./c is copied as it is now, and not mounted",
        "web.volumes ./c read_only is ignored",
        "web.volumes ./c bind is ignored",
    ]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("a: [", "this is not YAML: line 1", "help files"),
        ("- a", "this is no compose file", ""),
        ("version: '3'", "there are no services in it", "services:"),
        ("services: {}", "there are no services in it", "services:"),
        ("services: {web: 3}", 'the service "web" is no mapping', "web:"),
        ("services: {My_App: {}}", 'the service "My_App" cannot name an app', "help files"),
        (
            "services: {proxy: {}}",
            'the service "proxy" is reserved and cannot name an app; proxy-app would do',
            "",
        ),
        ("services: {web: {image: i}}", "web.command: there is none", "docker image inspect -f"),
        ("services: {web: {build: .}}", "web.build: this is not supported", "docker build -t web ."),
        ("services: {web: {build: ./a}}", "web.build: this is not supported", "docker build -t web ./a "),
        ("services: {web: {build: {context: b}}}", "web.build:", "docker build -t web b "),
        (service("extends: {}"), "web.extends: this is not supported", ""),
        (service("ports: [80-x]"), 'web.ports: "80-x" is not one port', ""),
        (service("depends_on: [db]"), 'web.depends_on: there is no service "db"', ""),
        (service("user: $NOBODY"), "the variable NOBODY has no value", "env NOBODY="),
        (service("user: '${A:-${B}'"), "${A:-${B} is no variable with a default", "${NAME:-DEFAULT}"),
        (service("user: '${A/b/c}'"), "${A/b/c} is no variable with a default", "${NAME:-DEFAULT}"),
        (service("user: '${A:?is ${B:-x}}'"), "the variable A has no value: is x", "env A="),
        (service("environment: {A: [1]}"), "web.environment A: a value is a text, a number", ""),
        (service("command: [a, {b: c}]"), "web.command: a value is a text, a number", ""),
        (service("command: [a, null]"), "web.command: a value is a text, a number", ""),
        (service("mem_limit: much"), 'web.memory: "much" is not a size', ""),
        (service("command: 'a \"b'"), "web.command: no closing quotation", ""),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(text: str, message: str, hint: str) -> None:
    said = refused(text)

    assert said[0].startswith(message)
    assert said[1].startswith(hint)


def test_two_services_cannot_publish_the_same_port() -> None:
    two = "services: {a: {command: x, ports: ['80:1']}, b: {command: x, ports: ['127.0.0.1:80:2']}}"

    assert refused(two)[0] == "a and b publish the same port 80"


def test_an_env_file_is_read_as_compose_does() -> None:
    text = """
        # no variable
        PLAIN=it's me  # who
        export COLOUR=#fff
        DOUBLE="a \\"b\\"\\n#c" # not this
        SINGLE='a \\n'
        EMPTY=   # nothing
        neither
    """
    assert dotenv.read(text) == {
        "PLAIN": "it's me",
        "COLOUR": "#fff",
        "DOUBLE": 'a "b"\n#c',
        "SINGLE": "a \\n",
        "EMPTY": "",
    }


def test_how_to_wait_is_said_to_those_commands_that_wait(tmp_path: Path) -> None:
    present = {"params": {"name": "web", "command": ["sleep", "9"], "port": "80", "max": "2"}, "files": {}}
    file, replies = tmp_path / "apps.toml", a_cloud(present)
    file.write_text('[apps.web]\ncommand = "sleep 9"\nport = 80\nmax = 3\n[apps.db]\ncommand = "sleep 8"\n')
    with serving(tmp_path, replies):
        shell = shell_at(tmp_path)
        assert shell.run(f"apply -f {file} --dry-run --wait=5s") == 0
        assert shell.run(f"apply -f {file} --dry-run --detach") == 0

    assert shell.out.getvalue().splitlines() == [
        "autoscale --max 3 web",
        "run --wait=5s db sleep 8",
        "autoscale --max 3 web",
        "run --detach db sleep 8",
    ]


def test_a_variable_without_a_value_is_given_one_in_the_command_that_was_typed(tmp_path: Path) -> None:
    file = tmp_path / "my compose.yaml"
    file.write_text(service("user: $NOBODY"))
    shell = shell_at(tmp_path)

    assert shell.run(f"import '{file}'") == 2
    assert shell.err.getvalue().endswith(f"hint:  env NOBODY=VALUE simplecloud import '{file}'\n")


def test_import_prints_what_it_does_and_names_what_it_ignores(tmp_path: Path) -> None:
    file, replies = tmp_path / "compose.yaml", a_cloud()
    file.write_text(service("volumes: [a], user: $NAME_OF_USER"))
    (tmp_path / ".env").write_text("# who runs it\nNAME_OF_USER='nobody'\n")
    with serving(tmp_path, replies):
        shell = shell_at(tmp_path)
        assert shell.run(f"import {file} --dry-run") == 0

    assert shell.out.getvalue() == "run --image i --user nobody web sleep 9\n"
    assert "web.volumes a is ignored: workers are stateless" in shell.err.getvalue()


@pytest.mark.parametrize(
    ("env_file", "code", "variables"),
    [
        ("a.env", 0, "--env A=own --env 'B=b b' "),
        ("[a.env, {path: b.env}]", 0, "--env A=own --env B=later "),
        ("[b.env, {path: none.env, required: false}]", 0, "--env B=later --env A=own "),
        ("none.env", 1, ""),
    ],
)
def test_the_variables_of_a_file_are_below_those_of_the_service(
    tmp_path: Path, env_file: str, code: int, variables: str
) -> None:
    (tmp_path / "a.env").write_text("A=file\nB='b b' # why\n")
    (tmp_path / "b.env").write_text("B=later\n")
    file = tmp_path / "compose.yaml"
    file.write_text(service(f"env_file: {env_file}, environment: {{A: own}}"))
    with serving(tmp_path, a_cloud()):
        shell = shell_at(tmp_path)
        assert shell.run(f"import {file} --dry-run") == code

    assert shell.out.getvalue() == (f"run --image i {variables}web sleep 9\n" if variables else "")
    assert ("none.env" in shell.err.getvalue()) == (code == 1)


@pytest.mark.parametrize(
    ("command", "given"),
    [
        ("apply --dry-run -f -", '[apps.web]\nimage = "i"\ncommand = "sleep 9"\n'),
        ("import --dry-run -", 'services: {web: {image: i, command: "sleep 9"}}\n'),
    ],
)
def test_a_dash_is_the_standard_input_which_a_script_has_none_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, given: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
    with serving(tmp_path, a_cloud()):
        shell = shell_at(tmp_path)
        assert shell.run(command) == 2
        shell.session.gives_stdin = True
        assert shell.run(command) == 0

    assert shell.out.getvalue() == "run --image i web sleep 9\n"
    assert "a script has no standard input to read a file from" in shell.err.getvalue()


def test_on_a_terminal_a_command_is_shown_with_all_that_is_in_it(tmp_path: Path) -> None:
    file, replies = tmp_path / "compose.yaml", a_cloud()
    file.write_text(service('user: "a\\e[2J\\nb"'))
    with serving(tmp_path, replies):
        session = shell_at(tmp_path).session
        session.out = shown = TerminalText()
        assert execute(session, f"import {file} --dry-run") == 0
    assert shown.getvalue() == "run --image i --user 'a\\x1b[2J\nb' web sleep 9\n"


def test_a_file_that_cannot_be_read_or_used_is_an_error_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text(service("cpus: many"))
    shell = shell_at(tmp_path)

    assert shell.run(f"import {tmp_path}/no.yaml") == 1
    assert shell.run(f"import {file}") == 2
    assert f"there is no file {tmp_path}/no.yaml" in shell.err.getvalue()
    assert f'{file}: web: --cpus: "many" is not a number of cores' in shell.err.getvalue()

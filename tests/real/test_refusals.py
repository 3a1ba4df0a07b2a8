"""What cannot work is refused with its exit code, a sentence and the next command; and nothing is created."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.busybox import own_image
from tests.real.cloud import SERVER, Apps, Cloud, docker_by_hand

NAME = "refused"
EM_AARCH64 = 183


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one file of each kind that cannot be run."""
    directory = tmp_path_factory.mktemp("files")
    (directory / "dir").mkdir()
    os.mkfifo(directory / "fifo", 0o755)
    (directory / "empty").touch(0o755)
    (directory / "no-run-bit").write_text("#!/bin/sh\n")
    (directory / "arm64").write_bytes(elf_of(EM_AARCH64))
    (directory / "lost").write_text("#!/opt/none/python9\n")
    shutil.copy("/bin/true", directory / "dynamic")
    for name in ("arm64", "lost", "dynamic"):
        (directory / name).chmod(0o755)
    return directory


def elf_of(machine: int) -> bytes:
    """Return the smallest 64-bit ELF program for a machine: its header and one loaded segment."""
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0x400000, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return ident + header + struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 120, 120, 0x1000)


@pytest.fixture(scope="module")
def tiny_image() -> Iterator[str]:
    """An image with a shell and nothing else: no loader, no libraries."""
    from tests.real.busybox import own_cloud

    with own_cloud() as engine, own_image(engine) as reference:
        yield reference


@pytest.fixture
def nothing_is_created(cloud: Cloud) -> Iterator[None]:
    """The containers of the cloud, all that etcd holds of apps, and the links are the same afterwards."""
    before = footprint(cloud)
    yield
    assert footprint(cloud) == before


def footprint(cloud: Cloud) -> tuple[object, ...]:
    with docker_by_hand() as client:
        label = {"label": f"simplecloud.cloud={cloud.name}"}
        containers = {item["Id"] for item in client.containers(all=True, filters=label)}
    with cloud.store() as store:
        stored = set(store.read("apps/", "workers/", "proxy/").entries)
    links = {name for name in os.listdir("/sys/class/net") if name.startswith(f"sc{cloud.places.tag}")}
    return containers, stored, links, tuple(cloud.app_names())


BAD_PROGRAMS = {
    "missing": ("./missing", "there is no file ./missing", "help files"),
    "directory": ("./dir", "./dir is a directory", "help files"),
    "fifo": ("./fifo", "./fifo is a FIFO", "help files"),
    "empty": ("./empty", "./empty is empty", "help files"),
    "no run bit": ("./no-run-bit", "./no-run-bit has no run bit", "chmod +x ./no-run-bit"),
    "foreign": ("./arm64", "./arm64 is for arm64, image simplecloud/base is for amd64", "images"),
    "lost interpreter": ("./lost", "./lost needs /opt/none/python9, which image simplecloud/base", "images"),
    "no such command": ("nosuchcommand", 'image simplecloud/base has no command "nosuchcommand"', "images"),
    "no such path": ("/no/such", "image simplecloud/base has no file /no/such", "help files"),
    "no word": ("", 'has no command ""', "images"),
}


@pytest.mark.usefixtures("nothing_is_created")
@pytest.mark.parametrize(("word", "message", "hint"), BAD_PROGRAMS.values(), ids=BAD_PROGRAMS)
def test_a_program_that_cannot_run_is_refused(
    word: str, message: str, hint: str, cloud: Cloud, files: Path
) -> None:
    outcome = cloud.run("run", "-n", "3", NAME, word, "argument", cwd=files)

    assert outcome.code == 1
    assert message in outcome.stderr
    assert f"hint:  {hint}\n" in outcome.stderr
    assert outcome.stdout == ""


@pytest.mark.usefixtures("nothing_is_created")
def test_a_dynamic_program_is_refused_for_an_image_without_its_loader(
    tiny_image: str, cloud: Cloud, files: Path
) -> None:
    outcome = cloud.run("run", "--image", tiny_image, NAME, "./dynamic", cwd=files)

    assert outcome.code == 1
    assert f"./dynamic needs /lib64/ld-linux-x86-64.so.2, which image {tiny_image} does not" in outcome.stderr


@pytest.mark.usefixtures("nothing_is_created")
@pytest.mark.parametrize("place", ["/proc/x", "/sys/kernel/x", "/dev/null"])
def test_no_file_is_copied_to_where_the_kernel_shows_its_own(place: str, cloud: Cloud, files: Path) -> None:
    outcome = cloud.run("run", "--copy", f"./no-run-bit:{place}", NAME, "sleep", "9", cwd=files)

    assert outcome.code == 2
    assert f"no file can be copied to {place}" in outcome.stderr


@pytest.mark.usefixtures("nothing_is_created")
@pytest.mark.parametrize(
    ("place", "message"),
    {
        "/tmp": "/tmp is a directory in image simplecloud/base",
        "/bin": "/bin is a directory in image simplecloud/base",
        "/etc/passwd/x": "/etc/passwd/x would be below /etc/passwd, which is a file",
    }.items(),
)
def test_no_file_is_copied_to_where_none_can_be(place: str, message: str, cloud: Cloud, files: Path) -> None:
    outcome = cloud.run("run", "--copy", f"./no-run-bit:{place}", NAME, "sleep", "9", cwd=files)

    assert outcome.code == 1
    assert message in outcome.stderr


def test_any_image_of_this_machine_will_do(tiny_image: str, apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sleep", "1000", options=("--image", tiny_image))

    assert cloud.is_ready(name, 1)
    assert cloud.app(name).image == tiny_image


@pytest.mark.usefixtures("nothing_is_created")
def test_an_image_that_is_not_here_is_refused_at_once_with_the_names_of_those_that_are(cloud: Cloud) -> None:
    outcome = cloud.run("run", "--image", "nosuch/image:1", NAME, "sleep", "1", within_s=10)

    assert outcome.code == 1
    assert 'image "nosuch/image:1" is not on this machine' in outcome.stderr
    assert "simplecloud/base" in outcome.stderr
    assert "hint:  images\n" in outcome.stderr


BAD_WORDS = {
    "capital name": ("Web sleep 1", '"Web" cannot name an app'),
    "long name": (f"{'a' * 31} sleep 1", "at most 30"),
    "dash at the end": ("web- sleep 1", '"web-" cannot name an app'),
    "reserved name": ("proxy sleep 1", '"proxy" is reserved'),
    "no command": ("web", "run needs COMMAND"),
    "nothing": ("", "run needs NAME"),
    "too many": (f"-n 1001 {NAME} sleep 1", '"1001" is not a whole number from 0 to 1000'),
    "negative": (f"-n -1 {NAME} sleep 1", '"-1"'),
    "fraction": (f"-n 1.5 {NAME} sleep 1", '"1.5" is not a whole number'),
    "little memory": (f"--memory 1M {NAME} sleep 1", "below the smallest memory limit, 6M"),
    "size": (f"--memory 64X {NAME} sleep 1", '"64X" is not a size'),
    "cpus": (f"--cpus lots {NAME} sleep 1", '"lots" is not a number of cores'),
    "port": (f"-p 70000 {NAME} sleep 1", '"70000" is not a whole number from 1 to 65535'),
    "port zero": (f"-p 0 {NAME} sleep 1", '"0" is not a whole number from 1 to 65535'),
    "protocol": (f"-p 53/udp {NAME} sleep 1", "PORT/http or PORT/tcp"),
    "health": (f"-p 80 --health ping {NAME} sleep 1", '"ping" is not a health check'),
    "health of nothing": (f"--health /ok {NAME} sleep 1", "--health needs a port"),
    "environment": (f"-e NOVALUE {NAME} sleep 1", "the variable NOVALUE has no value here"),
    "restart": (f"--restart sometimes {NAME} sleep 1", '"sometimes" is not a restart policy'),
    "drain": (f"--drain 10 {NAME} sleep 1", '"10" is not a duration'),
    "option": (f"--imge x {NAME} sleep 1", "run has no option --imge"),
    "backticks in a host": (f"-p 80 --host a`id`b {NAME} sleep 1", "is not a host name"),
    "bracket in a host": (f"-p 80 --host x)||Host(y {NAME} sleep 1", "is not a host name"),
    "backtick in a path": (f"-p 80 --path /a`b {NAME} sleep 1", "is not a path"),
    "host without http": (f"--host a.example {NAME} sleep 1", "--host and --path are for http apps"),
    "volume": (f"-v /tmp:/x {NAME} sleep 1", "-v"),
}


@pytest.mark.usefixtures("nothing_is_created")
@pytest.mark.parametrize(("line", "message"), BAD_WORDS.values(), ids=BAD_WORDS)
def test_words_that_are_off_are_a_usage_error_with_a_hint(line: str, message: str, cloud: Cloud) -> None:
    outcome = cloud.here("run", *line.split())

    assert outcome.code == 2, outcome
    assert message in outcome.stderr
    assert "\nhint:  " in outcome.stderr


@pytest.mark.usefixtures("nothing_is_created")
def test_a_volume_is_refused_because_workers_are_stateless(cloud: Cloud) -> None:
    assert "stateless" in cloud.run("run", "-v", "/tmp:/x", NAME, "sleep", "1").stderr


@pytest.mark.usefixtures("nothing_is_created")
@pytest.mark.parametrize("capability", ["NOSUCH", "all powerful"])
def test_a_capability_that_does_not_exist_is_refused(capability: str, cloud: Cloud) -> None:
    outcome = cloud.run("run", "--cap-add", capability, NAME, "sleep", "1000")
    cloud.run("rm", NAME, "-y")

    assert outcome.code == 2, outcome


def test_a_route_that_another_app_has_is_refused(apps: Apps, cloud: Cloud) -> None:
    owner = apps.serve(1, "--host", "shop.example", "--path", "/shop")
    before = footprint(cloud)

    outcomes = [
        cloud.run("run", "-p", "8000", *route, NAME, SERVER, "8000")
        for route in (("--host", "shop.example"), ("--host", f"{owner}.localhost"), ("--path", "/shop/"))
    ]

    assert [outcome.code for outcome in outcomes] == [1, 1, 1]
    assert f"{owner} has the route shop.example already" in outcomes[0].stderr
    assert f"{owner} has the route {owner}.localhost already" in outcomes[1].stderr
    assert f"{owner} has the route /shop already" in outcomes[2].stderr
    assert all(f"hint:  routes {owner}\n" in outcome.stderr for outcome in outcomes)
    assert footprint(cloud) == before


BAD_COMMANDS = {
    "verb": (("sacle", "web=3"), 2, 'unknown command "sacle"', "scale web=3"),
    "app": (("ps", "nosuch"), 1, 'no app is named "nosuch"', "apps"),
    "worker": (("stop", "nosuch.1"), 1, 'no app is named "nosuch"', "apps"),
    "scale": (("scale", "nosuch=2"), 1, 'no app is named "nosuch"', "apps"),
    "amount": (("scale", "nosuch=many"), 2, "is not APP=N", "scale nosuch=3"),
    "logs": (("logs", "nosuch"), 1, 'no app is named "nosuch"', "apps"),
    "rm": (("rm", "nosuch", "-y"), 1, 'no app is named "nosuch"', "apps"),
    "output": (("ps", "-o", "yaml"), 2, '"yaml" is not one of table, wide, json', ""),
    "column": (("ps", "--columns", "nosuch"), 2, "nosuch", ""),
    "duration": (("sleep", "soon"), 2, '"soon" is not a duration', ""),
    "part": (("crash", "etcd", "7", "-y"), 2, "etcd has 1 member", "crash etcd 1 -y"),
}


@pytest.mark.usefixtures("nothing_is_created")
@pytest.mark.parametrize(("words", "code", "message", "hint"), BAD_COMMANDS.values(), ids=BAD_COMMANDS)
def test_other_commands_refuse_with_their_exit_code_and_a_hint(
    words: tuple[str, ...], code: int, message: str, hint: str, cloud: Cloud
) -> None:
    outcome = cloud.here(*words)

    assert outcome.code == code, outcome
    assert message in outcome.stderr
    assert f"\nhint:  {hint}" in outcome.stderr


def test_a_typing_error_is_underlined(cloud: Cloud) -> None:
    outcome = cloud.run("-c", "apps; sacle web=3")

    assert outcome.code == 2
    error, line, carets, hint = outcome.stderr.splitlines()[-4:]
    assert error.endswith('unknown command "sacle"')
    assert line[carets.index("^") : carets.rindex("^") + 1] == "sacle"
    assert hint == "hint:  scale web=3"


def test_a_script_stops_at_the_first_failure_with_its_code_and_place(cloud: Cloud) -> None:
    outcome = cloud.script("echo one\n# a comment\nps nosuch\necho two\n")

    assert outcome.code == 1
    assert outcome.stdout == "one\n"
    assert 'stdin:3: error: no app is named "nosuch"' in outcome.stderr


def test_a_failure_that_is_allowed_does_not_stop_a_script(cloud: Cloud) -> None:
    outcome = cloud.script("-ps nosuch\necho two\n")

    assert (outcome.code, outcome.stdout) == (0, "two\n")


def test_a_file_is_parsed_whole_before_any_of_it_runs(cloud: Cloud, tmp_path: Path) -> None:
    script = tmp_path / "demo.sc"
    script.write_text("echo one\nsacle web=3\n")

    outcome = cloud.run("-f", str(script))

    assert outcome.code == 2
    assert outcome.stdout == ""
    assert "demo.sc:2: error: unknown command" in outcome.stderr


@pytest.mark.parametrize(
    ("line", "code"),
    [("expect nosuch-x ready == 1", 1), ("expect manager down", 5), ("wait manager down --timeout 200ms", 4)],
)
def test_what_is_not_so_ends_with_the_exit_code_of_its_kind(line: str, code: int, cloud: Cloud) -> None:
    assert cloud.run(*line.split()).code == code

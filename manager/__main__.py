"""`python -m manager VERB`: what runs on this host beside the shell. The launcher and the shell call it."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from typing import TYPE_CHECKING

from manager.api import addresses
from manager.api.errors import CloudError, NotAllowed
from manager.api.places import DEFAULT_CLOUD, Places, places_of

if TYPE_CHECKING:
    from manager.host.choose import Asked
    from manager.host.external_etcd import Pem


_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"


def settle_in() -> None:
    """What is done here does not depend on the shell that root came from.

    `su` leaves out where the system keeps root's programs: iptables, and what dpkg, dockerd and mmdebstrap
    run. Under the umask of a hardened system nobody of our group would reach the socket.
    """
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_PATH}"
    os.umask(0o022)


def main(arguments: list[str]) -> int:
    """Carry out the verb; returns the exit code of the process."""
    settle_in()
    asked = _parser().parse_args(arguments)
    places = Places(DEFAULT_CLOUD)
    try:
        places = places_of(asked.cloud)
        if os.geteuid() != 0 and not (asked.verb == "doctor" and not asked.fix):
            raise NotAllowed(f"{asked.verb} needs root", hint=f"sudo simplecloud {asked.verb}")
        return _run(asked, places)
    except CloudError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            from manager.host.telling import pasteable

            print(f"hint:  {pasteable(error.hint, places)}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"error: {asked.verb}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m manager", allow_abbrev=False)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name in ("setup", "up", "down", "doctor", "boot", "keeper", "manager"):
        verb = verbs.add_parser(name, allow_abbrev=False)
        verb.add_argument("--cloud")
    up, down, manager = verbs.choices["up"], verbs.choices["down"], verbs.choices["manager"]
    up.add_argument("--http-port", type=int)
    up.add_argument("--tcp-ports", type=addresses.port_range)
    up.add_argument("--bind", type=addresses.ipv4)
    up.add_argument("--subnet")
    up.add_argument("--etcd-members", type=int, choices=(1, 3))
    up.add_argument("--etcd", type=addresses.endpoints)
    for pem in ("ca", "cert", "key"):
        up.add_argument(f"--etcd-{pem}")
    up.add_argument("--systemd", action="store_true")
    verbs.choices["doctor"].add_argument("--fix", action="store_true")
    down.add_argument("--purge", action="store_true")
    down.add_argument("--yes", action="store_true")  # the shell has asked, or was told not to
    down.add_argument("--dry-run", action="store_true")
    manager.add_argument("--number", type=int, default=1)
    return parser


def _run(asked: argparse.Namespace, places: Places) -> int:
    """Import what the verb needs, and only that: the keeper stays small."""
    match asked.verb:
        case "keeper":
            from manager.host import keeper

            return keeper.run(places)
        case "manager":
            from manager.daemon import serve

            return serve(places, asked.number)
        case "setup":
            return _set_up(places)
        case "up":
            from manager.host.up import Up

            return Up(places, _asked(asked)).run()
        case "boot":
            from manager.host.choose import Asked
            from manager.host.up import Up

            return Up(places, Asked()).boot()
        case "doctor":
            from manager.host.doctor import examine

            return examine(places, fix=asked.fix)
        case _:
            return _down(places, purge=asked.purge, dry_run=asked.dry_run)


def _asked(asked: argparse.Namespace) -> Asked:
    """Return what the options of `up` ask for; raises UsageError."""
    from manager.api.forms import require_etcd
    from manager.host.choose import Asked
    from manager.host.docker_host import asked_socket
    from manager.host.external_etcd import asked_etcd

    given: dict[Pem, str | None] = {"ca": asked.etcd_ca, "cert": asked.etcd_cert, "key": asked.etcd_key}
    files = {pem: word for pem, word in given.items() if word is not None}
    require_etcd(asked.etcd, files)
    return Asked(
        asked.http_port,
        asked.tcp_ports,
        asked.bind,
        asked.subnet,
        asked.etcd_members,
        asked_etcd(asked.etcd, files) if asked.etcd is not None else None,
        asked.systemd,
        asked_socket(),
    )


def _set_up(places: Places) -> int:
    from manager.engine.docker_engine import DockerEngine
    from manager.host import setup
    from manager.host.docker_host import docker_socket
    from manager.host.images import ensure_images
    from manager.host.telling import say

    socket = docker_socket(places)
    setup.prepare(say, socket)
    ensure_images(DockerEngine(places.cloud, socket).images, say)
    return 0


def _down(places: Places, *, purge: bool, dry_run: bool) -> int:
    from manager.host.down import take_down
    from manager.host.remains import left_behind
    from manager.host.telling import pasteable, say
    from manager.host.turn import our_turn

    if dry_run:
        state = "its state goes too" if purge else "its state stays"
        print(f"would remove {left_behind(places).counts()}; {state}")
        return 0
    with our_turn(places, say):
        left = take_down(places, purge=purge)
    if left.containers is None:
        say("error: docker does not answer, so what it has of this cloud stays")
        say(pasteable("hint:  simplecloud doctor    (and once it answers: simplecloud down)", places))
    print(left.sentence())
    return 0 if left.nothing else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    finally:
        gc.freeze()  # Python's end need not look through all that was loaded

"""A cloud's socket is for root and the group, whatever somebody did to its directory."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from manager.host.access import access_fault, give_access
from tests.fakes.manager import PlacesAt


def bind(path: Path) -> None:
    """A socket is there, on which nobody listens."""
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def test_a_directory_that_the_group_cannot_enter_is_told_and_mended(tmp_path: Path) -> None:
    places, owner = PlacesAt("test", directory=tmp_path), (os.getuid(), os.getgid())
    bind(places.socket)
    give_access(places, *owner)
    before = access_fault(places, *owner)

    tmp_path.chmod(0o000)
    locked = access_fault(places, *owner)
    give_access(places, *owner)

    assert (before, access_fault(places, *owner)) == ("", "")
    assert locked == f"{tmp_path} is 000 {owner[0]}:{owner[1]}, and should be 750 {owner[0]}:{owner[1]}"


def test_a_socket_that_everybody_may_use_is_told(tmp_path: Path) -> None:
    places, owner = PlacesAt("test", directory=tmp_path), (os.getuid(), os.getgid())
    bind(places.socket)
    give_access(places, *owner)

    places.socket.chmod(0o666)

    assert access_fault(places, *owner).startswith(f"{places.socket} is 666 ")


def test_a_cloud_that_is_not_there_has_no_fault(tmp_path: Path) -> None:
    assert access_fault(PlacesAt("test", directory=tmp_path / "absent"), 0, 0) == ""


def test_what_a_link_in_the_place_of_the_socket_leads_to_is_left_as_it_is(tmp_path: Path) -> None:
    places, owner = PlacesAt("test", directory=tmp_path / "run"), (os.getuid(), os.getgid())
    victim = tmp_path / "victim"
    places.run.mkdir(mode=0o750)
    victim.touch(mode=0o600)
    places.socket.symlink_to(victim)

    fault = access_fault(places, *owner)
    done = give_access(places, *owner)

    assert fault == f"{places.socket} is no socket"
    assert done.endswith(f"; removed {places.socket}, which was no socket")
    assert (victim.stat().st_mode & 0o777, places.socket.is_symlink()) == (0o600, False)
    assert access_fault(places, *owner) == ""

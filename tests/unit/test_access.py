"""A cloud's socket is for root and the group, whatever somebody did to its directory."""

from __future__ import annotations

import os
from pathlib import Path

from manager.host.access import access_fault, give_access
from tests.fakes.manager import PlacesAt


def test_a_directory_that_the_group_cannot_enter_is_told_and_mended(tmp_path: Path) -> None:
    places, owner = PlacesAt("test", directory=tmp_path), (os.getuid(), os.getgid())
    places.socket.touch()
    give_access(places, *owner)
    before = access_fault(places, *owner)

    tmp_path.chmod(0o000)
    locked = access_fault(places, *owner)
    give_access(places, *owner)

    assert (before, access_fault(places, *owner)) == ("", "")
    assert locked == f"{tmp_path} is 000 {owner[0]}:{owner[1]}, and should be 750 {owner[0]}:{owner[1]}"


def test_a_socket_that_everybody_may_use_is_told(tmp_path: Path) -> None:
    places, owner = PlacesAt("test", directory=tmp_path), (os.getuid(), os.getgid())
    places.socket.touch()
    give_access(places, *owner)

    places.socket.chmod(0o666)

    assert access_fault(places, *owner).startswith(f"{places.socket} is 666 ")


def test_a_cloud_that_is_not_there_has_no_fault(tmp_path: Path) -> None:
    assert access_fault(PlacesAt("test", directory=tmp_path / "absent"), 0, 0) == ""

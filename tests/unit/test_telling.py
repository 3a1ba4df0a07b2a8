"""Steps are numbered lines; on a terminal each ends with the time that it took."""

from __future__ import annotations

import re
from io import StringIO

import pytest

from manager.api.places import Places
from manager.host.telling import Telling, pasteable
from tests.fakes.shells import TerminalText


def test_off_a_terminal_a_step_is_a_line() -> None:
    stream = StringIO()

    with Telling(2, stream).step(1, "machine"):
        pass

    assert stream.getvalue() == "[1/2] machine\n"


def test_on_a_terminal_a_step_ends_with_its_time() -> None:
    stream = TerminalText()

    with Telling(2, stream).step(1, "machine"):
        pass

    assert re.fullmatch(r"\[1/2\] machine  0\.\d s\n", stream.getvalue())


def test_what_is_said_meanwhile_has_a_line_of_its_own() -> None:
    stream = TerminalText()
    telling = Telling(2, stream)

    with telling.step(2, "images"):
        telling.say("building simplecloud/base")

    assert re.fullmatch(
        r"\[2/2\] images\nbuilding simplecloud/base\n\[2/2\] done  0\.\d s\n", stream.getvalue()
    )


def test_a_step_that_fails_leaves_the_line_to_the_error() -> None:
    stream = TerminalText()

    with pytest.raises(ValueError, match="no"), Telling(2, stream).step(1, "machine"):
        raise ValueError("no")

    assert stream.getvalue() == "[1/2] machine\n"


@pytest.mark.parametrize(
    ("hint", "cloud", "told"),
    [
        ("simplecloud up --bind 127.0.0.1", "nowhere", "./simplecloud --cloud nowhere up --bind 127.0.0.1"),
        ("simplecloud up --bind 127.0.0.1", "default", "./simplecloud up --bind 127.0.0.1"),
        ("simplecloud --cloud other down", "nowhere", "./simplecloud --cloud other down"),
        ("end it, or: simplecloud down", "nowhere", "end it, or: ./simplecloud --cloud nowhere down"),
        ("/opt/simplecloud doctor --fix", "nowhere", "/opt/simplecloud doctor --fix"),
        ("usermod -aG simplecloud me", "nowhere", "usermod -aG simplecloud me"),
    ],
)
def test_a_hint_of_this_host_calls_the_program_as_it_was_called(
    monkeypatch: pytest.MonkeyPatch, hint: str, cloud: str, told: str
) -> None:
    monkeypatch.setenv("SIMPLECLOUD_PROGRAM", "./simplecloud")
    monkeypatch.delenv("SIMPLECLOUD_CLOUD", raising=False)

    assert pasteable(hint, Places(cloud)) == told

"""What is known of a terminal."""

from __future__ import annotations

import io

import pytest

from shell.terminal import takes_utf8


class Output(io.TextIOWrapper):
    """Standard output as Python opens it: UTF-8, also in the C locale."""

    def __init__(self, *, on_terminal: bool, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding)
        self.on_terminal = on_terminal

    def isatty(self) -> bool:
        return self.on_terminal


def asked_for(monkeypatch: pytest.MonkeyPatch, **locale: str) -> None:
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in locale.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX", "LANG": "C.UTF-8"}, {"LANG": "C"}])
def test_a_terminal_in_the_c_locale_is_shown_ascii_and_a_pipe_gets_every_character(
    locale: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for(monkeypatch, **locale)

    assert not takes_utf8(Output(on_terminal=True))
    assert takes_utf8(Output(on_terminal=False))


@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "de_DE.UTF-8"}, {"LC_CTYPE": "C.UTF-8", "LANG": "C"}])
def test_a_terminal_elsewhere_shows_what_its_encoding_has(
    locale: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for(monkeypatch, **locale)

    assert takes_utf8(Output(on_terminal=True))
    assert not takes_utf8(Output(on_terminal=True, encoding="iso8859-1"))

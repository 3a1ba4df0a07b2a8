"""The README's session is what a person sees."""

from __future__ import annotations

from pathlib import Path

from tests.real.cloud import running_cloud
from tests.session import captured, shape, shown_in_readme


def test_the_session_of_the_readme_is_what_a_terminal_shows(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        assert shape(captured(cloud)) == shape(shown_in_readme())

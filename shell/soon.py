"""Having a running prompt_toolkit application do something, from another thread."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from prompt_toolkit.application import Application


def soon(application: Application[Any], act: Callable[[], None]) -> None:
    """Have the application's own thread do it; nobody does when the application has ended, even just now.

    Application.invalidate() may be called from other threads, but fails when the application ends while
    it looks: what is called here is on the application's side of that moment.
    """
    loop = application.loop
    if loop is not None:
        with suppress(RuntimeError):  # the loop was closed
            loop.call_soon_threadsafe(act)

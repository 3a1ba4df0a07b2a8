"""The mark of a cloud on links and rules is four digits of a hash: two names may have the same."""

from __future__ import annotations

from itertools import count

import pytest

from manager.api.errors import UsageError
from manager.api.places import Places
from manager.host.choose import require_own_tag


def namesakes() -> tuple[str, str]:
    """Return two names of clouds whose links and rules have the same mark."""
    first: dict[str, str] = {}  # of each mark
    pairs = ((name, first.setdefault(Places(name).tag, name)) for name in map("cloud-{}".format, count()))
    return next((name, other) for name, other in pairs if name != other)


def test_a_cloud_that_would_have_the_mark_of_another_is_refused_and_names_it() -> None:
    name, other = namesakes()

    with pytest.raises(UsageError, match=f'"{name}" would mark its links and rules as "{other}"') as refused:
        require_own_tag(Places(name), ["default", other])

    assert f"--cloud {name}-2 up" in refused.value.hint


def test_clouds_of_different_marks_do_not_mind_each_other() -> None:
    require_own_tag(Places("one"), ["default", "two"])

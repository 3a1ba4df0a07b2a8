"""Words of a command that mean a file of this machine which its workers lack, and how they get it."""

from __future__ import annotations

import os
from collections.abc import Iterable

from manager.api.typed import Params
from shell.files import in_app, is_here, split_copy
from shell.language.parsing import texts


def left_here(params: Params, *, is_new: bool) -> list[str]:
    """Return the later words of the command that name a file here and none of the workers.

    is_new: it is of a new app; one that names no image has an image without files of anybody's.
    """
    command, copies = texts(params, "command"), _copies(params)
    ours = is_new and "image" not in params
    begins = params.get("workdir") or ("/app" if command and is_here(command[0]) else "/" if ours else "")

    def is_there(word: str) -> bool:
        return _from(str(begins), word) in copies.values() if begins else os.path.normpath(word) in copies

    return [
        word
        for word in command[1:]
        if (is_here(word) and os.path.exists(word)) or (ours and _looks_like_a_file(word))
        if not is_there(word)
    ]


def with_copies(params: Params, words: list[str]) -> Params:
    """Return the parameters with the files of these words copied, and called as the workers have them."""
    there = _copies(params)
    first, *rest = texts(params, "command")
    begins = str(params.get("workdir") or ("/app" if is_here(first) else "/"))

    def called(word: str) -> str:
        place = there.get(os.path.normpath(word), in_app(word))
        return word if _from(begins, word) == place else place

    new = {source: word for word in words if (source := os.path.normpath(word)) not in there}
    copies = [f"{word}:/app/" if ":" in word else word for word in new.values()]  # else it divides SRC:DST
    return {
        **params,
        "copy": [*texts(params, "copy"), *copies],
        "command": [first, *(called(word) if word in words else word for word in rest)],
    }


def can_be_copied(words: Iterable[str]) -> bool:
    """Tell whether these are files, each of which has a name of its own where the workers have them."""
    places = {os.path.normpath(word): in_app(word) for word in words}
    return all(map(os.path.isfile, places)) and len({*places.values()}) == len(places)


def why_lacking(params: Params, words: list[str]) -> str:
    """Return in words why the workers do not find the files that these words of the command mean."""
    there = _copies(params)
    lacking = [word for word in words if os.path.normpath(word) not in there]
    if not lacking:
        return f"the workers have {', '.join(words)} elsewhere"
    stay, them = ("stays", "it") if len(lacking) == 1 else ("stay", "them")
    return f"{', '.join(lacking)} {stay} here, the workers will not have {them}"


def _copies(params: Params) -> dict[str, str]:
    """Return where the workers have each file of here that is copied."""
    pairs = map(split_copy, texts(params, "copy"))
    return {os.path.normpath(source): destination for source, destination in pairs}


def _looks_like_a_file(word: str) -> bool:
    is_relative = not word.startswith(("/", "-")) and ("/" in word or "." in word)
    return is_relative and os.path.isfile(word)


def _from(directory: str, word: str) -> str:
    return os.path.normpath(os.path.join(directory, word))

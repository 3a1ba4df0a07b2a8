"""Hints as they can be pasted where they are read: at the prompt, or in the shell that called the program."""

from __future__ import annotations

import re

from manager.api.commands import command_of
from manager.api.places import program

# where a command may begin in a hint: `logs web    (or: rm web -y)`, `tar -c FILE | simplecloud cp - ...`
_BEFORE = r"^|(?<=\| )|(?<=\(or: )|(?<=, or: )|(?<=^sudo )|(?<=^su -c ')|(?<==VALUE )"
# the program, where nothing behind it needs another shell
_CALLED = re.compile(r"simplecloud (?:--cloud (\S+) )?([a-z]+)(?![^|<>&]*[|<>&])")
# what the prompt asks for where no file is given
_ASKED_FOR = re.compile(r"simplecloud (secret set \S+) < FILE")
_COMMAND = re.compile(rf"(?:{_BEFORE})[a-z]+(?![^ ')])")


def pasted(hint: str, cloud: str, *, outside: bool, at_prompt: bool = False) -> str:
    """Return a hint in which the program is called as it was, and for the same cloud.

    outside: it will be pasted outside of the cloud's own shell, where verbs alone are no commands.
    at_prompt: it will be pasted at the cloud's prompt, where the program is none.
    """
    own = _CALLED.match(hint) if at_prompt else None
    if own is not None and own[1] in (None, cloud) and _is_verb(own[2]):
        return hint[own.start(2) :]

    def called(found: re.Match[str]) -> str:
        word = found.group()
        if word == "simplecloud":
            return program(cloud, hint)
        return f"{program(cloud)} {word}" if outside and _is_verb(word) else word

    from_file = _COMMAND.sub(called, hint)
    asked_for = _ASKED_FOR.fullmatch(hint) if at_prompt else None
    return f"{asked_for[1]}    (or: {from_file})" if asked_for else from_file


def _is_verb(word: str) -> bool:
    row = command_of(word)
    return row is not None and row.verb == word  # hints use no alias: ls in one is the system's

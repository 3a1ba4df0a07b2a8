"""The variables that a worker is given, as they are typed: `-e NAME` and `--env-file` are of this shell.

The manager gets NAME=VALUE only: it knows neither the environment nor the files of who asks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from manager.api import values
from manager.api.errors import UsageError
from manager.api.typed import Params
from shell.language.quoting import quote


def given(params: Params, environment: Mapping[str, str] = os.environ) -> Params:
    """Return the parameters with every variable as NAME=VALUE, those of files before those beside them.

    Raises UsageError for a file that cannot be read or has a line that is none, and for a name without value.
    """
    typed, files = params.get("env"), params.get("env_file")
    words = [
        word for path in (files if isinstance(files, list) else []) for word in _of_file(path, environment)
    ]
    words += [_valued(word, environment) for word in (typed if isinstance(typed, list) else [])]
    rest = {key: value for key, value in params.items() if key not in ("env", "env_file")}
    return {**rest, "env": words} if words else rest


def _valued(word: str, environment: Mapping[str, str]) -> str:
    """Return NAME=VALUE; of a name alone with the value that it has here."""
    if "=" in word:
        return word
    if word not in environment:
        raise UsageError(f"the variable {word} has no value here", hint=f"-e {word}=VALUE", word=word)
    return f"{word}={environment[word]}"


def _of_file(path: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield what a file of docker's kind sets: a value is all behind the =, a # begins a line of comment.

    A name alone is passed over where it has no value here, as docker does.
    """
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"cannot read {path}: {why}", hint="help run", word=path) from error
    for number, line in enumerate(lines, start=1):
        word = line.lstrip()
        if not word or word.startswith("#") or ("=" not in word and word not in environment):
            continue
        try:
            yield values.environment(_valued(word, environment))
        except ValueError as error:
            hint = f"sed -n {number}p {quote(path)}"
            raise UsageError(f"{path}, line {number}: {error}", hint=hint, word=path) from None

"""The variables that a worker is given, as they are typed: `-e NAME` and `--env-file` are of this shell.

The manager gets NAME=VALUE only: it knows neither the environment nor the files of who asks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from manager.api import values
from manager.api.command import Command
from manager.api.errors import UsageError
from manager.api.typed import Params
from shell.language.parsing import texts, typed_again
from shell.language.quoting import quote


def given(row: Command, params: Params, environment: Mapping[str, str] = os.environ) -> Params:
    """Return the parameters with every variable as NAME=VALUE, those of files before those beside them.

    Raises UsageError for a file that cannot be read or has a line that is none, and for a name without value.
    """
    typed, files = texts(params, "env"), texts(params, "env_file")
    without = [word for word in typed if "=" not in word and word not in environment]
    if without:
        again = [f"{word}=VALUE" if word in without else word for word in typed]
        hint = typed_again(row, {**params, "env": again})
        raise UsageError(f"the variable {without[0]} has no value here", hint=hint, word=without[0])
    words = [word for path in files for word in _of_file(path, environment)]
    words += [_valued(word, environment) for word in typed]
    rest = {key: value for key, value in params.items() if key not in ("env", "env_file")}
    return {**rest, "env": words} if words else rest


def _valued(word: str, environment: Mapping[str, str]) -> str:
    """Return NAME=VALUE; of a name alone with the value that it has here."""
    return word if "=" in word else f"{word}={environment[word]}"


def _of_file(path: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield what a file of docker's kind sets: a value is all behind the =, a # begins a line of comment.

    A name alone is passed over where it has no value here, as docker does.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = file.read().split("\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {path}: it is not UTF-8", hint="help files", word=path) from error
    except (OSError, ValueError) as error:
        from shell.file_errors import unreadable  # files that are there do without

        told = unreadable(path, error)
        raise UsageError(told.message, hint=told.hint, word=path) from error
    for number, line in enumerate(lines, start=1):
        word = line.lstrip()
        if not word or word.startswith("#") or ("=" not in word and word not in environment):
            continue
        try:
            yield values.environment(_valued(word, environment))
        except ValueError:  # it quotes what may be a secret
            hint = f"sed -n {number}p {quote(path)}"
            raise UsageError(f"{path}, line {number}, is not NAME=VALUE", hint=hint, word=path) from None

"""What bash and zsh complete: a line that begins with the program, by the completer of the prompt.

Their line ends at the cursor. They want whole words without quotes, and only those that begin with what
was typed: any other would replace it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from manager.api.errors import CloudError, UsageError
from manager.api.places import Places
from shell.asked import parse
from shell.client import Ask, Client
from shell.language.quoting import join
from shell.prompt.complete import complete
from shell.prompt.offers import Completion, Directory
from shell.prompt.past import Histories
from shell.prompt.snapshot import QUESTIONS, Snapshot, snapshot_of
from shell.prompt.typed import Word, spot
from shell.text.document import Document, items

Find = Callable[[str | None], Places]

_ANSWER_S = 1.0
_LISTINGS: dict[str, Document] = {"apps": {}, "ps": {}, **QUESTIONS}
_PROGRAM = ("--cloud", "--file", "--check", "--help", "--version")


def candidates(line: str, find: Find, directory: Directory) -> list[str]:
    """Return the words that can stand where the line ends."""
    here = spot(line, len(line))
    own = [*here.before[1:]]
    try:
        asked = parse([*own, ""])  # with a word in place of the one at the cursor
        places = find(asked.cloud or None)
    except UsageError:
        return []
    if not asked.command:
        return _begun(here.word, _values(own[-1], here.word, places, directory))
    before = join(asked.command[:-1])
    text = f"{before} {line[here.word.start :]}".lstrip()
    found = complete(
        text,
        len(text),
        _snapshot(places, [*asked.command, here.word.value]) if before else Snapshot(),
        directory,
    )
    words = [_whole(text, completion) for completion in found]
    if not before:  # `-rm`, whose failure counts for nothing, is a script's
        words = [*(word for word in words if not word.startswith("-")), *_PROGRAM]
    elif not here.word.value:
        words = [word for word in words if not word.startswith("-")] or words
    return _begun(here.word, words)


def _begun(word: Word, words: Iterable[str]) -> list[str]:
    return [each for each in words if each.startswith(word.value)]


def _values(option: str, word: Word, places: Places, directory: Directory) -> Sequence[str]:
    """Return what can be the value of an option of the program."""
    match option:
        case "--cloud":
            return [name.rstrip("/") for name in directory(str(places.run.parent)) if name.endswith("/")]
        case "-f" | "--file":
            parent, slash, _ = word.value.rpartition("/")
            return [parent + slash + name for name in directory(parent + slash)]
        case _:
            return ()


def _whole(text: str, completion: Completion) -> str:
    """Return the word that the completion makes, of which it may replace the end only: --output=js."""
    begun = text[: completion.start].rpartition(" ")[2]
    try:
        return "".join(shlex.split(begun + completion.text))
    except ValueError:  # begun in quotes
        return begun + completion.text


def _snapshot(places: Places, words: Sequence[str]) -> Snapshot:
    """Return what is known of the cloud, nothing where nobody answers soon.  words: of the command."""
    ask = partial(Client(places, note=lambda _: None).call, patience_s=0.0, answer_within_s=_ANSWER_S)
    try:
        answers = {method: ask(method, params) for method, params in _LISTINGS.items()}
        named = [app for app in items(answers["apps"].get("items")) if app.get("name") in words]
        snapshot = snapshot_of(answers | dict(_asked_for(words, named, ask)))
        is_past = "--to" in _options(words)
        return replace(snapshot, revisions=Histories(ask).take(named)) if is_past else snapshot
    except CloudError:
        return Snapshot()


def _asked_for(words: Sequence[str], named: Sequence[Document], ask: Ask) -> Iterator[tuple[str, Document]]:
    """Yield what few commands need: the members of etcd, and the decisions on the apps that are named."""
    if words[0] == "crash":
        yield "status", ask("status", {})
    if "--decision" in _options(words):
        for app in named:
            yield f"explain {app.get('name')}", ask("explain", {"app": str(app.get("name"))})


def _options(words: Sequence[str]) -> set[str]:
    return {word.partition("=")[0] for word in words}

"""`apply`, `diff` and `export`: apps as a TOML file, made so by the commands an operator would type."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from manager.api.arguments import Params, bind
from manager.api.command import Command
from manager.api.errors import CloudError, ProgramRejected, UsageError
from manager.api.views import ChangeView, listing
from shell import app_file, files, printing
from shell.app_file import Entry
from shell.outcome import Told
from shell.quoting import quote

if TYPE_CHECKING:
    from shell.session import Session


def export(session: Session, row: Command, params: Params) -> None:
    """Print the apps as the file that makes them."""
    entries, usual = _present(session, list(bind(row, params).texts("app")))
    print("\n\n".join(app_file.write(entry, usual) for entry in entries.values()), file=session.out)


def diff(session: Session, row: Command, params: Params) -> None:
    """Print what of the apps is not as the file says."""
    wanted = _wanted(row, params)
    present, usual = _present(session)
    changes = []
    for entry in wanted:
        current = present.get(entry.name)
        if current is None:
            changes.append(ChangeView(entry.name, "app", "", " ".join(entry.command)))
            continue
        for found in app_file.differences(current, entry, _own_files(entry), usual):
            changes.append(ChangeView(entry.name, found.option, found.now, found.wanted))
    printing.result(session, listing("ChangeList", changes), row, params)


def apply(session: Session, row: Command, params: Params) -> None:
    """Print the commands that make the apps as the file says, and carry them out one by one."""
    wanted = _wanted(row, params)
    present, usual = _present(session)
    plan = [
        words
        for entry in app_file.in_order(wanted)
        for words in app_file.commands(present.get(entry.name), entry, _own_files(entry), usual)
    ]
    if not plan:
        session.note(f"nothing to do: {', '.join(entry.name for entry in wanted)} as the file says")
    for words in plan:
        print(" ".join(quote(word) for word in words), file=session.out, flush=True)
        if params.get("dry_run") is not True and (code := session.execute_words(words)):
            raise Told(code)


def _wanted(row: Command, params: Params) -> list[Entry]:
    path = bind(row, params).text("file")
    if path is None:
        raise UsageError(f"{row.verb} needs a file", hint=f"{row.verb} -f apps.toml")
    try:
        text = Path(path).read_text()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ProgramRejected(f"cannot read {path}: {reason}", hint="export > apps.toml") from error
    try:
        return app_file.read(text, os.path.dirname(path))
    except CloudError as error:
        error.message = f"{path}: {error.message}"
        raise


def _present(session: Session, names: list[str] | None = None) -> tuple[dict[str, Entry], Params]:
    """Return the apps there are, by name, and the parameters that are usual."""
    session.need_cloud()
    document = session.client.call("export", {"app": names} if names else {})
    items, usual = document.get("items"), document.get("usual")
    entries = [_entry(item) for item in items] if isinstance(items, list) else []
    return {entry.name: entry for entry in entries}, usual if isinstance(usual, dict) else {}


def _entry(item: Mapping[str, object]) -> Entry:
    params, copied = item.get("params"), item.get("files")
    assert isinstance(params, dict)
    assert isinstance(copied, dict)
    return Entry(params, copied)


def _own_files(entry: Entry) -> dict[str, str]:
    """Return the files of this machine that the app copies, as sha256 by their path in its workers."""
    with files.opened(entry.params) as handed:
        return {file.place: _sha256(file.descriptor) for file in handed if file.place}


def _sha256(descriptor: int) -> str:
    with open(descriptor, "rb", closefd=False) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()

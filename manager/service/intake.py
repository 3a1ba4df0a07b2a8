"""What a client hands over for workers: files are taken in, the image is looked into, all is checked.

Nothing is stored here and no worker is touched: what is refused leaves nothing behind.
"""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from manager.api.arguments import Arguments
from manager.api.errors import ImageNotFound, ProgramRejected, UsageError
from manager.api.values import BASE_IMAGE, absolute_path
from manager.api.wire import Request
from manager.engine.contract import Engine
from manager.plan.wiring import HOSTS
from manager.programs.check import ImageFiles, check, check_places, resolve_command
from manager.programs.store import Programs
from manager.secrets import INSIDE, Secrets
from manager.server import Call
from manager.state.templates import COPY_DIRECTORY, Mount, Template, wanted_template

_OF_THE_KERNEL = (("proc",), ("sys",), ("dev",))

Role = Literal["command", "copy"]


@dataclass(frozen=True, slots=True)
class OfferedFile:
    """A file that a client handed over: the word it stands for, what for, and its open descriptor."""

    word: str
    role: Role
    destination: str
    descriptor: int


def offered_files(request: Request) -> list[OfferedFile]:
    """Return the files that came with a request; raises UsageError when list and descriptors differ."""
    listed, descriptors = request.params.get("files"), request.files
    items = listed if isinstance(listed, list) else []
    if len(items) != len(descriptors):
        raise UsageError(f"{len(items)} files are announced and {len(descriptors)} came", hint="help run")
    return [_offered(item, descriptor) for item, descriptor in zip(items, descriptors, strict=True)]


def _offered(item: object, descriptor: int) -> OfferedFile:
    match item:
        case {"word": str(word), "role": "command" | "copy" as role, **rest}:
            usual = f"{COPY_DIRECTORY}/{PurePosixPath(word).name}"
        case _:
            raise UsageError('a file is {"word":"./x","role":"command|copy"}', hint="help run")
    if role == "command":
        return OfferedFile(word, role, usual, descriptor)
    try:
        return OfferedFile(word, role, absolute_path(str(rest.get("destination") or usual)), descriptor)
    except ValueError as error:
        raise UsageError(f"--copy {word}: {error}", hint=f"--copy {word}:/app/file") from None


def only_file(call: Call) -> int:
    """Return the regular file that came with a request: what is none could keep a thread waiting."""
    files, verb = call.request.files, call.request.method
    if len(files) != 1 or not stat.S_ISREG(os.fstat(files[0]).st_mode):
        raise UsageError(f"one regular file goes with {verb}", hint=f"help {verb}")
    return files[0]


@dataclass(frozen=True, slots=True)
class Intake:
    """Makes templates of what clients hand over."""

    engine: Engine
    programs: Programs
    secrets: Secrets

    def template(
        self,
        arguments: Arguments,
        files: Sequence[OfferedFile],
        progress: Callable[[str], None],
        base: Template | None = None,
    ) -> Template:
        """Return what the workers are made from, its files taken in and checked against the image.

        base: what stands where the arguments say nothing (an update); None for a new app.  progress: hears
        how far an image is that is pulled.  Raises UsageError, ImageNotFound, SecretNotFound, EngineError or
        ProgramRejected.
        """
        wanted = wanted_template(arguments, base or Template(command=(), image=BASE_IMAGE))
        self.secrets.require(wanted.secrets)
        self._require_room(arguments.number("cpus"), arguments.whole("memory"))
        if arguments.flag("pull") and not arguments.flag("dry_run"):
            self._pull_missing(wanted.image, progress)
        with self.engine.images.open(wanted.image) as image:
            moves = base is not None and base.image != wanted.image
            return self._with_files(wanted, files, image, moves=moves)

    def _require_room(self, cpus: float | None, memory_bytes: int | None) -> None:
        """Raises UsageError when one worker would get more than there is."""
        if cpus is None and memory_bytes is None:
            return
        host = self.engine.facts()
        if cpus is not None and cpus > host.cores:
            raise UsageError(
                f"--cpus {cpus:g} is more than this machine has: from 0.01 to {host.cores}", hint="status"
            )
        if memory_bytes is not None and memory_bytes > host.memory_bytes:
            most = f"{host.memory_bytes >> 20}M"
            raise UsageError(f"--memory is more than this machine has: from 6M to {most}", hint="status")

    def _pull_missing(self, image: str, progress: Callable[[str], None]) -> None:
        try:
            self.engine.images.details(image)
        except ImageNotFound:
            progress(f"pulling {image}")
            self.engine.images.pull(image, progress)

    def _with_files(
        self, wanted: Template, files: Sequence[OfferedFile], image: ImageFiles, *, moves: bool
    ) -> Template:
        """Return the template with its mounts, its command as it is in the workers.

        moves: what was copied in before comes into another image.
        """
        word = wanted.command[0]
        copies = [file for file in files if file.role == "copy"]
        own = _own_program(word, files, image)
        targets = [file.destination for file in (*copies, *([own] if own else []))]
        if len(set(targets)) < len(targets):
            raise UsageError(f"two files would be {_twice(targets)} in the workers", hint="help run")
        mounts = [mount for mount in wanted.mounts if mount.path not in targets]
        targets += [mount.path for mount in mounts]
        _require_own(wanted, targets)
        if files or moves:
            check_places(targets, image)
        mounts += [self._taken(file, image, targets, executable=False) for file in copies]
        if own is None:
            path = resolve_command(word, image, targets, wanted.workdir)
            kept = {mount.path: mount.path for mount in mounts} if moves else {}
            self._require_runs(path, kept | {file.destination: file.word for file in copies}, mounts, image)
            return replace(wanted, mounts=tuple(mounts))
        mounts.append(self._taken(own, image, targets, executable=True))
        return replace(wanted, mounts=tuple(mounts), command=(own.destination, *wanted.command[1:]))

    def _require_runs(
        self, path: str, names: Mapping[str, str], mounts: Sequence[Mount], image: ImageFiles
    ) -> None:
        """Raises ProgramRejected when the command is one of these files, and cannot run in the image.

        names: what each is called by its owner, by its path in the workers.
        """
        mount = next((mount for mount in mounts if mount.path == path and path in names), None)
        if mount is not None:
            targets = [mount.path for mount in mounts]
            _require_runnable(self.programs.path(mount.sha256), names[path], path, image, targets)

    def _taken(
        self, file: OfferedFile, image: ImageFiles, targets: Collection[str], *, executable: bool
    ) -> Mount:
        taken = self.programs.take(file.descriptor, file.word, executable=executable)
        if executable:
            _require_runnable(taken, file.word, file.destination, image, targets)
        return Mount(taken.name, file.destination)


def _own_program(word: str, files: Sequence[OfferedFile], image: ImageFiles) -> OfferedFile | None:
    """Return the file that the command is; None where it is the image's: its own files come first."""
    own = next((file for file in files if file.role == "command" and file.word == word), None)
    if own is None or not word.startswith("/"):
        return own
    return replace(own, destination=word) if image.mode(word) is None else None


def _require_runnable(
    path: Path, name: str, target: str, image: ImageFiles, targets: Collection[str]
) -> None:
    """Raises ProgramRejected when a file that was taken in cannot run in the image at `target`."""
    if not path.exists():
        raise ProgramRejected(f"{name} is gone from this machine", hint=f"--copy FILE:{target}")
    if not path.stat().st_size:
        raise ProgramRejected(f"{name} is empty", hint="help files")
    with path.open("rb") as taken, mmap.mmap(taken.fileno(), 0, prot=mmap.PROT_READ) as contents:
        check(contents, name, target, image, targets)


def _require_own(wanted: Template, targets: Collection[str]) -> None:
    """Raises UsageError when a file would be copied to where the cloud or the kernel puts its own."""
    for target in targets:
        if PurePosixPath(target).parts[1:2] in _OF_THE_KERNEL:
            raise UsageError(f"no file can be copied to {target}: the kernel fills that", hint="help run")
    for target in targets:
        path = PurePosixPath(target)
        if wanted.secrets and PurePosixPath(INSIDE) in (path, *path.parents):
            raise UsageError(
                f"with --secret {INSIDE} has secrets only, so {target} cannot be there", hint="help run"
            )
    if wanted.reach and PurePosixPath(HOSTS) in map(PurePosixPath, targets):
        raise UsageError(
            f"with --reach the cloud writes {HOSTS} itself, so no file can be copied there", hint="help run"
        )


def _twice(targets: Sequence[str]) -> str:
    return next(target for target in targets if targets.count(target) > 1)

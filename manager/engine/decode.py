"""Docker's answers as our values; nothing of their shape is known beyond this module."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from manager.engine import payload
from manager.engine.containers import Container, DockerFacts, Image, ImageDetails, Part, State

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Of Go's os.FileMode: the bits of a symlink and a directory, and all bits that say "not a regular file".
_GO_SYMLINK = 1 << 27
_GO_DIRECTORY = 1 << 31
_GO_TYPE = _GO_DIRECTORY | _GO_SYMLINK | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19


@dataclass(frozen=True, slots=True)
class Listed:
    """A container as the cheap listing shows it; `status` is Docker's text, such as "Up 5 seconds"."""

    name: str
    id: str
    state: State
    status: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FileStat:
    """A file in a container; `mode` has Go's bits, `link_target` is where a symlink finally leads."""

    mode: int
    link_target: str

    @property
    def is_symlink(self) -> bool:
        return bool(self.mode & _GO_SYMLINK)

    @property
    def is_directory(self) -> bool:
        return bool(self.mode & _GO_DIRECTORY)

    @property
    def is_regular(self) -> bool:
        return not self.mode & _GO_TYPE

    @property
    def permissions(self) -> int:
        return self.mode & 0o777


def listed_of(answer: Mapping[str, Any]) -> Listed:
    """Return one row of a listing."""
    names: list[str] = answer["Names"] or [""]
    return Listed(
        name=names[0].removeprefix("/"),
        id=answer["Id"],
        state=cast(State, answer["State"]),
        status=answer["Status"],
        labels=answer["Labels"] or {},
    )


def container_of(answer: Mapping[str, Any]) -> Container | None:
    """Return an inspected worker, None when its labels are not those of one."""
    labels: Mapping[str, str] = answer["Config"]["Labels"] or {}
    slot, revision = labels.get(payload.SLOT, ""), labels.get(payload.REVISION, "")
    if not (slot.isdecimal() and revision.isdecimal() and payload.APP in labels):
        return None
    state: Mapping[str, Any] = answer["State"]
    pid: int = state["Pid"]
    return Container(
        name=answer["Name"].removeprefix("/"),
        id=answer["Id"],
        app=labels[payload.APP],
        slot=int(slot),
        revision=int(revision),
        state=cast(State, state["Status"]),
        pid=pid,
        netns=f"/proc/{pid}/ns/net" if pid else "",
        exit_code=state["ExitCode"],
        oom_killed=state["OOMKilled"],
        started_at=unix_time(state["StartedAt"]),
        finished_at=unix_time(state["FinishedAt"]),
        order=labels.get(payload.ORDER, ""),
        labels=dict(labels),
    )


def part_of(answer: Mapping[str, Any]) -> Part:
    """Return an inspected part."""
    labels: Mapping[str, str] = answer["Config"]["Labels"]
    state: Mapping[str, Any] = answer["State"]
    return Part(
        name=answer["Name"].removeprefix("/"),
        id=answer["Id"],
        part=labels[payload.PART],
        state=cast(State, state["Status"]),
        pid=state["Pid"],
        started_at=unix_time(state["StartedAt"]),
        order=labels.get(payload.ORDER, ""),
        labels=labels,
    )


def limits_kept(answer: Mapping[str, Any]) -> dict[str, int]:
    """Return the limits that Docker recorded for an inspected container; 0 stands for none."""
    host: Mapping[str, int | None] = answer["HostConfig"]
    return {name: host.get(name) or 0 for name in ("Memory", "MemorySwap", "NanoCpus", "PidsLimit")}


def image_of(answer: Mapping[str, Any]) -> Image:
    """Return one row of a listing of images."""
    references: list[str] = answer["RepoTags"] or []
    return Image(
        references=tuple(name for name in references if name != "<none>:<none>"),
        id=answer["Id"],
        size_bytes=answer["Size"],
        created_at=float(answer["Created"]),
    )


def image_details_of(reference: str, answer: Mapping[str, Any]) -> ImageDetails:
    """Return an inspected image."""
    config: Mapping[str, Any] = answer["Config"] or {}
    environment: list[str] = config.get("Env") or []
    path = next((word[5:] for word in environment if word.startswith("PATH=")), _DEFAULT_PATH)
    return ImageDetails(
        reference=reference,
        id=answer["Id"],
        architecture=answer["Architecture"],
        search_path=tuple(directory for directory in path.split(":") if directory),
        working_dir=config.get("WorkingDir") or "/",
    )


def image_recipe_of(answer: Mapping[str, Any]) -> str:
    """Return the recipe that an inspected image says it was made from, "" when it says none."""
    config: Mapping[str, Any] = answer["Config"] or {}
    labels: Mapping[str, str] = config.get("Labels") or {}
    return labels.get(payload.RECIPE, "")


def file_stat_of(headers: Mapping[str, str]) -> FileStat:
    """Return what the headers of Docker's answer say of a file in a container."""
    answer: Mapping[str, Any] = json.loads(base64.b64decode(headers["x-docker-container-path-stat"]))
    return FileStat(mode=answer["mode"], link_target=answer["linkTarget"])


def facts_of(answer: Mapping[str, Any]) -> DockerFacts:
    """Return what Docker says of itself and its host."""
    return DockerFacts(
        version=answer["ServerVersion"],
        live_restore=answer["LiveRestoreEnabled"],
        cores=answer["NCPU"],
        memory_bytes=answer["MemTotal"],
    )


def unix_time(text: str) -> float | None:
    """Return Docker's RFC 3339 time as unix seconds, None for the year 1, which is its "never"."""
    moment = datetime.fromisoformat(text)
    return None if moment.year == 1 else moment.timestamp()

"""How a worker's container ended, in words, and when the next one is started in its place."""

from __future__ import annotations

from dataclasses import dataclass

BACKOFF_CAP_S = 60.0
HOPELESS = 2  # endings in a row after which nobody waits any more: the first may have been bad luck
STEADY_S = 10.0  # a worker that ran this long failed anew, not again; Docker's own rule


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker's container ended, or why it could not be started (container "" then).

    remedy: the command after which that is not so again, where one is known, or `A    (or: B)`.
    """

    at: float
    container: str
    exit_code: int
    words: str
    oom_killed: bool = False
    last_lines: tuple[str, ...] = ()
    remedy: str = ""

    @property
    def told(self) -> str:
        """Return how it ended, with what mends it."""
        first, _, other = self.remedy.partition("    (or: ")
        mends = f"{first}, or: {other.removesuffix(')')}" if other else first
        return f"{self.words} ({mends})" if mends else self.words


def backoff_s(failures: int) -> float:
    """Return the wait before the next start after `failures` endings in a row: 0, 1, 2, 4 ... 60 s."""
    doublings = min(failures - 2, 10)  # 2 ** 1024 is more than a float holds: a day of failures
    return 0.0 if failures <= 1 else min(BACKOFF_CAP_S, 2.0**doublings)


def starts_again(restart: str, exit_code: int, failures: int) -> bool:
    """Return whether the restart policy wants another container after this ending."""
    policy, _, limit = restart.partition(":")
    if policy == "on-failure":
        return exit_code != 0 and (not limit or failures <= int(limit))
    return policy == "always"


_EXIT_CODES = {
    125: "Docker could not run it",
    126: "the command cannot be executed",
    127: "the command was not found",
    130: "interrupted",
    134: "aborted",
    137: "killed",
    139: "segmentation fault",
    143: "terminated",
}


def exit_words(exit_code: int, oom_killed: bool, memory_bytes: int | None) -> str:
    """Return an exit code in words, such as `exit code 137: killed, memory limit 256M reached`."""
    if oom_killed:
        limit = f"{memory_bytes // 2**20}M " if memory_bytes else ""
        return f"exit code {exit_code}: killed, memory limit {limit}reached"
    if exit_code == 0:
        return "exit code 0: the command ended"
    meaning = _EXIT_CODES.get(exit_code, "")
    return f"exit code {exit_code}: {meaning}" if meaning else f"exit code {exit_code}"

"""The launcher, run for real in a copy of the tree; python, pip and sudo are stand-ins that tell on it.

Real Python's part in it, the virtual environment, is in tests/real/test_set_up.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).parents[2] / "simplecloud"
SYSTEM_TOOLS = ("cat", "cmp", "cp", "cut", "env", "flock", "grep", "readlink", "rm", "sh", "tail")

# Tells what it was called with: how many words, the words, where, and PYTHONPATH. As `-m pip install` it says
# what pip says.
PYTHON = r"""#!/bin/sh
printf '%s\0' "$#" "$@" "$PWD" "${PYTHONPATH-}" >>"$CALLS"
case " $* " in *" pip install "*) ;; *) exit ;; esac
for requirements; do :; done
wanted=$(cat "$requirements")
echo "Collecting $wanted"
[ "$wanted" != broken ] || { echo "ERROR: No matching distribution found for broken" && exit 1; }
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of python: its words, where it was called, and its PYTHONPATH."""

    argv: list[str]
    cwd: str
    path: str


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the launcher with a stand-in for its .venv, and a PATH of our own."""

    root: Path
    bin: Path

    @property
    def program(self) -> list[str]:
        return ["-P", "-S", str(self.root / "shell/__main__.py")]

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    def give_venv(self) -> None:
        put_script(self.venv / "bin/python", PYTHON)
        for name, copy in (("requirements", "made-from"), ("requirements-dev", "made-from-dev")):
            shutil.copy(self.root / f"{name}.txt", self.venv / f"{copy}.txt")

    def run(
        self, *argv: str, cwd: Path | None = None, launcher: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(launcher or self.root / "simplecloud"), *argv],
            cwd=cwd or self.root,
            env={"PATH": str(self.bin), "CALLS": str(self.bin / "calls"), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[Call]:
        """What python was called with since the last look, but for the launcher's own questions."""
        log = self.bin / "calls"
        fields = iter(log.read_text().split("\0")[:-1] if log.exists() else ())
        log.unlink(missing_ok=True)
        calls = [Call([*islice(fields, int(count))], next(fields), next(fields)) for count in fields]
        return [call for call in calls if call.argv[:2] != ["-I", "-c"]]

    def argvs(self) -> list[list[str]]:
        return [call.argv for call in self.calls()]


def put_script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def copy_in(directory: Path) -> Copy:
    """Return a copy whose .venv is ready; whoever runs it seems to be root."""
    made = Copy(root=directory / "a copy", bin=directory / "bin")
    made.root.mkdir()
    made.bin.mkdir()
    shutil.copy(LAUNCHER, made.root)
    (made.root / "requirements.txt").write_text("docker==7.2.0")
    (made.root / "requirements-dev.txt").write_text("pytest==9.2.0")
    for tool in SYSTEM_TOOLS:
        (made.bin / tool).symlink_to(str(shutil.which(tool)))
    put_script(made.bin / "id", "#!/bin/sh\necho 0\n")
    made.give_venv()
    return made


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return copy_in(tmp_path)


def be_nobody(copy: Copy) -> None:
    put_script(copy.bin / "id", "#!/bin/sh\necho 1000\n")


# --- a warm start


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["ps", "-o", "json"],
        ["run", "w", "sh", "-c", "echo \"$HOME\" 'x'"],
        ["-c", ""],
        ["echo", "", "a  b", "*", "new\nline", "\\", "$(false)", "-x", "--", "test"],
    ],
)
def test_arguments_reach_the_program_untouched(copy: Copy, words: list[str]) -> None:
    result = copy.run(*words)

    assert result.returncode == 0
    assert copy.argvs() == [[*copy.program, *words]]


def test_a_warm_start_is_silent(copy: Copy) -> None:
    result = copy.run("ps")

    assert (result.stdout, result.stderr) == ("", "")


def test_the_program_runs_where_the_user_is_and_is_found_where_it_lives(copy: Copy, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "shell").mkdir(parents=True)

    copy.run("ps", cwd=elsewhere)

    (call,) = copy.calls()
    assert call.cwd == str(elsewhere)
    assert call.path == str(copy.root)


@pytest.mark.parametrize("relative", [False, True])
def test_it_may_be_linked_to(copy: Copy, tmp_path: Path, relative: bool) -> None:
    link = tmp_path / "simplecloud-link"
    link.symlink_to("a copy/simplecloud" if relative else copy.root / "simplecloud")

    copy.run("ps", cwd=tmp_path, launcher=link)

    assert [call.path for call in copy.calls()] == [str(copy.root)]


@pytest.mark.parametrize(
    "launcher", ["./simplecloud", "../a copy/simplecloud", "../a copy/../a copy/simplecloud"]
)
def test_it_may_be_called_by_a_relative_path(copy: Copy, launcher: str) -> None:
    copy.run("ps", launcher=Path(launcher) if launcher[:2] == ".." else None, cwd=copy.root)

    assert [[os.path.normpath(word) for word in words] for words in copy.argvs()] == [[*copy.program, "ps"]]


def test_settings_for_other_pythons_do_not_reach_this_one(copy: Copy) -> None:
    put_script(copy.venv / "bin/python", "#!/bin/sh\nenv\n")

    result = copy.run(PYTHONHOME="/nowhere", PYTHONPATH="/nowhere", PYTHONDONTWRITEBYTECODE="1")

    assert f"PYTHONPATH={copy.root}" in result.stdout.splitlines()
    assert "PYTHONHOME" not in result.stdout
    assert "PYTHONDONTWRITEBYTECODE" not in result.stdout


def test_the_programs_exit_code_is_the_launchers(copy: Copy) -> None:
    put_script(copy.venv / "bin/python", "#!/bin/sh\nexit 5\n")

    assert copy.run("expect").returncode == 5


# --- set-up


def test_changed_requirements_lead_to_set_up_once(copy: Copy) -> None:
    (copy.root / "requirements.txt").write_text("docker==7.3.0")

    first, second = copy.run("ps"), copy.run("ps")

    assert "docker==7.3.0" in first.stderr
    assert second.stderr == ""
    install, *starts = copy.argvs()
    assert install[-2:] == ["-r", str(copy.root / "requirements.txt")]
    assert starts == [[*copy.program, "ps"]] * 2


def test_a_set_up_that_failed_says_why_and_is_tried_again(copy: Copy) -> None:
    (copy.root / "requirements.txt").write_text("broken")

    first, second = copy.run("ps"), copy.run("ps")

    assert first.returncode == second.returncode == 1
    assert "error: pip cannot install requirements.txt: No matching distribution" in first.stderr
    assert f"hint:  cat '{copy.venv}/set-up.log'" in first.stderr
    assert first.stderr == second.stderr
    assert not (copy.venv / "made-from.txt").exists()


def test_set_up_says_nothing_on_stdout(copy: Copy) -> None:
    (copy.root / "requirements.txt").write_text("docker==7.3.0")

    assert copy.run("ps").stdout == ""


def test_two_starts_at_once_set_up_once(copy: Copy) -> None:
    (copy.root / "requirements.txt").write_text("docker==7.3.0")
    argv = [str(copy.root / "simplecloud"), "ps"]
    environment = {"PATH": str(copy.bin), "CALLS": str(copy.bin / "calls")}

    starts = [subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE) for _ in range(4)]
    for start in starts:
        start.communicate()

    assert [start.returncode for start in starts] == [0] * 4
    assert sum("pip" in argv for argv in copy.argvs()) == 1


# --- root


@pytest.mark.parametrize(
    "words",
    [
        ["up"],
        ["down", "--purge", "-y"],
        ["--cloud", "b", "up"],
        ["--cloud=b", "down"],
        ["doctor", "--fix"],
        ["-kx", "up"],
        ["test"],
    ],
)
def test_without_root_and_sudo_what_changes_the_machine_is_not_allowed(copy: Copy, words: list[str]) -> None:
    be_nobody(copy)

    result = copy.run(*words)

    assert result.returncode == 6
    assert "error: " in result.stderr
    assert f"hint:  su -c '{copy.root}/simplecloud {' '.join(words)}'" in result.stderr
    assert copy.argvs() == []


@pytest.mark.parametrize(
    "words",
    [
        ["ps"],
        ["doctor"],
        ["up", "--help"],
        ["-c", "up"],
        ["-kxc", "up"],
        ["-xf", "up"],
        ["--cloud", "up", "ps"],
        ["run", "up", "down"],
        [],
        ["-h"],
    ],
)
def test_what_only_asks_needs_no_root(copy: Copy, words: list[str]) -> None:
    be_nobody(copy)

    assert copy.run(*words).returncode == 0
    assert copy.argvs() == [[*copy.program, *words]]


def test_sudo_is_used_where_there_is_one_and_keeps_the_arguments_the_cloud_and_its_docker(copy: Copy) -> None:
    be_nobody(copy)
    put_script(copy.bin / "sudo", "#!/bin/sh\nprintf '%s\\n' \"$@\"\n")

    result = copy.run("down", "a  b", "", SIMPLECLOUD_CLOUD="b", DOCKER_HOST="unix:///x")

    launcher = str(copy.root / "simplecloud")
    assert result.stdout.split("\n")[:-1] == [
        "--preserve-env=SIMPLECLOUD_CLOUD", "--preserve-env=DOCKER_HOST", "--", launcher, "down", "a  b", "",
    ]  # fmt: skip


# --- the tests


PYTEST = ["-m", "pytest"]
SET_UP = ["-P", "-m", "manager", "setup"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], [SET_UP, PYTEST]),
        (["-k", "a b"], [SET_UP, [*PYTEST, "-k", "a b"]]),
        (["tests/real", "-x"], [SET_UP, [*PYTEST, "tests/real", "-x"]]),
        (["tests/unit", "tests/real"], [SET_UP, [*PYTEST, "tests/unit", "tests/real"]]),
        (["tests/unit/../real"], [SET_UP, [*PYTEST, "tests/unit/../real"]]),
        (["tests/unit", "-x"], [[*PYTEST, "tests/unit", "-x"]]),
        (["tests/unit/test_a.py::test_b"], [[*PYTEST, "tests/unit/test_a.py::test_b"]]),
        (["--chaos", "10m", "-x"], [SET_UP, [*PYTEST, "--chaos=10m", "-x"]]),
        (["-x", "--chaos=10m"], [SET_UP, [*PYTEST, "-x", "--chaos=10m"]]),
    ],
)
def test_all_but_unit_tests_set_the_machine_up_first(
    copy: Copy, words: list[str], expected: list[list[str]]
) -> None:
    (copy.root / "tests/unit").mkdir(parents=True)
    (copy.root / "tests/real").mkdir()

    result = copy.run("test", *words)

    assert result.returncode == 0
    assert copy.argvs() == expected


def test_tests_run_at_the_root_of_the_repository(copy: Copy, tmp_path: Path) -> None:
    copy.run("test", "tests/unit", cwd=tmp_path)

    assert [call.cwd for call in copy.calls()] == [str(copy.root)]


def test_unit_tests_need_no_root(copy: Copy) -> None:
    be_nobody(copy)

    assert copy.run("test", "tests/unit").returncode == 0


def test_what_the_tests_need_is_installed_beside_the_program(copy: Copy) -> None:
    (copy.venv / "made-from-dev.txt").unlink()

    first, second = copy.run("test", "tests/unit"), copy.run("test", "tests/unit")

    assert "pytest==9.2.0" in first.stderr
    assert second.stderr == ""


def test_a_failed_set_up_of_the_machine_runs_no_tests(copy: Copy) -> None:
    put_script(copy.venv / "bin/python", '#!/bin/sh\n[ "$4" = setup ] && exit 1\necho tested\n')

    result = copy.run("test")

    assert (result.returncode, result.stdout) == (1, "")

"""Style, types and layers, proved by the tools that know them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import balancer

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports"],
    ],
    ids=" ".join,
)
@pytest.mark.timeout(900)  # mypy has no cache on a new machine, and only its share of the processor
def test_the_tool_has_no_complaint(command: list[str]) -> None:
    found = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert found.returncode == 0, found.stdout + found.stderr


def test_balancer_is_held_to_the_order_in_which_it_is_to_be_read() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each.get("containers") == ["balancer"])
    told = re.findall("^    ([a-z_, ]+?)  ", balancer.__doc__ or "", re.MULTILINE)

    assert ", ".join(told).split(", ") == layers[::-1]


MANAGER = ROOT / "manager"
PACKAGES = [MANAGER, MANAGER / "host" / "checks", *(init.parent for init in MANAGER.glob("*/__init__.py"))]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_package_of_the_manager_names_whatever_is_in_it(package: Path) -> None:
    told = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    modules = {path.stem for path in package.glob("[!_]*.py")}
    packages = {init.parent.name for init in package.glob("*/__init__.py")}

    assert (modules | packages) <= set(re.findall(r"\w+", told))

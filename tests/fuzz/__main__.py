"""`python -m tests.fuzz TARGET --for 5m`: search for input that breaks the law, led by the code it reaches.

Needs atheris (`pip install atheris`), which nothing else does. What breaks something is left in the
directory of `--crashes`, to be put into tests/fuzz/corpus.py.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

HANGS_S = 5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", help="what reads: see tests/fuzz/targets.py")
    parser.add_argument("--for", dest="duration", default="5m", metavar="DURATION")
    parser.add_argument("--crashes", type=Path, default=Path(tempfile.gettempdir()), metavar="DIRECTORY")
    asked = parser.parse_args()
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["manager", "shell", "tomllib", "yaml", "json", "shlex"]):
        targets = importlib.import_module("tests.fuzz.targets")
        quantities = importlib.import_module("manager.api.quantities")
    duration_s = quantities.seconds(asked.duration)
    if asked.target not in targets.TARGETS:
        parser.error(f"no target is called {asked.target}: there are {', '.join(targets.TARGETS)}")
    with tempfile.TemporaryDirectory() as directory:
        _seed(asked.target, Path(directory))
        options = [
            f"-max_total_time={duration_s:.0f}",
            f"-timeout={HANGS_S}",
            f"-artifact_prefix={asked.crashes}/{asked.target}-",
            "-max_len=4096",
        ]
        atheris.Setup([sys.argv[0], *options, directory], targets.TARGETS[asked.target])
        atheris.Fuzz()


def _seed(target: str, directory: Path) -> None:
    """The directory has the target's valid input, for the search to start from."""
    samples = importlib.import_module("tests.fuzz.samples")
    for number, text in enumerate(samples.SAMPLES[target]):
        (directory / str(number)).write_text(text)


if __name__ == "__main__":
    main()

"""`python -m tests.bench [--rounds N] [LINE...]`: measures on a cloud of its own and prints the table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.bench.lines import LINES
from tests.bench.table import markdown
from tests.real.cloud import running_cloud


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("lines", nargs="*", metavar="LINE", help=f"{', '.join(LINES)}; all without")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side is measured (3)")
    asked = parser.parse_args()
    if unknown := set(asked.lines) - set(LINES):
        parser.error(f"no line is called {', '.join(sorted(unknown))}: there are {', '.join(LINES)}")
    results = []
    with tempfile.TemporaryDirectory() as directory, running_cloud(Path(directory)) as cloud:
        for name in asked.lines or LINES:
            print(f"measuring {name}", file=sys.stderr, flush=True)
            results += LINES[name](cloud, asked.rounds)
    print(markdown(results))


if __name__ == "__main__":
    main()

"""`python -m tests.pictures`: makes the README's session and pictures anew, of real clouds."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.real.cloud import ROOT, running_cloud
from tests.session import captured, put_into_readme

PICTURES = ROOT / "docs"
# Each request to shop costs 15 ms of CPU, and a worker of it may use a fifth of a core.
SCRIPT = f"""
run -n 3 -p 8000 web ./demos/server.py 8000
run -p 8000 --cpus 0.2 --max 3 shop ./demos/server.py 8000
run -p 9000/tcp pong busybox nc -ll -p 9000 -e cat
load web --ramp 20:80 --for 75s --detach
load shop --ramp 2:20 --for 75s --path /?cpu=15 --detach
watch --svg {PICTURES}/watch.svg --for 60s
explain shop --svg {PICTURES}/explain.svg
explain shop
"""


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        running_cloud(Path(directory), "--http-port", "8080") as cloud,
    ):
        put_into_readme(captured(cloud))
    with tempfile.TemporaryDirectory() as directory, running_cloud(Path(directory), name="example") as cloud:
        made = cloud.run(given=SCRIPT.encode(), cwd=ROOT, within_s=180)
    print(made.stdout, made.stderr, sep="")
    raise SystemExit(made.code)


if __name__ == "__main__":
    main()

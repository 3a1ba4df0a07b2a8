"""Requests through the proxy, and through others in front of the same workers, in turns.

wrk, nginx and haproxy are Debian's. Traefik as shipped is the same program with nothing set but where it
listens and the workers; nginx keeps connections to the workers, which it does not by itself.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

from tests.bench.table import Result
from tests.bench.work import APP, remove
from tests.contract.etcd_server import free_ports
from tests.real.cloud import Cloud, eventually

WORKERS = 4
CONNECTIONS = 32
SECONDS = 5
SERVER = str(Path(__file__).parent / "quick.py")
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Measured:
    """What wrk saw, a number a round: requests per second, and the seconds that 99 % took at most."""

    rates: list[float] = field(default_factory=list)
    p99s: list[float] = field(default_factory=list)

    def ask(self, url: str, host: str = "127.0.0.1") -> None:
        """One more round."""
        words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-H", f"Host: {host}", url]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        rate, p99 = re.search(r"Requests/sec:\s+([\d.]+)", said), re.search(r"99%\s+([\d.]+)([mu]?s)", said)
        assert rate is not None, said
        assert p99 is not None, said
        assert "Non-2xx" not in said, said
        self.rates.append(float(rate[1]))
        self.p99s.append(float(p99[1]) * _MS[p99[2]] / 1000)


def proxies(cloud: Cloud, rounds: int) -> list[Result]:
    """Requests as fast as 32 connections carry them, to 4 workers that answer at once."""
    cloud.ok("run", "-n", str(WORKERS), "-p", "8000", APP, SERVER, "8000")
    workers = [f"{worker.address}:{worker.port}" for worker in cloud.workers(APP)]
    ours, theirs = Measured(), {name: Measured() for name in _RIVALS}
    with ExitStack() as running:
        urls = {name: running.enter_context(_proxy(make, workers)) for name, make in _RIVALS.items()}
        for _ in range(rounds):
            ours.ask(f"http://{cloud.settings.bind}:{cloud.settings.http_port}/", f"{APP}.localhost")
            for name, url in urls.items():
                theirs[name].ask(url)
    remove(cloud, "--now")
    return [result for name in _RIVALS for result in _results(name, ours, theirs[name])]


def _results(rival: str, ours: Measured, theirs: Measured) -> tuple[Result, Result]:
    aim = ">= 1.3" if rival == _SHIPPED else ""
    return (
        Result(f"requests/s, {WORKERS} workers", ours.rates, theirs.rates, rival, unit="", aim=aim),
        Result(f"p99 of {CONNECTIONS} at a time", ours.p99s, theirs.p99s, rival, unit="ms"),
    )


@contextmanager
def _proxy(make: Callable[[Path, int, Sequence[str]], list[str]], workers: Sequence[str]) -> Iterator[str]:
    """Lend the address of a proxy before the workers; `make` writes its settings and returns its command."""
    [port] = free_ports(1)
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            make(Path(home), port, workers), cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        url = f"http://127.0.0.1:{port}/"
        try:
            eventually(
                lambda: subprocess.run(["curl", "-sf", "-o", "/dev/null", url]).returncode == 0, within_s=10
            )
            yield url
        finally:
            process.terminate()
            process.wait()


def _traefik(home: Path, port: int, workers: Sequence[str]) -> list[str]:
    each = "[[http.services.all.loadBalancer.servers]]"
    servers = "\n".join(f'{each}\nurl = "http://{worker}"' for worker in workers)
    (home / "routes.toml").write_text(
        f'[http.routers.all]\nrule = "PathPrefix(`/`)"\nservice = "all"\n{servers}\n'
    )
    quiet = ["--global.checknewversion=false", "--global.sendanonymoususage=false"]
    listen = f"--entrypoints.web.address=127.0.0.1:{port}"
    program = str(Path(sys.executable).with_name("traefik"))
    return [program, *quiet, listen, "--providers.file.filename=routes.toml"]


def _nginx(home: Path, port: int, workers: Sequence[str]) -> list[str]:
    servers = " ".join(f"server {worker};" for worker in workers)
    (home / "nginx.conf").write_text(
        dedent(f"""\
        daemon off; pid {home}/pid; worker_processes auto; error_log {home}/errors;
        events {{ worker_connections 1024; }}
        http {{
            access_log off;
            upstream all {{ {servers} keepalive 64; }}
            server {{
                listen 127.0.0.1:{port};
                location / {{
                    proxy_pass http://all; proxy_http_version 1.1; proxy_set_header Connection "";
                }}
            }}
        }}
        """)
    )
    return ["nginx", "-c", str(home / "nginx.conf")]


def _haproxy(home: Path, port: int, workers: Sequence[str]) -> list[str]:
    servers = "".join(f"  server w{at} {worker}\n" for at, worker in enumerate(workers))
    times = "  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
    front = f"frontend front\n  bind 127.0.0.1:{port}\n  default_backend all\n"
    (home / "haproxy.cfg").write_text(f"defaults\n{times}{front}backend all\n{servers}")
    return ["haproxy", "-f", str(home / "haproxy.cfg")]


_SHIPPED = "Traefik as shipped"
_RIVALS: Mapping[str, Callable[[Path, int, Sequence[str]], list[str]]] = {
    _SHIPPED: _traefik,
    "nginx": _nginx,
    "haproxy": _haproxy,
}

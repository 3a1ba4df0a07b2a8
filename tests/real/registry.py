"""A registry of one image on loopback: what Docker asks of one when it pulls, and no more."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_DOCKER = "application/vnd.docker"
_MANIFEST = f"{_DOCKER}.distribution.manifest.v2+json"

Pages = Mapping[str, tuple[str, bytes]]


@contextmanager
def registry(name: str, tar: bytes, architecture: str) -> Iterator[str]:
    """Serve a root file system as the image `name`, and lend the reference under which it is pulled."""
    pages = _pages(name, tar, architecture)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            kind, body = pages.get(self.path, ("text/plain", b""))
            self.send_response(200 if self.path in pages else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", _digest(body))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_HEAD(self) -> None:  # likewise
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Nobody wants to read that."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}/{name}:1"
        finally:
            server.shutdown()
            thread.join()


def _pages(name: str, tar: bytes, architecture: str) -> Pages:
    layer = gzip.compress(tar, 1)
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {"Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(tar)]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _blob(f"{_DOCKER}.container.image.v1+json", config),
            "layers": [_blob(f"{_DOCKER}.image.rootfs.diff.tar.gzip", layer)],
        }
    ).encode()
    blobs = {f"/v2/{name}/blobs/{_digest(blob)}": ("binary/octet-stream", blob) for blob in (config, layer)}
    addresses = ("1", _digest(manifest))
    manifests = {f"/v2/{name}/manifests/{address}": (_MANIFEST, manifest) for address in addresses}
    return {**blobs, **manifests, "/v2/": ("application/json", b"{}")}


def _blob(kind: str, content: bytes) -> dict[str, object]:
    return {"mediaType": kind, "size": len(content), "digest": _digest(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"

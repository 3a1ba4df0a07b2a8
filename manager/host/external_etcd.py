"""An etcd of the operator's own: which one was meant, whether it lets us in, and the files that prove us.

The files are copied into the cloud's state, readable by root alone: managers, proxy and the next boot need
them, wherever the operator's own copies go.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from manager.api.addresses import members_of
from manager.api.errors import SetupFailed, UsageError
from manager.api.forms import ETCD_EXAMPLE, require_etcd
from manager.host.files import write_whole

KNOCK_S = 3.0
_BEGINS: Mapping[str, bytes] = {
    "ca": b"-----BEGIN CERTIFICATE-----",
    "cert": b"-----BEGIN CERTIFICATE-----",
    "key": b"PRIVATE KEY-----",
}
Pem = Literal["ca", "cert", "key"]


@dataclass(frozen=True, slots=True)
class Etcd:
    """An etcd as it was asked for: `host:port` of its members, and the operator's files."""

    endpoints: tuple[str, ...]
    files: Mapping[Pem, Path]


def asked_etcd(text: str, files: Mapping[Pem, str]) -> Etcd:
    """Return the etcd that `--etcd` and its files name; raises UsageError."""
    require_etcd(text, files)
    _, endpoints = members_of(text)
    return Etcd(endpoints, {pem: _readable(pem, word) for pem, word in files.items()})


def _readable(pem: Pem, word: str) -> Path:
    path = Path(word).absolute()
    try:
        text = path.read_bytes()
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise UsageError(f"--etcd-{pem}: cannot read {word}: {words}", hint=ETCD_EXAMPLE) from error
    if _BEGINS[pem] not in text:
        what = "private key" if pem == "key" else "certificate"
        raise UsageError(f"--etcd-{pem}: {word} is no {what} in PEM form", hint=f"head -1 {word}")
    return path


def knock(etcd: Etcd) -> None:
    """One of the members lets us in. Raises SetupFailed with what the first said when none does."""
    refusals = []
    for endpoint in etcd.endpoints:
        try:
            _knock(endpoint, etcd.files)
        except SetupFailed as refusal:
            refusals.append(refusal)
        else:
            return
    raise refusals[0]


def _knock(endpoint: str, files: Mapping[Pem, Path]) -> None:
    host, _, port = endpoint.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=KNOCK_S) as plain:
            if not files:
                answer = _health(plain)
            else:
                with _context(files).wrap_socket(plain, server_hostname=host) as wire:
                    answer = _health(wire)
    except ssl.SSLCertVerificationError as error:
        words = error.verify_message.lower()
        raise SetupFailed(
            f"etcd at {endpoint} is not one that {files['ca']} vouches for: {words}",
            hint=f"openssl s_client -connect {endpoint} -CAfile {files['ca']} </dev/null",
        ) from error
    except ssl.SSLError as error:
        raise _refused(endpoint, files, error) from error
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        message = f"cannot reach etcd at {endpoint}: {words}"
        raise SetupFailed(message, hint=f"nc -vz {host} {port}") from error
    _require_health(endpoint, answer)


def _context(files: Mapping[Pem, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files["ca"])
    if "cert" in files:
        try:
            context.load_cert_chain(files["cert"], files["key"])
        except ssl.SSLError as error:
            raise SetupFailed(
                f"{files['key']} is not the key of {files['cert']}", hint=f"ls -l {files['key']}"
            ) from error
    return context


def _health(wire: socket.socket) -> bytes:
    wire.sendall(b"GET /health HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\n\r\n")
    answer = b""
    while piece := wire.recv(4096):
        answer += piece
    return answer


def _refused(endpoint: str, files: Mapping[Pem, Path], error: ssl.SSLError) -> SetupFailed:
    """Return what a failed handshake means: with TLS 1.3 a client's certificate is judged after it."""
    reason = (error.reason or str(error)).lower().replace("_", " ")
    if "certificate" in reason and "cert" not in files:
        return SetupFailed(f"etcd at {endpoint} asks for a certificate", hint=ETCD_EXAMPLE)
    if "certificate" in reason or "unknown ca" in reason or ("cert" in files and "eof" in reason):
        # which of the two arrives, its complaint or the end of the connection, is a matter of luck
        return SetupFailed(f"etcd at {endpoint} does not accept {files['cert']}: {reason}", hint=ETCD_EXAMPLE)
    return SetupFailed(f"etcd at {endpoint} does not speak TLS with us: {reason}", hint=ETCD_EXAMPLE)


def _require_health(endpoint: str, answer: bytes) -> None:
    if b'"true"' in answer or b"true" in answer.rpartition(b"\r\n")[2]:
        return
    if b'"health"' in answer:
        raise SetupFailed(f"etcd at {endpoint} says that it is not healthy", hint="simplecloud doctor")
    if not answer or answer.startswith((b"\x15", b"Client sent")) or b"HTTPS" in answer:
        raise SetupFailed(f"etcd at {endpoint} wants https://", hint=ETCD_EXAMPLE)
    raise SetupFailed(f"what answers at {endpoint} is no etcd", hint=ETCD_EXAMPLE)


def kept_file(state: Path, pem: Pem) -> Path:
    """Return where a cloud keeps its copy of a file."""
    return state / f"etcd-{pem}.pem"


def keep_files(state: Path, files: Mapping[Pem, Path]) -> None:
    """The cloud's state has copies of the files, for root alone, each whole or as it was."""
    for pem, source in files.items():
        write_whole(kept_file(state, pem), source.read_bytes(), mode=0o600)

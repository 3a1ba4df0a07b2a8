"""A certificate authority that lives as long as a test, made with openssl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates for 127.0.0.1; its files are in `directory`, named after whom they are for."""

    directory: Path

    @classmethod
    def founded(cls, directory: Path) -> Authority:
        directory.mkdir()
        authority = cls(directory)
        authority._openssl("req", "-x509", *_NEW_KEY, *_named("ca"), "-days", "2", "-subj", "/CN=test-ca")
        return authority

    @property
    def certificate(self) -> str:
        return str(self.directory / "ca.pem")

    def issue(self, name: str) -> tuple[str, str]:
        """Return the files of a new certificate and of its key; it is good for servers and for clients."""
        extensions = self.directory / f"{name}.ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
        self._openssl(
            "req", *_NEW_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}"
        )
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
        self._openssl(
            "x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem", "-extfile", extensions.name
        )
        return str(self.directory / f"{name}.pem"), str(self.directory / f"{name}.key")

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.directory, capture_output=True, check=True)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _named(name: str) -> tuple[str, ...]:
    return "-keyout", f"{name}.key", "-out", f"{name}.pem"

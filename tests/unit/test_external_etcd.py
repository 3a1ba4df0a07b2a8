"""Which etcd of the operator's own was meant is checked before anything is begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from manager.api.errors import UsageError
from manager.host.external_etcd import Pem, asked_etcd, keep_files, kept_file

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def files(tmp_path: Path) -> dict[Pem, str]:
    written: dict[Pem, str] = {}
    texts: dict[Pem, str] = {"ca": CERTIFICATE, "cert": CERTIFICATE, "key": KEY}
    for role, text in texts.items():
        path = tmp_path / f"my-{role}.pem"
        path.write_text(text)
        written[role] = str(path)
    return written


def test_members_are_listed_with_their_ports(files: dict[Pem, str]) -> None:
    found = asked_etcd("https://one:2381,https://10.0.0.2", files)

    assert found.endpoints == ("one:2381", "10.0.0.2:2379")
    assert set(found.files) == {"ca", "cert", "key"}


@pytest.mark.parametrize(
    ("text", "left_out", "message"),
    [
        ("http://one", "", "needs an https:// address"),
        ("https://one", "ca", "needs --etcd-ca"),
        ("https://one", "key", "go together"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    files: dict[Pem, str], text: str, left_out: Pem, message: str
) -> None:
    files.pop(left_out, None)

    with pytest.raises(UsageError, match=message) as refused:
        asked_etcd(text, files)

    assert refused.value.hint.startswith("simplecloud up --etcd https://")


def test_a_certificate_is_no_key(files: dict[Pem, str]) -> None:
    with pytest.raises(UsageError, match="no private key in PEM form"):
        asked_etcd("https://one", {**files, "key": files["cert"]})


def test_the_copies_are_for_root_alone_and_replace_former_ones(files: dict[Pem, str], tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    etcd = asked_etcd("https://one", files)
    kept_file(state, "ca").write_text("former")

    keep_files(state, etcd.files)

    assert kept_file(state, "ca").read_text() == CERTIFICATE
    assert {file.stat().st_mode & 0o777 for file in state.iterdir()} == {0o600}
    assert len(list(state.iterdir())) == 3

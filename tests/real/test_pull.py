"""`--pull`: an image comes from a registry, here on loopback, when the operator says so, and only then."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator

import pytest

from tests.real.busybox import busybox_tar
from tests.real.cloud import Apps, Cloud, docker_by_hand
from tests.real.registry import registry


@pytest.fixture
def remote() -> Iterator[str]:
    """An image that a registry on loopback has, and this machine has not; it is gone afterwards."""
    with docker_by_hand() as client:
        architecture = client.version()["Arch"]
        with registry(f"tools-{secrets.token_hex(3)}", busybox_tar().read(), architecture) as reference:
            yield reference
        if client.images(reference):
            client.remove_image(reference)


def here(reference: str) -> bool:
    with docker_by_hand() as client:
        return bool(client.images(reference))


def test_a_missing_image_is_pulled_with_its_progress_and_runs(apps: Apps, cloud: Cloud, remote: str) -> None:
    name = apps.name()

    ran = cloud.ok("run", "--pull", "--image", remote, name, "sleep", "1000")

    assert cloud.is_ready(name, 1)
    assert f"pulling {remote}" in ran.stderr
    assert "Pull complete" in ran.stderr
    apps.remove()


def test_without_pull_the_registry_is_not_asked(apps: Apps, cloud: Cloud, remote: str) -> None:
    refused = cloud.run("run", "--image", remote, apps.name(), "sleep", "1000")

    assert refused.code == 1
    assert "is not on this machine" in refused.stderr
    assert not here(remote)


def test_an_image_that_cannot_be_pulled_is_a_clear_error_and_nothing_is_made(
    apps: Apps, cloud: Cloud
) -> None:
    with socket.socket() as closed:  # bound and not listening: whoever connects is refused
        closed.bind(("127.0.0.1", 0))
        reference = f"127.0.0.1:{closed.getsockname()[1]}/tools:1"

        refused = cloud.run("run", "--pull", "--image", reference, apps.name(), "sleep", "9")

    assert refused.code == 1
    assert f"error: cannot pull image {reference}: " in refused.stderr
    assert "connection refused" in refused.stderr
    assert "hint:  images" in refused.stderr
    assert cloud.app_names() == []


def test_an_image_that_the_registry_does_not_have_is_a_clear_error(
    apps: Apps, cloud: Cloud, remote: str
) -> None:
    other = f"{remote.rpartition('/')[0]}/other:1"

    refused = cloud.run("run", "--pull", "--image", other, apps.name(), "sleep", "9")

    assert refused.code == 1
    assert f"error: cannot pull image {other}: " in refused.stderr
    assert cloud.app_names() == []

"""The three images that a cloud needs, built on this machine from what it has: no registry is asked.

`base` is a minimal Debian, `etcd` and `proxy` hold one program of this machine each. An image carries the
mark of its recipe as a label: it is built again only when what it is made from has changed.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from manager.api.errors import SetupFailed
from manager.api.values import BASE_IMAGE
from manager.host.base_image import base_recipe
from manager.host.files import locked
from manager.host.parts import ETCD_IMAGE, PROXY_IMAGE
from manager.host.program_image import program_recipe
from manager.host.recipe import SCRATCH, Recipe
from manager.host.telling import Say

_LOCK = Path("/run/simplecloud/images.lock")


class Importer(Protocol):
    """What builds need of the container engine."""

    def has(self, reference: str, recipe: str) -> bool:
        """Return whether `reference` is here and carries `recipe` as its label."""
        ...

    def load(self, reference: str, tar: BinaryIO, changes: Sequence[str]) -> None:
        """Make the root file system `tar` the image `reference`, with Dockerfile instructions `changes`."""
        ...


def ensure_images(importer: Importer, say: Say) -> None:
    """Base, etcd and proxy are images of this machine, made from what is installed now.

    Two callers at once build each image once. Raises SetupFailed.
    """
    wanted = recipes()
    if not missing(wanted, importer):
        return
    with locked(_LOCK):
        build(missing(wanted, importer), importer, say)


def recipes() -> tuple[Recipe, ...]:
    """Return the recipes of the images for this machine, the quick ones first."""
    traefik = Path(sys.executable).parent / "traefik"
    return (
        program_recipe(ETCD_IMAGE, _installed("etcd"), about="the store (about 1 s)"),
        program_recipe(PROXY_IMAGE, traefik, about="the load balancer (about 2 s)"),
        base_recipe(BASE_IMAGE),
    )


def missing(wanted: Sequence[Recipe], importer: Importer) -> list[Recipe]:
    """Return the recipes whose image is not here as they make it."""
    return [recipe for recipe in wanted if not importer.has(recipe.reference, recipe.mark)]


def build(wanted: Sequence[Recipe], importer: Importer, say: Say) -> None:
    """Every wanted image is loaded; its temporary file is gone also when this process is killed."""
    for recipe in wanted:
        say(f"building {recipe.reference}: {recipe.about}")
        with tempfile.TemporaryFile(dir=SCRATCH) as tar:
            recipe.write(tar)
            tar.seek(0)
            importer.load(recipe.reference, tar, recipe.changes)


def _installed(program: str) -> Path:
    path = shutil.which(program)
    if path is None:
        raise SetupFailed(f"{program} is not installed", hint="simplecloud up")
    return Path(path).resolve()

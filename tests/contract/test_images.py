"""Container images: one digest for equal inputs, nothing but the service, no secrets, and a user without rights."""

import io
import json
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bench.build import artifacts, images, layers
from bench.errors import MissingError
from bench.model import Image, Stack
from bench.paths import ROOT
from bench.progress import Progress
from bench.provision import engine
from bench.readiness import building
from bench.serve import container
from tests import image_contents
from tests.absent import absent
from tests.declared import CATALOG

pytestmark = pytest.mark.long

STACKS = [
    Stack(variant=variant, framework="falcon", server=server)
    for variant, server in (("cython", "bjoern"), ("cython", "gunicorn-sync"), ("cpython", "uwsgi-processes"))
]


def build(stack: Stack, *, force: bool = False) -> Image:
    """The image of a stack; the test is skipped if this machine cannot build one."""
    try:
        engine.require()
    except MissingError as missing:
        absent(str(missing), missing.remedy)
    building.build_all(CATALOG, [stack.variant], Progress(), [server.server for server in STACKS])
    return container.image(CATALOG, stack, force=force)


@pytest.fixture(params=STACKS, ids=str)
def stack(request: pytest.FixtureRequest) -> Stack:
    """A stack with an image."""
    found: Stack = request.param
    build(found)
    return found


def pushed(stack: Stack) -> Path:
    """What a registry would get of an image."""
    return images.IMAGES / images.name_of(stack) / "pushed"


def manifest(stack: Stack) -> dict[str, Any]:
    """The manifest of an image."""
    read: dict[str, Any] = json.loads((pushed(stack) / "manifest.json").read_bytes())
    return read


def blob(stack: Stack, described: dict[str, str]) -> Path:
    """A layer of an image, or its configuration."""
    return pushed(stack) / described["digest"].removeprefix("sha256:")


def test_two_builds_have_one_digest() -> None:
    first, second = (build(STACKS[0], force=True) for _ in range(2))
    assert first == second


def test_layers_have_no_secrets_and_nothing_of_this_machine(stack: Stack) -> None:
    archives = [blob(stack, each) for each in manifest(stack)["layers"]]
    assert [risk for archive in archives for risk in image_contents.risks(archive, (str(ROOT).encode(),))] == []
    with tarfile.open(archives[0]) as layer:
        assert {"etc/hostname", "etc/resolv.conf", "etc/apt/sources.list"}.isdisjoint(layer.getnames())


def test_python_is_the_only_program_of_debian(stack: Stack) -> None:
    with tarfile.open(blob(stack, manifest(stack)["layers"][0])) as layer:
        folders = {"bin", "sbin", "usr/bin", "usr/sbin", "usr/libexec"}
        programs = [each.name for each in layer if not each.isdir() and str(Path(each.name).parent) in folders]
    assert programs == ["usr/bin/python3.11"]


def test_image_has_a_user_a_health_check_and_labels(stack: Stack) -> None:
    config = json.loads(blob(stack, manifest(stack)["config"]).read_bytes())["config"]
    assert config["User"] == f"{layers.USER}:{layers.USER}"
    assert config["Healthcheck"]["Test"][:2] == ["CMD", f"{layers.PREFIX}/bin/python"]
    assert config["Labels"]["org.opencontainers.image.title"] == str(stack)
    said = artifacts.record(stack.variant)
    assert config["Labels"]["org.opencontainers.image.version"] == said["version"]
    assert config["Labels"]["org.opencontainers.image.revision"] == said["commit"]
    assert not [each for each in config["Env"] if image_contents.SECRET_VARIABLES.search(each)]


def test_what_the_scanner_looks_for_is_found(tmp_path: Path) -> None:
    planted = {
        "usr/bin/su": (stat.S_ISUID | 0o755, b""),
        "srv/shared": (0o777, b""),
        "srv/.env": (0o600, b""),
        "srv/settings.py": (0o644, b"KEY = 'AKIA" + b"A" * 16 + b"'"),
        "srv/place.txt": (0o644, b"built in /home/somebody"),
    }
    archive = tmp_path / "layer.tar"
    with tarfile.open(archive, "w") as layer:
        for name, (mode, content) in planted.items():
            member = tarfile.TarInfo(name)
            member.mode, member.size = mode, len(content)
            layer.addfile(member, io.BytesIO(content))
    found = [risk.partition(": ")[0] for risk in image_contents.risks(archive, (b"/home/somebody",))]
    assert found == list(planted)

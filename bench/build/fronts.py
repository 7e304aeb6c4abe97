"""The image of a proxy, from Debian's packages alone. Its configuration is in a folder that its container is shown."""

from __future__ import annotations

import json
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from bench.build import commands, images, layers
from bench.errors import LabError
from bench.model import Proxy
from bench.paths import ROOT
from bench.provision import engine, stamp, system

RECIPE = ROOT / "deploy" / "containers" / "Containerfile.proxy"


def build(proxy: Proxy) -> str:
    """Build the image of a proxy, unless its inputs are unchanged. Returns its id.

    Raises MissingError if this machine has no such proxy, or cannot make images.
    """
    engine.require()
    system.require(proxy.needs)
    folder = _folder(proxy.argv[0])
    made_of = stamp.of(proxy.argv[0], json.dumps(proxy.version), RECIPE, Path(__file__), Path(layers.__file__))
    if not stamp.is_current(folder, made_of):
        with stamp.rebuilding(folder, made_of):
            (folder / "id").write_text(_made(proxy, folder / "context", folder / "build.log"))
    return require(proxy.argv[0])


def require(program: str) -> str:
    """Return the id of the image of a proxy's program. Raises LabError if it is not built."""
    try:
        return (_folder(program) / "id").read_text()
    except FileNotFoundError:
        raise LabError(f"{program} has no image yet: a study with a place builds it") from None


def _made(proxy: Proxy, context: Path, log: Path) -> str:
    executable = Path(proxy.argv[0])
    layers.users(context / "users")
    layers.packed([executable], executable, context / "debian.tar", log)
    templates = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701
    recipe = templates.from_string(RECIPE.read_text(encoding="utf-8"))
    (context / "Containerfile").write_text(
        recipe.render(name=executable.name, user=f"{layers.USER}:{layers.USER}", argv=json.dumps([str(executable)]))
    )
    options = ("--quiet", "--timestamp", commands.EPOCH, "--isolation", "chroot")
    id_ = engine.buildah("bud", *options, str(context)).strip()
    engine.buildah("tag", id_, f"localhost/proxy:{executable.name}")  # images without a name are pruned
    return id_


def _folder(program: str) -> Path:
    return images.IMAGES / f"proxy-{Path(program).name}"

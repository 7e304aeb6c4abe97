"""Build the container image of a stack with buildah, from Debian's packages and the variant's prefix."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from msgspec.structs import replace

from bench.build import artifacts, commands, contents, layers
from bench.catalog import pairing
from bench.errors import LabError, MissingError
from bench.model import Catalog, Image, ImageLayer, Stack
from bench.paths import LAB, PREFIXES, ROOT
from bench.provision import engine, stamp

IMAGES = LAB / "images"
RECIPE = ROOT / "deploy" / "containers" / "Containerfile"
PORT = 8000
HEALTH = f"from urllib.request import urlopen; urlopen('http://127.0.0.1:{PORT}/hello', timeout=1)"
LAYERS = ("debian", "packages", "core")
Command = tuple[list[str], dict[str, str]]


def build(catalog: Catalog, stack: Stack, command: Command, *, force: bool = False) -> Image:
    """Build the image of a built `stack`, or return the existing one if its inputs are unchanged.

    `command` is the argv and the environment that serve the stack on every address at `PORT`. Raises MissingError if
    this machine cannot make images, or if no Debian package has the stack's interpreter.
    """
    engine.require()
    _require_alone(catalog, stack)
    folder = IMAGES / name_of(stack)
    made_of = _fingerprint(stack, command)
    built = find(stack)
    if built and stamp.is_current(folder, made_of) and not force:
        return built
    with stamp.rebuilding(folder, made_of):
        context, log = folder / "context", folder / "build.log"
        context.mkdir()
        packages = _stage(catalog, stack, context, log)
        recipe = context / "Containerfile"
        recipe.write_text(_recipe(catalog, stack, command), encoding="utf-8")
        image = _made(stack, context, packages)
        stamp.write_record(folder / "image.json", image)
    return image


def find(stack: Stack) -> Image | None:
    """Return the image of `stack`, or None if it is not built."""
    return stamp.read_record(IMAGES / name_of(stack) / "image.json", Image)


def require(stack: Stack) -> Image:
    """Return the image of `stack`, or raise LabError with the command that builds it."""
    image = find(stack)
    if image is None:
        raise LabError(f"{stack} has no image: run `python -m bench image {stack}`")
    return image


def imaged(catalog: Catalog, stack: Stack) -> Stack:
    """Return the stack in whose image `stack` runs: a proxy has an image of its own (`bench.build.fronts`)."""
    tuning = pairing.tuning_of(catalog, stack)
    behind_proxy = tuning is not None and tuning.proxy is not None
    return replace(stack, server=stack.label) if behind_proxy else stack.on_host


def name_of(stack: Stack) -> str:
    """Return the name of a stack's image. Images have lower-case names without `+`, `@` and `/`."""
    return str(stack).replace("/", "-").replace("@", "-on-").replace("+", "-with-").lower()


def inside(command: Command, variant: str) -> Command:
    """Return a command of the host as it is in an image, where the prefix has another place."""
    argv, env = command
    prefix = str(PREFIXES / variant)
    return (
        [word.replace(prefix, layers.PREFIX) for word in argv],
        {name: value.replace(prefix, layers.PREFIX) for name, value in env.items()},
    )


def _require_alone(catalog: Catalog, stack: Stack) -> None:
    """Raise MissingError for a stack of which an image would not hold every file."""
    if stack.is_peer or catalog.variant(stack.variant).application:
        raise MissingError(f"{stack}: an image is of the service itself, not of a peer or an application")
    tuning = pairing.tuning_of(catalog, stack)
    if tuning and (tuning.proxy or tuning.entry or tuning.requirements):
        raise MissingError(f"{stack}: an image has neither the proxy nor the packages of {tuning.name}")


def _stage(catalog: Catalog, stack: Stack, context: Path, log: Path) -> tuple[str, ...]:
    """Fill the build context with the contents of the layers. Returns the packages of the first."""
    others = layers.folders(catalog, stack, context, log)
    executable = Path(artifacts.require(stack.variant).interpreter.executable)
    return layers.debian_layer(others, executable, context / "debian.tar", log)


def _recipe(catalog: Catalog, stack: Stack, command: Command) -> str:
    (argv, env), said = inside(command, stack.variant), artifacts.record(stack.variant)
    templates = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701
    templates.filters["json"] = json.dumps
    return templates.from_string(RECIPE.read_text(encoding="utf-8")).render(
        stack=stack,
        title=catalog.variant(stack.variant).title,
        **{name: said[name] for name in ("version", "commit")},
        prefix=layers.PREFIX,
        user=f"{layers.USER}:{layers.USER}",
        port=PORT,
        env=env,
        argv=argv,
        health=[f"{layers.PREFIX}/bin/python", "-c", HEALTH],
    )


def _made(stack: Stack, context: Path, packages: tuple[str, ...]) -> Image:
    """Build the context, and read the sizes of the layers from what a registry would get."""
    name, pushed = f"localhost/statements:{name_of(stack)}", context.with_name("pushed")
    options = ("--quiet", "--layers", "--no-cache", "--timestamp", commands.EPOCH, "--format", "docker")
    first = engine.buildah("bud", *options, "--isolation", "chroot", str(context)).strip()
    engine.buildah("push", "--format", "v2s2", first, f"dir:{pushed}")
    digest, compressed = _without_traces(pushed)
    engine.buildah("tag", engine.buildah("pull", "--quiet", f"dir:{pushed}").strip(), name)
    engine.buildah("rmi", first)
    engine.buildah("rmi", "--prune")
    history = json.loads(engine.podman("history", "--format", "json", name))
    unpacked = [each["size"] for each in reversed(history) if each["size"]]
    return Image(
        name=name,
        digest=digest,
        packages=packages,
        layers=tuple(
            ImageLayer(name=each, unpacked=size, compressed=packed)
            for each, size, packed in zip(LAYERS, unpacked, compressed, strict=True)
        ),
    )


def _without_traces(pushed: Path) -> tuple[str, list[int]]:
    """Remove the ids of buildah's own containers from an image, so that equal inputs give one digest.

    OCI's format has none of them, but no health check either. Returns the digest, and the bytes of each layer.
    """
    manifest = json.loads((pushed / "manifest.json").read_bytes())
    old = pushed / manifest["config"]["digest"].removeprefix("sha256:")
    config = json.loads(old.read_bytes())
    for key in ("container", "container_config", "parent"):
        config.pop(key, None)
    del config["config"]["Hostname"]
    for step in config["history"]:
        step.pop("comment", None)
    written = json.dumps(config, sort_keys=True).encode()
    digest = hashlib.sha256(written).hexdigest()
    old.unlink()
    (pushed / digest).write_bytes(written)
    manifest["config"] |= {"digest": f"sha256:{digest}", "size": len(written)}
    written = json.dumps(manifest, sort_keys=True).encode()
    (pushed / "manifest.json").write_bytes(written)
    return f"sha256:{hashlib.sha256(written).hexdigest()}", [layer["size"] for layer in manifest["layers"]]


def _fingerprint(stack: Stack, command: Command) -> str:
    argv, env = inside(command, stack.variant)
    built = artifacts.require(stack.variant).fingerprint
    modules = (Path(module.__file__ or "") for module in (contents, layers, engine))
    return stamp.of(built, *argv, json.dumps(env, sort_keys=True), RECIPE, Path(__file__), *modules)

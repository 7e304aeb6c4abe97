"""Build the wheel of a variant: stage its source, run the steps of its TOML, and pack the result."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.build import commands, version
from bench.build.version import Code
from bench.errors import LabError
from bench.model import Variant
from bench.paths import ROOT

SERVICE = {"app": "app", "spec/openapi.json": "app/openapi.json"}  # where its files go
RECORD = "app/built.json"
SOURCE_SUFFIXES = frozenset({".py", ".pyx", ".pxd", ".pxi", ".h"})


def make(variant: Variant, builder: Path, folder: Path, log: Path, code: Code | None = None) -> Path:
    """Stage the source, run the variant's steps, delete the files in `remove`, and pack the rest as a wheel.

    The wheel says that it is `code`; without it, what the checkout is.
    """
    code, stage = code or version.development(), folder / "stage"
    for destination, file in sources(variant):
        (stage / destination).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, stage / destination)
    commands.run_all(variant.steps, {"python": str(builder)}, stage, log, _environment(stage, builder))
    for pattern in variant.remove:
        for path in stage.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (stage / RECORD).write_text(json.dumps(_built(variant, code), indent=1) + "\n")
    _describe(variant, builder, stage, code.version)
    commands.run([str(builder), "-m", "wheel", "pack", "--dest-dir", str(folder), str(stage)], folder, log)
    shutil.rmtree(stage)
    (wheel,) = folder.glob("*.whl")
    return wheel


def record(wheel: Path) -> dict[str, Any]:
    """Return the description of the artifact in its wheel."""
    with zipfile.ZipFile(wheel) as packed:
        found: dict[str, Any] = json.loads(packed.read(RECORD))
    return found


def content(built: Path) -> str:
    """Return a hash of the files in a wheel but those that name its version; of any other file, that of its bytes."""
    if built.suffix != ".whl":
        return hashlib.sha256(built.read_bytes()).hexdigest()
    digest = hashlib.sha256()
    with zipfile.ZipFile(built) as packed:
        for name in sorted(packed.namelist()):
            if name != RECORD and ".dist-info/" not in name:
                digest.update(f"{name}\0".encode() + hashlib.sha256(packed.read(name)).digest())
    return digest.hexdigest()


def sources(variant: Variant) -> Iterator[tuple[str, Path]]:
    """Yield (destination in the stage, file) of the service and of the variant's own source, in a stable order."""
    yield from _files(SERVICE | variant.source, variant)


def own_lines(variant: Variant) -> int:
    """Count the non-blank lines of source that the variant has beside the service, comments included."""
    own = {file for _, file in _files(variant.source, variant) if ROOT / "app" not in file.parents}
    return sum(bool(line.strip()) for file in own for line in file.read_text(encoding="utf-8").splitlines())


def _files(origins: dict[str, str], variant: Variant) -> Iterator[tuple[str, Path]]:
    for origin, destination in origins.items():
        path = ROOT / origin
        if path.is_file():
            yield destination, path
            continue
        if not path.is_dir():
            raise LabError(f"{variant.name}.toml: source {origin!r} is not in the checkout")
        for file in sorted(path.rglob("*")):
            if file.suffix in SOURCE_SUFFIXES and file.is_file():
                yield f"{destination}/{file.relative_to(path)}", file


def distribution(variant: Variant) -> str:
    """Return the normalised package name of the variant's wheel."""
    return "statements-" + re.sub(r"[^a-z0-9]+", "-", variant.name)


def _environment(stage: Path, builder: Path) -> dict[str, str]:
    """Return the environment of the steps. Its flags keep the folders of this build out of debug information.

    `CPPFLAGS` adds to the flags of the interpreter, and `CFLAGS` would replace them.
    """
    places = {stage: ".", builder.parent.parent: "builder"}
    flags = [f"-ffile-prefix-map={place}={name}" for place, name in places.items()]
    return commands.ENVIRONMENT | {"CPPFLAGS": shlex.join(flags)}


def _built(variant: Variant, code: Code) -> dict[str, str | None]:
    """Return the artifact's description, served at `/__version__`."""
    codec = variant.codec
    return {
        **code._asdict(),
        "variant": variant.name,
        "core": variant.core,
        "loads": codec.loads if codec else None,
        "dumps": codec.dumps if codec else None,
        "compiler": variant.compiler,
    }


def _describe(variant: Variant, builder: Path, stage: Path, named: str) -> None:
    """Write the `.dist-info` of the wheel (PyPA specifications, binary distribution format)."""
    native = any(stage.rglob("*.so"))
    program = "from packaging.tags import sys_tags as t; print(next(x for x in t() if x.platform.startswith('linux_')))"
    tag = subprocess.check_output([builder, "-c", program], text=True).strip() if native else "py3-none-any"
    name = distribution(variant)
    info = stage / f"{name.replace('-', '_')}-{named}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {named}\n")
    pure = str(not native).lower()
    (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: {pure}\nTag: {tag}\n")

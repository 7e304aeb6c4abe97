"""Build the wheel of a variant: stage its source, run the steps of its TOML, and pack the result."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

from bench.build import commands
from bench.errors import LabError
from bench.host import machine
from bench.model import Variant
from bench.paths import ROOT

VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
SERVICE = {"app": "app", "spec/openapi.json": "app/openapi.json"}  # where its files go
SOURCE_SUFFIXES = frozenset({".py", ".pyx", ".pxd", ".pxi", ".h"})


def make(variant: Variant, builder: Path, folder: Path, log: Path) -> Path:
    """Stage the source, run the variant's steps, delete the files in `remove`, and pack the rest as a wheel."""
    stage = folder / "stage"
    for destination, file in sources(variant):
        (stage / destination).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, stage / destination)
    commands.run_all(variant.steps, {"python": str(builder)}, stage, log)
    for pattern in variant.remove:
        for path in stage.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (stage / "app" / "built.json").write_text(json.dumps(_built(variant), indent=1) + "\n")
    _describe(variant, builder, stage)
    commands.run([str(builder), "-m", "wheel", "pack", "--dest-dir", str(folder), str(stage)], folder, log)
    shutil.rmtree(stage)
    (wheel,) = folder.glob("*.whl")
    return wheel


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


def _built(variant: Variant) -> dict[str, str | None]:
    """Return the artifact's description, served at `/__version__`."""
    codec = variant.codec
    return {
        "version": VERSION,
        "commit": machine.commit(),
        "variant": variant.name,
        "core": variant.core,
        "loads": codec.loads if codec else None,
        "dumps": codec.dumps if codec else None,
        "compiler": variant.compiler,
    }


def _describe(variant: Variant, builder: Path, stage: Path) -> None:
    """Write the `.dist-info` of the wheel (PyPA specifications, binary distribution format)."""
    native = any(stage.rglob("*.so"))
    program = "from packaging.tags import sys_tags as t; print(next(x for x in t() if x.platform.startswith('linux_')))"
    tag = subprocess.check_output([builder, "-c", program], text=True).strip() if native else "py3-none-any"
    name = distribution(variant)
    info = stage / f"{name.replace('-', '_')}-{VERSION}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {VERSION}\n")
    pure = str(not native).lower()
    (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: {pure}\nTag: {tag}\n")

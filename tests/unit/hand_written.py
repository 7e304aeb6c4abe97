"""The two hand-written cores as modules of this process, compiled where their source has changed."""

import os
import subprocess
import sys
from functools import cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from bench.paths import ROOT

BUILT = ROOT / "build" / "tests"
OPTIMISED = ROOT / "optimised"
PATHS = ("scalar", "avx2", "avx512")  # of the Cython core, from the narrowest to the widest


@cache
def cython_built() -> Path:
    """Where the package `cython_core` is with its extensions."""
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "-j", "2", "--build-lib", str(BUILT)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    source = OPTIMISED / "cython" / "cython_core" / "__init__.py"
    (BUILT / "cython_core" / "__init__.py").write_bytes(source.read_bytes())
    return BUILT


@cache
def cython_core(path: str) -> ModuleType:
    """The module of one path; the test is left out where this processor does not run it."""
    sys.path.insert(0, str(cython_built()))
    widest = import_module("cython_core._scalar").widest()
    if PATHS.index(path) > PATHS.index(widest):
        pytest.skip(f"this processor does not run {path}")
    return import_module(f"cython_core._{path}")


@cache
def numba_core() -> ModuleType:
    """The Numba core, its compiled code kept in a folder of its source's own."""
    source = OPTIMISED / "numba"
    digest = sha256(b"".join(path.read_bytes() for path in sorted(source.rglob("*.py"))))
    os.environ["NUMBA_CACHE_DIR"] = str(BUILT / f"numba-{digest.hexdigest()[:16]}")
    sys.path.insert(0, str(source))
    return import_module("numba_core")

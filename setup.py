"""Compile the extensions of optimised/cython: `python setup.py build_ext --inplace`, or `--build-lib DIR`.

Each code path is one extension: the same source, compiled for other instructions. The import chooses one of them.
Requires Cython; setuptools then uses its `build_ext`.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from platform import machine

from setuptools import Extension, setup

if find_spec("Cython") is None:
    sys.exit("setup.py: this Python has no Cython: run `make setup`, then `.venv/bin/python setup.py build_ext`")

SOURCE = Path("optimised/cython")
WIDE = ["-mavx2", "-mbmi", "-mbmi2", "-mlzcnt"]
PATHS: dict[str, list[str]] = {"scalar": []}
if machine() in ("x86_64", "AMD64"):
    PATHS |= {"avx2": WIDE, "avx512": [*WIDE, "-mavx512bw", "-mavx512vl"]}

setup(
    package_dir={"": str(SOURCE)},
    ext_modules=[
        Extension(
            f"cython_core._{path}",
            [f"{SOURCE}/cython_core/_{path}.pyx"],
            include_dirs=[str(SOURCE)],
            depends=sorted(map(str, SOURCE.glob("cython_core/*.[hp]*"))),
            define_macros=[("CYTHON_USE_MODULE_STATE", "1")],  # subinterpreters require it
            extra_compile_args=["-O3", "-g0", *flags],
        )
        for path, flags in PATHS.items()
    ],
    options={"build_ext": {"cython_c_in_temp": True}},
)

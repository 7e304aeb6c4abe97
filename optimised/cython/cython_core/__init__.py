"""The statement transform in Cython. It answers what app.core answers, byte for byte.

Each path is a module, compiled from the same source for other processors: `_avx512`, `_avx2`, and `_scalar` for any.
The widest path that this processor runs is imported, or the one that the environment variable CYTHON_CORE_PATH names.
"""

import os
from importlib import import_module

from cython_core._scalar import widest

_widest = widest()
_path = os.environ.get("CYTHON_CORE_PATH", _widest)
if _path not in {"avx512": ("avx512", "avx2", "scalar"), "avx2": ("avx2", "scalar")}.get(_widest, ("scalar",)):
    raise ImportError(f"CYTHON_CORE_PATH is {_path!r}, but the widest path of this processor is {_widest!r}")
_module = import_module(f"cython_core._{_path}")
transform = _module.transform
provenance = _module.provenance


def fallbacks() -> int:
    """The number of documents that fell back to the reference core."""
    found: int = provenance()["fallbacks"]
    return found


__all__ = ["fallbacks", "provenance", "transform"]

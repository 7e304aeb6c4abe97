"""The provenance of this process: the artifact's record, and facts that only the process knows."""

import json
import platform
import sys
from pathlib import Path
from typing import Any

from app.contract import Core, load_core


def built() -> dict[str, Any]:
    """The artifact's record. Only a built wheel has one; a checkout has none."""
    record: dict[str, Any] = json.loads(Path(__file__).with_name("built.json").read_text(encoding="utf-8"))
    return record


def built_core() -> Core:
    """The core that the artifact was built for."""
    record = built()
    return load_core(record["core"], record["loads"], record["dumps"])


def switches() -> dict[str, bool]:
    """Whether CPython's JIT and its GIL are on in this process: from 3.14 and from 3.13 on.

    Importing an extension that is not declared safe for free threading turns the GIL on.
    """
    asked = {
        "jit": getattr(getattr(sys, "_jit", None), "is_enabled", None),
        "gil": getattr(sys, "_is_gil_enabled", None),
    }
    return {name: ask() for name, ask in asked.items() if ask}


def about(core: Core, **facts: str) -> dict[str, Any]:
    """The artifact's record, the interpreter, the core's type and file, and what the core reports of itself.

    `facts` are facts that only the caller knows, such as the framework.
    """
    file = Path(core.module.__file__ or "")
    return {
        **core.provenance(),  # first, so that the core cannot override what the process knows
        **built(),
        "implementation": sys.implementation.name,
        "python": platform.python_version(),
        **switches(),
        "suffix": "".join(file.suffixes),
        "type": type(core.function).__name__,
        "compiled": hasattr(core.module, "__compiled__"),
        **facts,
    }

"""What runs here, told from inside: the artifact's own record and facts that only the process can know."""

import json
import platform
import sys
from pathlib import Path
from typing import Any

from app.contract import Core, load_core


def built() -> dict[str, Any]:
    """What the artifact was built as; there is no such record in a checkout, only in a built wheel."""
    record: dict[str, Any] = json.loads(Path(__file__).with_name("built.json").read_text(encoding="utf-8"))
    return record


def built_core() -> Core:
    """The core that the artifact was built for."""
    record = built()
    return load_core(record["core"], record["loads"], record["dumps"])


def switches() -> dict[str, bool]:
    """Whether CPython's JIT and its global lock are on in this process, where it tells: from 3.14, and from 3.13 on.

    An extension that does not declare itself safe without the lock turns it on when it is imported.
    """
    asked = {
        "jit": getattr(getattr(sys, "_jit", None), "is_enabled", None),
        "gil": getattr(sys, "_is_gil_enabled", None),
    }
    return {name: ask() for name, ask in asked.items() if ask}


def about(core: Core, **facts: str) -> dict[str, Any]:
    """The artifact's record, and what answers: implementation, version, type and file of the core, its own provenance.

    `facts` are those that only the caller knows, such as the framework.
    """
    file = Path(core.module.__file__ or "")
    return {
        **core.provenance(),  # first: of what the process knows it cannot say otherwise
        **built(),
        "implementation": sys.implementation.name,
        "python": platform.python_version(),
        **switches(),
        "suffix": "".join(file.suffixes),
        "type": type(core.function).__name__,
        "compiled": hasattr(core.module, "__compiled__"),
        **facts,
    }

"""What this process says of itself: the artifact's record, facts that only the process knows, and its promises."""

import json
import platform
import sys
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from app.contract import Core, load_core

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}  # of a Path Item (OpenAPI 3.1)


@cache
def built() -> dict[str, Any]:
    """The artifact's record, as it was when the process started. Only a built wheel has one; a checkout has none."""
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


def about(core: Core, **facts: Any) -> dict[str, Any]:
    """The artifact's record, the interpreter, the core's type and file, and what the core reports of itself.

    `facts` are facts that only the caller knows, such as the framework and the deployment.
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


def promised(layers: Collection[str]) -> dict[str, Any]:
    """The artifact's OpenAPI document, with the operations of a service within these layers."""
    document = json.loads(Path(__file__).with_name("openapi.json").read_text(encoding="utf-8"))
    return with_operations_of(document, layers)


def with_operations_of(document: dict[str, Any], layers: Collection[str]) -> dict[str, Any]:
    """An OpenAPI document, in place, without the operations that need other layers, and without links to them.

    The tags of an operation are the layers that it needs, or `core`.
    """
    paths = document["paths"]
    for path, item in list(paths.items()):
        for method in METHODS & item.keys():
            if not {"core", *layers}.issuperset(item[method]["tags"]):
                del item[method]
        if not METHODS & item.keys():
            del paths[path]
    operations = [item[method] for item in paths.values() for method in METHODS & item.keys()]
    known = {operation["operationId"] for operation in operations}
    for response in (each for operation in operations for each in operation["responses"].values()):
        if "links" in response:
            response["links"] = {name: link for name, link in response["links"].items() if link["operationId"] in known}
    return document

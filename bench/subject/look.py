"""Say what an application is: WSGI or ASGI, and whether it has to be called first. Prints one line of JSON.

    python look.py MODULE:NAME

An ASGI application is awaited with three arguments, a WSGI one called with two (PEP 3333); a factory needs none.
"""

import inspect
import json
import sys
from importlib import import_module
from traceback import format_exc
from typing import Any

ASGI, WSGI = {"scope", "receive", "send"}, 2


def parameters(function: Any) -> "dict[str, inspect.Parameter] | None":
    """The parameters that have to be given, by name; None where the object does not tell."""
    try:
        found = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {name: each for name, each in found.items() if each.kind in kinds and each.default is each.empty}


def interface(found: Any) -> "str | None":
    """`asgi`, `wsgi`, or None for what is neither."""
    called = getattr(type(found), "__call__", None)  # noqa: B004 - of the class, as it may be a coroutine function
    if inspect.iscoroutinefunction(found) or (not inspect.isroutine(found) and inspect.iscoroutinefunction(called)):
        return "asgi"
    needed = parameters(found)
    if needed is None:
        return "wsgi" if callable(found) else None
    if set(needed) >= ASGI:
        return "asgi"
    return "wsgi" if len(needed) == WSGI else None


def look(name: str) -> "dict[str, object]":
    """What the object of that name is, called first if it is a factory."""
    module, _, attribute = name.partition(":")
    found: Any = import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    factory = interface(found) is None and callable(found) and parameters(found) == {}
    if factory:
        found = found()
    kind = type(found)
    return {"interface": interface(found), "factory": factory, "type": f"{kind.__module__}.{kind.__qualname__}"}


if __name__ == "__main__":
    try:
        print(json.dumps(look(sys.argv[1])))
    except BaseException:  # noqa: BLE001 - what an import does is the application's own
        print(json.dumps({"error": format_exc(limit=-4)}))

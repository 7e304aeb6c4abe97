"""Say what an application is: WSGI, ASGI or RSGI, and whether it has to be called first. Prints one line of JSON.

    python look.py MODULE:NAME

An ASGI application is awaited with three arguments, a WSGI one called with two (PEP 3333). An RSGI application has
`__rsgi__`, or is awaited with two. What is RSGI and another interface, too, counts as the other. A factory needs none.
"""

import inspect
import json
import sys
from importlib import import_module
from traceback import format_exc
from typing import Any

ASGI, WSGI, RSGI = {"scope", "receive", "send"}, 2, 2  # the parameters' names, or their number


def parameters(function: Any) -> "dict[str, inspect.Parameter] | None":
    """The parameters that have to be given, by name; None where the object does not tell."""
    try:
        found = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {name: each for name, each in found.items() if each.kind in kinds and each.default is each.empty}


def interface(found: Any) -> "str | None":
    """`asgi`, `wsgi` or `rsgi`; None for what is none of them."""
    return called_interface(found) or ("rsgi" if hasattr(type(found), "__rsgi__") else None)


def called_interface(found: Any) -> "str | None":
    """The interface of what is called by itself; None where no interface calls it so."""
    called = getattr(type(found), "__call__", None)  # noqa: B004 - of the class, as it may be a coroutine function
    needed = parameters(found)
    if inspect.iscoroutinefunction(found) or (not inspect.isroutine(found) and inspect.iscoroutinefunction(called)):
        return "rsgi" if needed is not None and len(needed) == RSGI else "asgi"
    if needed is None:
        return "wsgi" if callable(found) else None
    if set(needed) >= ASGI:
        return "asgi"
    return "wsgi" if len(needed) == WSGI else None


def debugs(found: Any) -> bool:
    """Whether a debug mode is on: Django's setting, or the attribute `debug` of Flask's, Starlette's and others'."""
    django = sys.modules.get("django.conf")
    if django is not None and django.settings.configured:
        return bool(django.settings.DEBUG)
    return getattr(found, "debug", False) is True


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
    told = {"interface": interface(found), "factory": factory, "type": f"{kind.__module__}.{kind.__qualname__}"}
    return {**told, "debug": debugs(found)}


if __name__ == "__main__":
    try:
        print(json.dumps(look(sys.argv[1])))
    except BaseException:  # noqa: BLE001 - what an import does is the application's own
        print(json.dumps({"error": format_exc(limit=-4)}))

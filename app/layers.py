"""Layers around the service, each switched on by its name; without names the application and its core stay as they are.

A layer is a module of `app` with a function for each interface, `wsgi`, `asgi` and `rsgi`, that returns an application
around another. Around all layers, each request runs in a context of its own. `TRANSFORM` in such a module names a
function that returns a transform around the core's; if several layers name it, it is around it once. `REQUIREMENTS`
names the packages that the layer needs.
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pkgutil import resolve_name
from types import ModuleType
from typing import Any

from app.contract import Core

CONTEXT = "context"


def interface_of(framework: str) -> str:
    """The interface of a framework's module: `asgi` for `app.asgi.falcon_app`."""
    return framework.split(".")[-2]


def around(application: Any, interface: str, names: Sequence[str]) -> Any:
    """The application within the layers `names`, outermost first. Raises ValueError for a name that is no such layer.

    A repeated name counts once. `context` is around the others anyway, so that its name switches on nothing but itself.
    """
    for name in reversed(dict.fromkeys([CONTEXT, *names]) if names else {}):
        wrap = getattr(_layer(name), interface, None)
        if wrap is None:
            raise ValueError(f"STATEMENTS_LAYERS: the layer {name} does not support {interface.upper()}")
        application = wrap(application)
    return application


def around_core(core: Core, names: Sequence[str]) -> Core:
    """The core with its transform within those of the layers `names`, outermost first; a repeated one counts once."""
    wrappers = dict.fromkeys(getattr(_layer(name), "TRANSFORM", "") for name in names)
    for wrapper in filter(None, reversed(wrappers)):
        core = replace(core, transform=resolve_name(wrapper)(core.transform))
    return core


def _layer(name: str) -> ModuleType:
    try:
        return import_module(f"app.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"app.{name}":
            raise
        raise ValueError(f"STATEMENTS_LAYERS: no layer {name!r}; separate names by spaces") from None

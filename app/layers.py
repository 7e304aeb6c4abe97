"""Layers around the service, each switched on by its name; without names the application stays as it is.

A layer is a module of `app` with a function for each interface, `wsgi`, `asgi` and `rsgi`, that returns an application
around another. Around all layers, each request runs in a context of its own.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

CONTEXT = "context"


def interface_of(framework: str) -> str:
    """The interface of a framework's module: `asgi` for `app.asgi.falcon_app`."""
    return framework.split(".")[-2]


def around(application: Any, interface: str, names: Sequence[str]) -> Any:
    """The application within the layers `names`, outermost first. Raises ImportError for an unknown name.

    `context` is around the others anyway, so that its name switches on nothing but itself.
    """
    for name in reversed(dict.fromkeys([CONTEXT, *names]) if names else {}):
        application = getattr(import_module(f"app.{name}"), interface)(application)
    return application

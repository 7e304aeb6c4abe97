"""What a core is, and how one is loaded: by its dotted name, exactly that one or an error."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pkgutil import resolve_name
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Core:
    """A loaded core: `transform` answers a document or raises app.core's MalformedDocument or InvalidDocument."""

    module: ModuleType
    transform: Callable[[bytes], bytes]

    def witness(self) -> dict[str, Any]:
        """What only the core knows of itself, such as the path it took at run time; empty if it tells nothing."""
        return getattr(self.module, "witness", dict)()


def load_core(name: str, loads: str | None = None, dumps: str | None = None) -> Core:
    """Import the core `name`; `loads` and `dumps` name functions of another codec, dotted too."""
    module = import_module(name)
    codec = {"loads": loads, "dumps": dumps}
    swapped = {role: resolve_name(function) for role, function in codec.items() if function is not None}
    return Core(module, partial(module.transform, **swapped) if swapped else module.transform)

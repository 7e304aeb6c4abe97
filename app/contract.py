"""The contract of a core, and how to load one by its dotted name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pkgutil import resolve_name
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Core:
    """A loaded core. `transform` answers a document or raises app.core's MalformedDocument or InvalidDocument.

    `transform` is the `function` of the `module`, with another codec if one is named.
    """

    module: ModuleType
    function: Callable[..., bytes]
    transform: Callable[[bytes], bytes]

    def provenance(self) -> dict[str, Any]:
        """What the core reports for the provenance check, such as the path it chose; empty if it reports nothing."""
        return getattr(self.module, "provenance", dict)()

    @property
    def fallbacks(self) -> Callable[[], int] | None:
        """The function that counts the documents left to the reference core; None if the core does not tell."""
        found: Callable[[], int] | None = getattr(self.module, "fallbacks", None)
        return found


def load_core(name: str, loads: str | None = None, dumps: str | None = None) -> Core:
    """Import the core `name`: a module with a `transform`, or MODULE:FUNCTION. Raises ImportError or AttributeError.

    `loads` and `dumps` are the dotted names of another codec's functions.
    """
    module_name, _, function_name = name.partition(":")
    module = import_module(module_name)
    function = resolve_name(f"{module_name}:{function_name or 'transform'}")
    codec = {"loads": loads, "dumps": dumps}
    swapped = {role: resolve_name(codec_function) for role, codec_function in codec.items() if codec_function}
    return Core(module, function, partial(function, **swapped) if swapped else function)

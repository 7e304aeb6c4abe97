"""A stack as it is written → its parts, all known; what serves it, and why it cannot run, where it cannot."""

from __future__ import annotations

from bench.catalog.tuning import tuned
from bench.errors import LabError
from bench.model import Catalog, Interpreter, Peer, Server, Stack, Unsupported, pick


def uncountable(catalog: Catalog, variant: str) -> str | None:
    """Why instructions of `variant` cannot be counted, or None."""
    interpreter = catalog.interpreter_of(variant)
    if interpreter.implementation == "cpython" and not interpreter.provenance.get("jit"):
        return None
    return f"{interpreter.title} compiles while it runs: the compiling would be counted, and other code in each pass"


def parse_stack(catalog: Catalog, text: str) -> Stack:
    """`variant/framework/server`, or the name of a peer, as a Stack, every name known. Raises LabError."""
    parts = text.split("/")
    if len(parts) == 1 and text in catalog.peers:
        return Stack(variant=text)
    if len(parts) != 3:
        named = f", or a peer: {', '.join(catalog.peers)}" if len(parts) == 1 else ""
        raise LabError(
            f"{text!r} is no stack: write variant/framework/server, such as cython/falcon/gunicorn-sync{named}"
        )
    stack = Stack(variant=parts[0], framework=parts[1], server=parts[2])
    catalog.variant(stack.variant)
    pick(catalog.frameworks, stack.framework, "framework")
    server_for(catalog, stack)
    return stack


def server_for(catalog: Catalog, stack: Stack) -> Server | Peer:
    """What serves `stack`: a peer itself, else the server of that label for its interpreter's implementation.

    Where no file is for that implementation, the one that says why. Raises LabError if there is none.
    """
    return pick(catalog.peers, stack.variant, "peer") if stack.is_peer else server_file(catalog, stack)


def server_file(catalog: Catalog, stack: Stack) -> Server:
    """What bench/servers declares to serve a stack that is no peer, tuned as it says. Raises LabError if nothing."""
    implementation = catalog.interpreter_of(stack.variant).implementation
    named = [server for server in catalog.servers.values() if server.label == stack.label]
    if not named:
        pick(catalog.labels(), stack.label, "server")
    serving = [server for server in named if implementation in server.implementations]
    telling = [server for server in named if implementation in server.unsupported]
    if not (serving or telling):
        raise LabError(f"{stack}: no file in bench/servers serves {stack.label} on {implementation}")
    found, tuning = (serving or telling)[0], stack.server.partition("+")[2]
    return tuned(found, pick(catalog.tunings, tuning, "tuning")) if tuning else found


def unsupported(catalog: Catalog, stack: Stack) -> Unsupported | None:
    """Why the catalogue says that `stack` cannot run anywhere, or None."""
    if stack.is_peer:
        return None
    server, framework = server_file(catalog, stack), pick(catalog.frameworks, stack.framework, "framework")
    if server.interface != framework.interface:
        called, spoken = server.interface.upper(), framework.interface.upper()
        reason = f"{stack.server} calls {called}, {stack.framework} speaks {spoken}"
        return Unsupported(reason=reason, symptom="positional argument")
    interpreter = catalog.interpreter_of(stack.variant)
    names = (stack.variant.partition("@")[0], *kinds(interpreter), stack.framework)
    return next((server.unsupported[name] for name in names if name in server.unsupported), None)


def kinds(interpreter: Interpreter) -> tuple[str, str]:
    """What a server may call an interpreter that it cannot run on: its implementation, or that with the version."""
    return interpreter.implementation, f"{interpreter.implementation}-{interpreter.version}"

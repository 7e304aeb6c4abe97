"""A stack's name → its parts, checked; the server that runs it, and the reason where the pair is unsupported."""

from __future__ import annotations

from difflib import get_close_matches

from bench.catalog.tuning import tuned
from bench.errors import NEAR, LabError
from bench.model import (
    Catalog,
    Interface,
    Interpreter,
    Peer,
    Place,
    Server,
    Stack,
    Tuning,
    Unsupported,
    pick,
    server_name,
)

EXAMPLES = "variant/framework/server, such as cython/falcon/bjoern, or a peer, such as node-expert"

WORKERS = "{workers}"


def uncountable(catalog: Catalog, variant: str) -> str | None:
    """Why instructions of `variant` cannot be counted; None if they can."""
    interpreter = catalog.interpreter_of(variant)
    if interpreter.implementation == "cpython" and not interpreter.provenance.get("jit"):
        return None
    return (
        f"{interpreter.title} compiles at run time: the count would include the compiler, and each pass runs other code"
    )


def parse_stack(catalog: Catalog, text: str) -> Stack:
    """Parse `variant/framework/server`, or the name of a peer. Raises LabError for a name that is unknown."""
    parts = text.split("/")
    if len(parts) == 1 and text in catalog.peers:
        return Stack(variant=text)
    if len(parts) != 3:
        near = get_close_matches(text, catalog.peers, n=1, cutoff=NEAR)
        hint = f"did you mean {near[0]!r}?" if near else f"use {EXAMPLES}"
        raise LabError(f"invalid stack {text!r}: {hint}")
    stack = Stack(variant=parts[0], framework=parts[1], server=parts[2])
    catalog.variant(stack.variant)
    pick(catalog.frameworks, stack.framework, "framework")
    server_for(catalog, stack)
    place_of(catalog, stack)
    return stack


def server_for(catalog: Catalog, stack: Stack) -> Server | Peer:
    """The server of `stack`: the peer itself, or else the server file for its label and its implementation.

    Without a file for that implementation, the file that declares the pair unsupported. Raises LabError without either.
    """
    return pick(catalog.peers, stack.variant, "peer") if stack.is_peer else server_file(catalog, stack)


def server_file(catalog: Catalog, stack: Stack) -> Server:
    """The server file of a stack that is not a peer, with its tuning. Raises LabError if there is none."""
    implementation = catalog.interpreter_of(stack.variant).implementation
    named = [server for server in catalog.servers.values() if server.label == stack.label]
    if not named:
        pick(catalog.labels(), stack.label, "server")
    serving = [server for server in named if implementation in server.implementations]
    refusing = [server for server in named if implementation in server.unsupported]
    if not (serving or refusing):
        raise LabError(f"{stack}: no file in bench/servers runs {stack.label} on {implementation}")
    found, tuning = (serving or refusing)[0], tuning_of(catalog, stack)
    return tuned(found, tuning, catalog.labels()) if tuning else found


def tuning_of(catalog: Catalog, stack: Stack) -> Tuning | None:
    """The tuning of a stack's server; None without one. Raises LabError for an unknown one."""
    name = server_name(stack.server).tuning
    return pick(catalog.tunings, name, "tuning") if name else None


def unsupported(catalog: Catalog, stack: Stack) -> Unsupported | None:
    """Why the catalogue declares `stack` unsupported; None if it does not."""
    if stack.is_peer:
        return None
    if stack.place and (why := _unplaced(catalog, stack)):
        return why
    server, framework = server_file(catalog, stack), pick(catalog.frameworks, stack.framework, "framework")
    if server.interface != framework.interface:
        served, offered = server.interface.upper(), framework.interface.upper()
        reason = f"{stack.server} serves {served} applications, {stack.framework} is {offered}"
        return Unsupported(reason=reason, symptom=_symptom(server.interface, framework.interface))
    application = catalog.variant(stack.variant).application
    if application and application.workers > 1 and not takes_workers(server):
        file = f"bench/servers/{server.name.partition('+')[0]}.toml"
        reason = f"{stack.server} runs one worker process: {file} has no {WORKERS}"
        return Unsupported(reason=reason, symptom=WORKERS)
    interpreter = catalog.interpreter_of(stack.variant)
    names = (stack.variant.partition("@")[0], *kinds(interpreter), stack.framework)
    return next((server.unsupported[name] for name in names if name in server.unsupported), None)


def takes_workers(server: Server) -> bool:
    """Whether a server can have several worker processes."""
    return any(WORKERS in word for word in server.argv)


def place_of(catalog: Catalog, stack: Stack) -> Place | None:
    """Where a stack runs; None on the host. Raises LabError for an unknown place."""
    return pick(catalog.places, stack.place, "place") if stack.place else None


def _unplaced(catalog: Catalog, stack: Stack) -> Unsupported | None:
    """Why no image has the whole stack; None if one has."""
    tuning, place = tuning_of(catalog, stack), place_of(catalog, stack)
    if catalog.variant(stack.variant).application:
        return Unsupported(reason="an image is of the lab's own service", symptom="")
    if tuning and (tuning.entry or tuning.requirements or tuning.backend):
        return Unsupported(reason=f"the image of a stack has no packages of {tuning.name}", symptom="")
    if place and stack.label in place.unsupported:
        return place.unsupported[stack.label]
    if tuning and tuning.proxy and place and not place.shared:
        return Unsupported(reason=f"at {place.name}, containers share no folder for the socket of a proxy", symptom="")
    return None


def _symptom(served: Interface, offered: Interface) -> str:
    """Return a part of the error message when a server of one interface runs an application of another.

    WSGI and RSGI both call an application with two arguments, so the call itself succeeds. A WSGI server then gets a
    coroutine instead of a body. A WSGI application gets a scope, which is not a dict.
    """
    return {("wsgi", "rsgi"): "coroutine", ("rsgi", "wsgi"): "not subscriptable"}.get(
        (served, offered), "positional argument"
    )


def kinds(interpreter: Interpreter) -> tuple[str, str]:
    """The names for an interpreter in `unsupported`: its implementation, and its implementation with the version."""
    return interpreter.implementation, f"{interpreter.implementation}-{interpreter.version}"

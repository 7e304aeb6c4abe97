"""The layer `identity`: verifies a request's token, makes the first checks, and sets the principal that models ask for.

    STATEMENTS_LAYERS=identity

STATEMENTS_ISSUER         `iss` of the tokens, exactly
STATEMENTS_AUDIENCE       this service's name in their `aud`
STATEMENTS_JWKS           the URL of the issuer's keys: https, http inside a trusted network, or file
STATEMENTS_ALGORITHMS     the algorithms that are allowed, such as "ES256 Ed25519"; the default is ES256
STATEMENTS_CACHED_TOKENS  how many verified tokens are remembered; the default is 1024, and 0 verifies each time

A request without the token that its path needs gets 401, one whose token lacks the scope gets 403, with the challenge
of RFC 6750; 503 tells that the issuer's keys are unavailable.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from os import environ
from typing import Any

from app import challenges
from app.asgi.bodies import given
from app.context import AsyncApplication, Environ, WsgiApplication
from app.fetching import LIMIT_SECONDS, checked, fetched
from app.http import Problem, as_routed
from app.jwks import Keys, NoKeys, Pending, keys_of
from app.principal import PRINCIPAL
from app.replies import refused
from app.tokens import InvalidToken, Verifier, implementation, usable

REQUIREMENTS = ("pyjwt", "cryptography ; platform_python_implementation == 'CPython'")  # no wheel for PyPy
TRANSFORM = "app.statements.as_seen"  # what the layer wraps a core's transform in
REQUIRED = {"/statements": "statements"}  # the scope that a path needs; other paths are open
DEFAULT_CACHED_TOKENS = 1024


class Gate:
    """The first checks of a request: `required` maps paths to the scope that each needs."""

    def __init__(self, verifier: Verifier, required: Mapping[str, str] = REQUIRED) -> None:
        self.verifier = verifier
        self.required = required

    def admit(self, path: str, authorization: str | None, may_wait: bool = False) -> None:
        """Set the principal of a request, if it has a token. Raises Problem, or Pending if it `may_wait` for keys."""
        scope = self.required.get(path) or self.required.get(as_routed(path))
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            if scope is None:
                return
            raise challenges.unknown(scope)
        try:
            asking = self.verifier.principal_of(token.strip(" "), may_wait)
        except InvalidToken as error:
            raise challenges.invalid(str(error)) from None
        except NoKeys as error:
            later = ("Retry-After", f"{error.seconds + 1:.0f}")
            raise Problem("503 Service Unavailable", str(error), later) from None
        if scope is not None and scope not in asking.scopes:
            raise challenges.lacking(scope)
        PRINCIPAL.set(asking)

    def admit_waiting(self, path: str, authorization: str | None) -> None:
        """As `admit`; block while keys are fetched."""
        try:
            self.admit(path, authorization, may_wait=True)
        except Pending as pending:
            pending.wait()
            self.admit(path, authorization)

    async def admit_awaiting(self, path: str, authorization: str | None) -> None:
        """As `admit`; let the loop serve others while keys are fetched."""
        try:
            self.admit(path, authorization, may_wait=True)
        except Pending as pending:
            await asyncio.wait([asyncio.wrap_future(pending.fetch)], timeout=pending.seconds)
            self.admit(path, authorization)


def configured(env: Mapping[str, str] = environ) -> Gate:
    """The gate that the environment describes. Raises ValueError, which names the variable."""
    issuer, audience, url = (
        _set(env, name) for name in ("STATEMENTS_ISSUER", "STATEMENTS_AUDIENCE", "STATEMENTS_JWKS")
    )
    algorithms = env.get("STATEMENTS_ALGORITHMS", "ES256").split()
    cached = env.get("STATEMENTS_CACHED_TOKENS", str(DEFAULT_CACHED_TOKENS))
    try:
        checked(url)
    except ValueError as error:
        raise ValueError(f"STATEMENTS_JWKS: {error}") from None
    try:
        found = [implementation(name) for name in algorithms]
    except ValueError as error:
        raise ValueError(f"STATEMENTS_ALGORITHMS: {error}") from None
    if not found:
        raise ValueError("STATEMENTS_ALGORITHMS is empty: name an algorithm, such as ES256")
    if not (cached.isascii() and cached.isdecimal()):
        raise ValueError(f"STATEMENTS_CACHED_TOKENS: {cached!r} is no number of tokens")
    parse = partial(keys_of, make=partial(usable, algorithms=algorithms))
    keys = Keys(partial(fetched, url), parse, LIMIT_SECONDS)
    return Gate(Verifier(keys, issuer=issuer, audience=audience, algorithms=algorithms, cached_tokens=int(cached)))


def _set(env: Mapping[str, str], name: str) -> str:
    if not env.get(name):
        raise ValueError(f"{name} is not set: the layer identity needs it")
    return env[name]


def wsgi(application: WsgiApplication, gate: Gate | None = None) -> WsgiApplication:
    """The WSGI application behind a gate; without one, behind the one that the environment describes."""
    admit = (gate or configured()).admit_waiting

    def identified(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            admit(environ.get("PATH_INFO", ""), environ.get("HTTP_AUTHORIZATION"))
        except Problem as refusal:
            return refused(refusal).start(environ, start_response)
        return application(environ, start_response)

    return identified


def asgi(application: AsyncApplication, gate: Gate | None = None) -> AsyncApplication:
    """The ASGI application behind a gate; without one, behind the one that the environment describes."""
    admit = (gate or configured()).admit_awaiting

    async def identified(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            try:
                await admit(scope["path"], given(scope, b"authorization") or None)
            except Problem as refusal:
                await refused(refusal).send(scope, send)
                return
        await application(scope, receive, send)

    return identified


def rsgi(application: AsyncApplication, gate: Gate | None = None) -> AsyncApplication:
    """The RSGI application behind a gate; without one, behind the one that the environment describes."""
    admit = (gate or configured()).admit_awaiting

    async def identified(scope: Any, protocol: Any) -> None:
        try:
            await admit(scope.path, ",".join(scope.headers.get_all("authorization")) or None)
        except Problem as refusal:
            refused(refusal).respond(scope, protocol)
            return
        await application(scope, protocol)

    return identified

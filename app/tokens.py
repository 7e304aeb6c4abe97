"""Access tokens: signed JWTs by RFC 9068, verified by the rules of RFC 8725, and those that were verified before.

The allowed algorithms are a setting; a token chooses none. Nothing in a token names a place to fetch a key from.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any, NamedTuple, TypeGuard

from jwt import PyJWS
from jwt.algorithms import Algorithm, get_default_algorithms
from jwt.exceptions import PyJWTError
from jwt.utils import from_base64url_uint

from app.jwks import Jwk, Key, Keys, UnknownKey
from app.principal import Principal
from app.rs256 import RS256

# The type of an algorithm's keys, `kty` and `crv`. `EdDSA` is the old name of Ed25519 (RFC 9864).
KEY_TYPES: dict[str, tuple[str, str | None]] = {
    "ES256": ("EC", "P-256"),
    "RS256": ("RSA", None),
    "Ed25519": ("OKP", "Ed25519"),
    "EdDSA": ("OKP", "Ed25519"),
}
MIN_RSA_BITS = 2_048
MAX_TOKEN_CHARACTERS = 8_192
SKEW_SECONDS = 30.0  # by which the issuer's clock may differ
TYPES = frozenset({"at+jwt", "application/at+jwt"})
FOREIGN = frozenset({"crit", "jku", "x5u", "jwk"})  # headers of which the verifier would have to know or to fetch more
_IS_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+").fullmatch  # PyJWT takes padding, too


class InvalidToken(Exception):  # noqa: N818 - not an error of the program
    """A token that proves nothing, and why, in ASCII without quotes."""


class Verified(NamedTuple):
    """A token that was verified: whose it is, until when, and with which key."""

    principal: Principal
    expires: float
    kid: str
    key: Key


class Verifier:
    """Verifies access tokens of one issuer for one audience, and remembers at most `cached_tokens` until they expire.

    `clock` returns the seconds since 1970.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        issuer: str,
        audience: str,
        algorithms: Iterable[str],
        cached_tokens: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.keys = keys
        self.issuer = issuer
        self.audience = audience
        self.cached_tokens = cached_tokens
        self.clock = clock
        self.cached: dict[str, Verified] = {}
        self._lock = threading.Lock()
        self._jws = PyJWS(algorithms=[])
        self._algorithms = {name: implementation(name) for name in algorithms}
        for name, algorithm in self._algorithms.items():
            self._jws.register_algorithm(name, algorithm)

    def principal_of(self, token: str, may_wait: bool = True) -> Principal:
        """Whose token it is.

        Raises InvalidToken. Raises Pending if keys are being fetched and `may_wait`, else NoKeys if none can be.
        """
        known = self.cached.get(token)
        if known is not None:
            try:
                if self.clock() < known.expires and self.keys.find(known.kid, may_wait) is known.key:
                    return known.principal
            except UnknownKey:
                pass  # the issuer has removed the key
            with self._lock:
                self.cached.pop(token, None)
        verified = self._verified(token, may_wait)
        if self.cached_tokens and self.clock() < verified.expires:
            self._remember(token, verified)
        return verified.principal

    def _remember(self, token: str, verified: Verified) -> None:
        with self._lock:
            while len(self.cached) >= self.cached_tokens:
                self.cached.pop(next(iter(self.cached)), None)  # the oldest
            self.cached[token] = verified

    def _verified(self, token: str, may_wait: bool) -> Verified:
        if len(token) > MAX_TOKEN_CHARACTERS or not _IS_COMPACT(token):
            raise InvalidToken("the token is malformed")
        try:
            header = self._jws.get_unverified_header(token)
        except PyJWTError:
            raise InvalidToken("the token is malformed") from None
        kid, algorithm = self._key_named(header)
        try:
            key = self.keys.find(kid, may_wait)
        except UnknownKey:
            raise InvalidToken("the issuer has no such key") from None
        if algorithm not in key.algorithms:
            raise InvalidToken("the key is not for this algorithm")
        try:
            payload = self._jws.decode_complete(token, key.public, algorithms=[algorithm])["payload"]
        except PyJWTError:
            raise InvalidToken("the signature is wrong") from None
        principal, expires = self._claimed(payload)
        return Verified(principal, expires, kid, key)

    def _key_named(self, header: dict[str, Any]) -> tuple[str, str]:
        """The key and the algorithm that a token's header names."""
        kid, algorithm, kind = header.get("kid"), header.get("alg"), header.get("typ")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise InvalidToken("the algorithm is not allowed")
        if not isinstance(kind, str) or kind.lower() not in TYPES:
            raise InvalidToken("the type is not at+jwt")
        if not FOREIGN.isdisjoint(header):
            raise InvalidToken("the header has a member that is not allowed")
        if not isinstance(kid, str):
            raise InvalidToken("the token names no key")
        return kid, algorithm

    def _claimed(self, payload: bytes) -> tuple[Principal, float]:
        """Whom the claims name, and when they expire."""
        try:
            claims = json.loads(payload)
        except (ValueError, RecursionError):
            claims = None
        if not isinstance(claims, dict):
            raise InvalidToken("the claims are no JSON object")
        if claims.get("iss") != self.issuer:
            raise InvalidToken("the issuer is another one")
        audience = claims.get("aud")
        if self.audience not in (audience if isinstance(audience, list) else [audience]):
            raise InvalidToken("the audience is another one")
        now, expires, begins = self.clock(), claims.get("exp"), claims.get("nbf", 0)
        if not _is_moment(expires) or not _is_moment(begins):
            raise InvalidToken("exp or nbf is no moment")
        if now >= expires + SKEW_SECONDS:
            raise InvalidToken("the token has expired")
        if now < begins - SKEW_SECONDS:
            raise InvalidToken("the token is not valid yet")
        subject, scopes = claims.get("sub"), claims.get("scope", "")
        if not isinstance(subject, str) or not subject or not isinstance(scopes, str):
            raise InvalidToken("sub or scope is no string")
        return Principal(subject, frozenset(scopes.split(" ")) - {""}), expires


def _is_moment(value: Any) -> TypeGuard[float]:
    try:
        return type(value) in {int, float} and isfinite(value)
    except OverflowError:  # an integer beyond every float
        return False


def implementation(name: str) -> Algorithm:
    """The algorithm `name`. Raises ValueError if there is none on this interpreter."""
    if name not in KEY_TYPES:
        raise ValueError(f"{name!r} is not one of {', '.join(KEY_TYPES)}")
    found = get_default_algorithms().get("EdDSA" if name == "Ed25519" else name)
    if found is None and name == "RS256":
        return RS256()
    if found is None:
        raise ValueError(f"{name} needs the package cryptography, which PyPy has no wheel of; RS256 works without it")
    return found


def usable(jwk: Jwk, algorithms: Iterable[str]) -> Key | None:
    """The key of a JWK if one of the algorithms can verify with it."""
    declared, own = jwk.get("alg"), (jwk.get("kty"), None if jwk.get("kty") == "RSA" else jwk.get("crv"))
    fitting = [name for name in algorithms if KEY_TYPES[name] == own]
    if (
        not fitting
        or (declared is not None and not (isinstance(declared, str) and KEY_TYPES.get(declared) == own))
        or jwk.get("use", "sig") != "sig"
        or "d" in jwk
    ):
        return None
    try:
        if own[0] == "RSA" and from_base64url_uint(jwk["n"]).bit_length() < MIN_RSA_BITS:
            return None
        return Key(jwk, frozenset(fitting), implementation(fitting[0]).from_jwk(jwk))
    except (PyJWTError, KeyError, TypeError, ValueError):
        return None

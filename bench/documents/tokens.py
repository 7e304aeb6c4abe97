"""Bearer tokens of callers (RFC 9068), and the keys to verify them with (RFC 7517), of an issuer made for one run."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from bench.model import Algorithm

ISSUER = "https://issuer.example"
AUDIENCE = "https://statements.example"
VALID_SECONDS = 24 * 3600  # longer than any session
RSA_BITS = 2048


class Issuer:
    """An issuer with one new key of `algorithm`."""

    def __init__(self, algorithm: Algorithm) -> None:
        self.algorithm = algorithm
        self._key = _key(algorithm)

    def jwks(self) -> bytes:
        """Return the set of its public keys as JSON."""
        public = get_default_algorithms()[self.algorithm].to_jwk(self._key.public_key(), as_dict=True)
        return json.dumps({"keys": [public | {"kid": "1", "use": "sig", "alg": self.algorithm}]}).encode()

    def token(self, subject: str, scopes: Sequence[str]) -> str:
        """Return an access token of a caller, valid for a day."""
        now = int(time.time())
        claims: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "client_id": subject}
        claims |= {"iat": now, "nbf": now, "exp": now + VALID_SECONDS, "jti": subject, "scope": " ".join(scopes)}
        return jwt.encode(claims, self._key, self.algorithm, headers={"kid": "1", "typ": "at+jwt"})


def _key(algorithm: Algorithm) -> Any:
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "RS256":
            return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()

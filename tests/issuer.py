"""An issuer of access tokens: it signs them, and serves its public keys on loopback while a test wants that."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm, get_default_algorithms

ISSUER = "https://issuer.example"
AUDIENCE = "https://statements.example"
LIFETIME_SECONDS = 600
DROPPED = object()  # a claim or header that a token lacks

_JWS = jwt.PyJWS()
_JWS.register_algorithm("Ed25519", get_default_algorithms()["EdDSA"])


def private_key(algorithm: str) -> Any:
    """A new key for an algorithm."""
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == "RS256":
        return rsa.generate_private_key(65537, 2048)
    return ed25519.Ed25519PrivateKey.generate()


def public_jwk(algorithm: str, key: Any) -> dict[str, Any]:
    """The public part of a key, as a JWK."""
    kinds: dict[str, Any] = {"ES256": ECAlgorithm, "RS256": RSAAlgorithm}
    return dict(kinds.get(algorithm, OKPAlgorithm).to_jwk(key.public_key(), as_dict=True))


class Issuer:
    """Keys by their `kid`, of which it signs with the newest; `requests` counts how often its JWKS was asked for.

    `answer` is what it answers instead of its JWKS, and `seconds` how long it takes.
    """

    def __init__(self, algorithm: str = "ES256") -> None:
        self.algorithm = algorithm
        self.keys: dict[str, Any] = {}
        self.requests = 0
        self.answer: bytes | None = None
        self.status = 200
        self.seconds = 0.0
        self.rotate()

    def rotate(self, keep: bool = True) -> str:
        """Make a new key and return its `kid`; the older keys stay only if it says `keep`."""
        kid = f"key-{len(self.keys)}-{time.monotonic_ns()}"
        self.keys = {**(self.keys if keep else {}), kid: private_key(self.algorithm)}
        return kid

    def jwks(self) -> bytes:
        """The public keys."""
        self.requests += 1
        keys = [
            public_jwk(self.algorithm, key) | {"kid": kid, "use": "sig", "alg": self.algorithm}
            for kid, key in self.keys.items()
        ]
        return json.dumps({"keys": keys}).encode()

    def claims(self, **claims: Any) -> dict[str, Any]:
        """The claims of a token; `claims` are added or DROPPED."""
        now = int(time.time())
        usual: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "anna",
            "client_id": "shop",
            "jti": f"{time.monotonic_ns()}",
        }
        usual |= {"iat": now, "exp": now + LIFETIME_SECONDS, "scope": "statements"}
        return {name: value for name, value in (usual | claims).items() if value is not DROPPED}

    def token(self, *, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """A signed token; `header` and `claims` change the usual ones, and `key` signs in place of the newest."""
        kid, newest = list(self.keys.items())[-1]
        head = {"typ": "at+jwt", "alg": self.algorithm, "kid": kid} | (header or {})
        head = {name: value for name, value in head.items() if value is not DROPPED}
        payload = json.dumps(self.claims(**claims)).encode()
        algorithm = head["alg"] if head["alg"] in _JWS.get_algorithms() else self.algorithm
        return _JWS.encode(payload, key or newest, algorithm, {"typ": None} | head)

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the JWKS at the URL that it yields."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/jwks"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _handler(issuer: Issuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = issuer.jwks()
            body = body if issuer.answer is None else issuer.answer
            time.sleep(issuer.seconds)
            self.send_response(issuer.status)
            self.send_header("Content-Type", "application/jwk-set+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    return Handler

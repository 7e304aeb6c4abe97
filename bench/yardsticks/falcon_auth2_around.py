"""The yardstick beside the layer `identity` on Falcon: falcon-auth2 verifies the token of each request with joserfc."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from falcon_auth2 import AuthMiddleware
from falcon_auth2.backends import JWTAuthBackend
from joserfc.jwk import KeySet


def around(application: Any) -> Any:
    """Return the Falcon application with the middleware; each resource needs a valid token."""
    keys = json.loads(Path(urlsplit(os.environ["STATEMENTS_JWKS"]).path).read_bytes())
    backend = JWTAuthBackend(
        lambda _, claims: claims["sub"],
        KeySet.import_key_set(keys),
        algorithms=[os.environ["STATEMENTS_ALGORITHMS"]],
        claims_options={
            "iss": {"essential": True, "value": os.environ["STATEMENTS_ISSUER"]},
            "aud": {"essential": True, "value": os.environ["STATEMENTS_AUDIENCE"]},
            "exp": {"essential": True},
            "sub": {"essential": True},
        },
    )
    application.add_middleware(AuthMiddleware(backend))
    return application

"""The yardstick beside the layer `identity` on Flask: Flask-JWT-Extended verifies the token of each request."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask_jwt_extended import JWTManager, verify_jwt_in_request
from jwt import PyJWK


def around(application: Any) -> Any:
    """Return the Flask application with the extension; each request needs a valid token."""
    keys = json.loads(Path(urlsplit(os.environ["STATEMENTS_JWKS"]).path).read_bytes())
    key = PyJWK(keys["keys"][0]).key
    application.config |= {
        "JWT_ALGORITHM": os.environ["STATEMENTS_ALGORITHMS"],
        "JWT_PUBLIC_KEY": key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "JWT_DECODE_ISSUER": os.environ["STATEMENTS_ISSUER"],
        "JWT_DECODE_AUDIENCE": os.environ["STATEMENTS_AUDIENCE"],
    }
    JWTManager(application)
    application.before_request(verify)
    return application


def verify() -> None:
    """Verify the token of the request."""
    verify_jwt_in_request()

"""Made-up objects for several tests: an installed interpreter, and an artifact that it built."""

from typing import Any

from bench.model import Artifact, Provisioned


def interpreter(**changes: Any) -> Provisioned:
    """A CPython 3.11."""
    usual = {"name": "cpython-3.11", "executable": "/usr/bin/python3.11", "implementation": "cpython"}
    return Provisioned(
        **usual | {"version": "3.11.2", "provider": "path", "build": {}, "fingerprint": "c" * 64} | changes
    )


def artifact(variant: str, **changes: Any) -> Artifact:
    """A built variant. Its wheel's hash differs by variant."""
    usual: dict[str, Any] = {
        "variant": variant,
        "fingerprint": "f" * 64,
        "wheel": "statements.whl",
        "wheel_sha256": variant.encode().hex().ljust(64, "0"),
        "content_sha256": variant.encode().hex().ljust(64, "0"),
        "wheel_bytes": 1,
        "build_seconds": 1.0,
        "interpreter": interpreter(),
        "built": "2026-11-24T12:00:00+00:00",
    }
    return Artifact(**usual | changes)

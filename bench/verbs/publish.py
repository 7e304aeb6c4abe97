"""The verbs of a package index: upload wheels to it, and pin what a stack installs from it."""

from __future__ import annotations

from bench.build import publishing
from bench.catalog import pairing
from bench.errors import LabError
from bench.verbs.app import app, built_stack, declared, out


@app.command
def publish(index: str, /, *variants: str) -> int:
    """Upload the wheels of built variants to a package index: those of the named ones, or all.

    uv publish reads the credentials from UV_PUBLISH_USERNAME and UV_PUBLISH_PASSWORD, or from UV_PUBLISH_TOKEN.
    docs/own-index.md says how to set up an index.

    Example: `python -m bench publish https://devpi.example/team/internal/ cython`

    Parameters
    ----------
    index
        The address that the index takes uploads at.
    variants
        Names of variants, such as cython or cython@cpython-3.13.
    """
    for name in variants:
        declared().variant(name)
    for wheel in publishing.publish(index, variants):
        out.print(f"published: {wheel}", markup=False, highlight=False, soft_wrap=True)
    return 0


@app.command
def requirements(stack: str, /) -> int:
    """Print a requirements file of a built stack: its variant's wheel, framework and server, with hashes.

    Example: `python -m bench requirements cython/falcon/gunicorn-sync`

    Parameters
    ----------
    stack
        A built stack, such as cython/falcon/bjoern (see `python -m bench build`).
    """
    named = built_stack(stack)
    if named.is_peer or named.place or pairing.tuning_of(declared(), named):
        raise LabError(f"{stack}: requirements are those of VARIANT/FRAMEWORK/SERVER, without tuning and place")
    out.print(publishing.requirements(declared(), named), markup=False, highlight=False, soft_wrap=True, end="")
    return 0

"""What a test does where a part of the machine is not here: it is left out, and under CI it fails."""

import os
from collections.abc import Iterable
from typing import NoReturn

import pytest

from bench.model import Hole


def absent(reason: str, fill: str | None = None) -> NoReturn:
    """Leave the test out; under CI, where everything has to be, fail it."""
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(f"{reason}; to fill it: {fill}" if fill else reason)


def lacks(hole: Hole) -> NoReturn:
    """Leave the test out for a hole, or fail it; one that should have worked fails it anywhere."""
    if hole.failed:
        pytest.fail(f"{hole.what}: {hole.reason}")
    absent(f"{hole.what}: {hole.reason}", hole.fill)


def expect_none(holes: Iterable[Hole]) -> None:
    """Go on if nothing lacks but what the catalogue declares to be nowhere."""
    for hole in holes:
        if not hole.declared:
            lacks(hole)

"""What a test does where a part of the machine is not here: it is left out, and under CI it fails."""

import os
from collections.abc import Iterable
from typing import NoReturn

import pytest

from bench.model import Unavailable


def absent(reason: str, remedy: str | None = None) -> NoReturn:
    """Leave the test out; under CI, where everything has to be, fail it."""
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(f"{reason}; to get it: {remedy}" if remedy else reason)


def lacks(lack: Unavailable) -> NoReturn:
    """Leave the test out for a lack, or fail it; one that should have worked fails it anywhere."""
    if lack.kind == "failed":
        pytest.fail(f"{lack.what}: {lack.reason}")
    absent(f"{lack.what}: {lack.reason}", lack.remedy)


def expect_none(unavailable: Iterable[Unavailable]) -> None:
    """Go on if nothing lacks but what the catalogue declares to be nowhere."""
    for lack in unavailable:
        if lack.kind != "unsupported":
            lacks(lack)

"""Tests of unavailable parts: they are skipped, and fail in CI."""

import os
from collections.abc import Iterable
from typing import NoReturn

import pytest

from bench.model import Unavailable


def absent(reason: str, remedy: str | None = None) -> NoReturn:
    """Skip the test. In CI, which requires every part, fail it."""
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(f"{reason}; remedy: {remedy}" if remedy else reason)


def lacks(lack: Unavailable) -> NoReturn:
    """Skip the test for an unavailable part. In CI, and if the part should have worked, fail it."""
    if lack.kind == "failed":
        pytest.fail(f"{lack.what}: {lack.reason}")
    absent(f"{lack.what}: {lack.reason}", lack.remedy)


def expect_none(unavailable: Iterable[Unavailable]) -> None:
    """Continue only if nothing is unavailable, apart from unsupported pairs."""
    for lack in unavailable:
        if lack.kind != "unsupported":
            lacks(lack)

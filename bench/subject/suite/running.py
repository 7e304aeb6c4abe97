"""The suite as one run against one client."""

import unittest
from time import perf_counter
from typing import Any

from testtools import TestResult

from .contract import Contract
from .reply import Client


def run(client: Client) -> dict[str, Any]:
    """How many `tests` there are and the `seconds` of all of them; what each `wrong` one ended with, by its name."""
    tested = type("Tested", (Contract,), {"client": client})
    tests = unittest.defaultTestLoader.loadTestsFromTestCase(tested)
    result = TestResult()
    began = perf_counter()
    tests.run(result)
    seconds = perf_counter() - began
    failed = (*result.failures, *result.errors)
    wrong = {test.id().rpartition(".")[2]: why.strip().rpartition("\n")[2] for test, why in failed}
    return {"tests": result.testsRun, "seconds": seconds, "wrong": wrong}

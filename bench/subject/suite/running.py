"""Run the suite with one client."""

import unittest
from time import perf_counter
from typing import Any

from testtools import TestResult

from .contract import Contract
from .reply import Client


def run(client: Client) -> dict[str, Any]:
    """Return the number of `tests`, the `seconds` of all of them, and the reasons of the `wrong` ones by name."""
    tested = type("Tested", (Contract,), {"client": client})
    tests = unittest.defaultTestLoader.loadTestsFromTestCase(tested)
    result = TestResult()
    began = perf_counter()
    tests.run(result)
    seconds = perf_counter() - began
    failed = (*result.failures, *result.errors)
    wrong = {test.id().rpartition(".")[2]: trace.strip().rpartition("\n")[2] for test, trace in failed}
    return {"tests": result.testsRun, "seconds": seconds, "wrong": wrong}

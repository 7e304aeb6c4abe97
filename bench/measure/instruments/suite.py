"""The HTTP contract as tests within one process: how long they take with a framework's own test client, and the code.

The tests are the same for all frameworks; a framework adds its adapter to the service and its client to the tests.
"""

from __future__ import annotations

import ast
import io
import json
import subprocess
import time
import tokenize
from pathlib import Path
from typing import Any

from bench import verify
from bench.build import artifacts
from bench.errors import LabError
from bench.host.pinning import cores, pinned
from bench.model import Catalog, Framework, Measurement, Observed, SuiteCase, pick
from bench.paths import ROOT, SUBJECT, TOOLS

PROCESS_SECONDS = 120
NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING,
    tokenize.ENDMARKER,
}  # fmt: skip


def observe(catalog: Catalog, case: SuiteCase, output: Path) -> Observed:  # noqa: ARG001 - it writes no file
    """One fresh process that runs the whole suite against the case's framework, over the core of its variant.

    Measured are `suite`, the tests alone; `process`, all from the start of Python to its end; how many `tests`; and
    the lines of code of `lines.adapter`, `lines.client` and `lines.suite`. Raises LabError with the first test that
    failed, or with the last words of the process.
    """
    framework = pick(catalog.frameworks, case.framework, "framework")
    variant = catalog.variant(case.variant)
    env = artifacts.environment(catalog, variant) | {"PYTHONPATH": f"{TOOLS / variant.interpreter}:{SUBJECT}"}
    argv = [str(artifacts.python(variant.name)), "-m", "suite", client(framework).stem, framework.module]
    began = time.perf_counter()
    done = subprocess.run(
        pinned(argv, cores().server),
        check=False,
        cwd=artifacts.python(variant.name).parent,
        env=env,
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
    )
    process = time.perf_counter() - began
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise LabError(f"the suite of {framework.name} failed with status {done.returncode}: {' '.join(last)}")
    told: dict[str, Any] = json.loads(done.stdout)
    for test, why in told["wrong"].items():
        raise LabError(f"{len(told['wrong'])} of {told['tests']} tests fail with {framework.name}, first {test}: {why}")
    measured = {"suite": ("s", told["seconds"]), "process": ("s", process), "tests": ("1", told["tests"])}
    measured |= {f"lines.{part}": ("1", code_lines(path)) for part, path in sources(framework).items()}
    return Observed(
        measurements=tuple(
            Measurement(metric=metric, unit=unit, values=(float(value),)) for metric, (unit, value) in measured.items()
        ),
        facts=verify.provenance(catalog, variant.name, told["about"], framework=framework.module),
    )


def client(framework: Framework) -> Path:
    """The framework's client. Raises LabError that names the file where it has none."""
    path = SUBJECT / "suite" / f"{framework.name.replace('-', '_')}_client.py"
    if not path.is_file():
        raise LabError(f"{path.relative_to(ROOT)} is not there: the suite cannot ask {framework.name}")
    return path


def sources(framework: Framework) -> dict[str, Path]:
    """What was written for the framework, and the tests that it shares with the others."""
    adapter = ROOT / f"{framework.module.replace('.', '/')}.py"
    return {"adapter": adapter, "client": client(framework), "suite": SUBJECT / "suite" / "contract.py"}


def code_lines(path: Path) -> int:
    """The lines of a module that hold code: no blank ones, no comments, no docstrings."""
    text = path.read_text(encoding="utf-8")
    code = {
        number
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in NO_CODE
        for number in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef() if ast.get_docstring(node):
                code -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(code)

"""The HTTP contract as in-process tests: their duration with a framework's own test client, and their lines of code.

The tests are the same for all frameworks. Each framework has its own adapter of the service and its own test client.
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
    """Run the suite in one fresh process against the case's framework and the core of its variant.

    Metrics: `suite`: seconds of the tests alone. `process`: seconds from the start of Python to its end. `tests`: their
    number. `lines.adapter`, `lines.client`, `lines.suite`: lines of code. Raises LabError with the first failing test,
    or with the last line of the process.
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
    result: dict[str, Any] = json.loads(done.stdout)
    for test, reason in result["wrong"].items():
        failed = f"{len(result['wrong'])} of {result['tests']} tests fail with {framework.name}"
        raise LabError(f"{failed}; the first is {test}: {reason}")
    measured = {"suite": ("s", result["seconds"]), "process": ("s", process), "tests": ("1", result["tests"])}
    measured |= {f"lines.{part}": ("1", code_lines(path)) for part, path in sources(framework).items()}
    return Observed(
        measurements=tuple(
            Measurement(metric=metric, unit=unit, values=(float(value),)) for metric, (unit, value) in measured.items()
        ),
        facts=verify.provenance(catalog, variant.name, result["about"], framework=framework.module),
    )


def client(framework: Framework) -> Path:
    """Return the framework's test client. Raises LabError with the file's name if it does not exist."""
    path = SUBJECT / "suite" / f"{framework.name.replace('-', '_')}_client.py"
    if not path.is_file():
        raise LabError(f"framework {framework.name} has no test client: write {path.relative_to(ROOT)}")
    return path


def sources(framework: Framework) -> dict[str, Path]:
    """Return the framework's adapter and client, and the suite that all frameworks share."""
    adapter = ROOT / f"{framework.module.replace('.', '/')}.py"
    return {"adapter": adapter, "client": client(framework), "suite": SUBJECT / "suite" / "contract.py"}


def code_lines(path: Path) -> int:
    """Count the lines of a module without blank lines, comments and docstrings."""
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

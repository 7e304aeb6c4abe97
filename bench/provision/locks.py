"""The lock files: `python -m bench.provision.locks` compiles them, `entries` returns parts of one."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from bench.errors import UnpinnedError
from bench.paths import ROOT

FOLDER = ROOT / "bench" / "locks"
OVERRIDES = FOLDER / "overrides.txt"
OLDEST = {
    "lab": "3.11",
    "docs": "3.11",
    "messaging": "3.11",
    "statistics": "3.11",
    "contracts": "3.11",
    "bindings": "3.11",
    "clients": "3.11",
    "pact": "3.11",
    "billing": "3.11",
    "index": "3.11",
    "statements": "3.11",
    "platforms": "3.11",
    "sbom": "3.11",
    "delivered": "3.11",
    "delivery": "3.11",
    "measured": "3.10",
}  # the oldest Python that each lock file supports
ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==\S+.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def entries(lock: Path, names: Iterable[str]) -> str:
    """Return the lines of `lock` that pin `names`, with markers and hashes. Raises UnpinnedError for another name."""
    found: dict[str, str] = {}
    for match in ENTRY.finditer(lock.read_text(encoding="utf-8")):
        found[match[1]] = found.get(match[1], "") + match[0]
    for name in names:
        if name not in found:
            raise UnpinnedError(
                f"{lock.name} does not pin {name}: add it to group {lock.stem!r} of pyproject.toml and run `make lock`"
            )
    return "".join(found[name] for name in names)


def compile_all(options: list[str]) -> None:
    """Resolve each dependency group for all platforms, with hashes and without registry addresses.

    `options` are further options of `uv pip compile`: existing pins are kept unless they contain `--upgrade`.
    """
    common = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-config"]
    common += ["--quiet", "--overrides", str(OVERRIDES.relative_to(ROOT))]
    for name, python in OLDEST.items():
        lock = str((FOLDER / f"{name}.txt").relative_to(ROOT))
        files = ["--group", name, "--output-file", lock, "--custom-compile-command", "make lock"]
        uv = [sys.executable, "-m", "uv", "pip", "compile", "--python-version", python]
        subprocess.run([*uv, *common, *files, *options], cwd=ROOT, check=True)


if __name__ == "__main__":
    compile_all(sys.argv[1:])

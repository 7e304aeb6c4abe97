"""What one request calls in the measured process: the Python functions in order, from the call to the whole answer.

    calls.py ASKING REQUEST [--alone]

ASKING is `bench/subject/asking.py`. REQUEST is the file that it reads, beside the folder `documents`. With `--alone`
the request goes to the framework's own application instead of the one that servers import. stdout receives the
functions as JSON.
"""

import json
import os
import runpy
import sys
import time
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from app.about import built_core

WARM = 3  # requests before the one that counts: caches and lazy imports are not part of it


def made_alone() -> Any:
    """Return the application that the framework's module makes, without the module that servers import."""
    core = built_core()
    return import_module(os.environ["STATEMENTS_FRAMEWORK"]).make(core, {}, time.sleep)


def called(ask: Any, document: bytes) -> list[str]:
    """Return the functions that a request enters, each as `file:name`."""
    found: list[str] = []

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            code = frame.f_code
            found.append(f"{Path(code.co_filename).name}:{code.co_name}")

    for _ in range(WARM):
        ask(document)
    sys.setprofile(profile)
    try:
        ask(document)
    finally:
        sys.setprofile(None)
    return found


def main(script: str, file: str, *words: str) -> None:
    """Print what the first of the requests calls."""
    asking = runpy.run_path(script)
    request = json.loads(Path(file).read_text(encoding="utf-8"))
    ask, _ = asking["asked"](made_alone(), request) if words else asking["caller"](file)
    document = min((Path(file).parent / "documents").glob("*.json")).read_bytes()
    print(json.dumps(called(ask, document)))


if __name__ == "__main__":
    main(*sys.argv[1:])

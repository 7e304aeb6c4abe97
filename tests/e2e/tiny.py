"""A study that no TOML declares, as small as one can be, and how the command line is made to run it."""

from pathlib import Path

import msgspec

from bench.model import Study

TINY = Study(
    name="tiny",
    title="Tiny",
    question="Does it work?",
    baseline="cpython",
    variants=("cpython",),
    servers=("gunicorn-sync",),
    workloads=("small",),
)
PROGRAM = """
import sys
from functools import partial
from pathlib import Path
import msgspec
from bench import __main__, store
from bench.host import quiet
from bench.model import Study
from bench.verbs.app import declared
study, results = msgspec.json.decode(sys.argv.pop().encode(), type=Study), Path(sys.argv.pop())
store.create, store.sessions = (partial(f, results=results) for f in (store.create, store.sessions))
quiet.WAIT_SECONDS = quiet.COOL_SECONDS = 2  # the machine of a test need not be quiet
declared().studies.clear()
declared().studies[study.name] = study
sys.exit(__main__.main())
"""


def command(study: Study, results: Path, *options: str) -> list[str]:
    """What Python is started with to run `study`, its results in a folder of the test's own."""
    return ["-c", PROGRAM, "run", study.name, *options, str(results), msgspec.json.encode(study).decode()]

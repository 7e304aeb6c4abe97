"""The command line: `python -m bench VERB`."""

from __future__ import annotations

import signal
import sys

from rich.console import Console

from bench.errors import LabError
from bench.verbs import look, make, measure, own, tell
from bench.verbs.app import app

VERBS = (look, make, measure, own, tell)  # imported, a module registers its verbs with `app`


def main() -> int:
    """Run the verb; what went wrong is said in one line."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, so that no server is left behind
    try:
        status: int = app()
        return status
    except LabError as error:
        Console(stderr=True).print(f"bench: {error}", markup=False, highlight=False, soft_wrap=True)
        return error.status
    except KeyboardInterrupt:
        Console(stderr=True).print("\ninterrupted; what was measured is kept, the same command goes on")
        return 130


if __name__ == "__main__":
    sys.exit(main())

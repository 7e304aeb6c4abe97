"""The command line: `python -m bench VERB`."""

from __future__ import annotations

import signal
import sys

try:
    from cyclopts import CycloptsError
    from rich.console import Console

    from bench.errors import LabError, MissingError, of_system
    from bench.paths import LAB, RESULTS
    from bench.verbs import bundle, image, look, make, measure, monitor, own, publish, release, tell
    from bench.verbs.app import app
    from bench.verbs.usage import mistake
except ModuleNotFoundError as missing:
    print(f"bench: {missing.name} is not installed: run `make setup`, then .venv/bin/python -m bench", file=sys.stderr)
    sys.exit(2)

# Importing a module registers its verbs with `app`.
VERBS = (look, make, image, bundle, publish, release, measure, monitor, own, tell)


def main() -> int:
    """Run the verb and return the exit status. An error is one line on standard error."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, so that every server is stopped
    try:
        status: int = app()
        return status
    except CycloptsError as error:
        return complain(mistake(error))
    except LabError as error:
        return complain(error)
    except OSError as error:
        known = of_system(error, f"{RESULTS} or {LAB}")
        if known is None:
            raise
        return complain(known)
    except KeyboardInterrupt:
        Console(stderr=True).print("\ninterrupted: results so far are saved; run the same command to continue")
        return 130


def complain(error: LabError) -> int:
    """Print the error in one line, with the command that brings what is missing. Returns its exit status."""
    remedy = f"; to get it: {error.remedy}" if isinstance(error, MissingError) and error.remedy else ""
    Console(stderr=True).print(f"bench: {error}{remedy}", markup=False, highlight=False, soft_wrap=True)
    return error.status


if __name__ == "__main__":
    sys.exit(main())

"""Run the suite against one framework: `python -m suite CLIENT MODULE`, in the prefix whose core is tested.

The result goes to stdout as one line of JSON: `tests`: their number. `seconds`: of all tests. `wrong`: failed tests
with their reasons. `about`: the provenance.
"""

import argparse
import json
import time
from functools import partial
from importlib import import_module

from app.about import about, built_core

from .contract import MAX_BYTES
from .running import run


def main() -> None:
    """Run as a package, with ddt and testtools on the path."""
    parser = argparse.ArgumentParser(prog="suite", description="Test the service within this process.")
    parser.add_argument("client", help="client module of this package, such as falcon_client")
    parser.add_argument("module", help="module with the application's `make`, such as app.wsgi.falcon_app")
    args = parser.parse_args()
    core = built_core()
    provenance = partial(about, core, framework=args.module)
    application = import_module(args.module).make(core, {"/__version__": provenance}, time.sleep, MAX_BYTES)
    client = import_module(f".{args.client}", __package__).Client(application)
    print(json.dumps({**run(client), "about": provenance()}))


if __name__ == "__main__":
    main()

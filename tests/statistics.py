"""`make statistics`: what metrics and logs add to a request in process, by the service's layers and by libraries.

Packages are installed from `bench/locks/statistics.txt` into `.lab/tools/statistics`. Times are those of this machine
now, and nothing judges them.
"""

import json
import subprocess

from bench.host.pinning import cores, pinned
from bench.paths import ROOT, YARDSTICKS
from tests import tools

SECONDS = 3.0  # of each way
RUN_SECONDS = 120


def main() -> None:
    """Print a row for each way."""
    argv = [str(tools.python("statistics")), str(YARDSTICKS / "observing.py"), str(SECONDS)]
    env = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        pinned(argv, cores().server), env=env, stdout=subprocess.PIPE, text=True, check=True, timeout=RUN_SECONDS
    )
    print("| what | µs |\n|---|--:|")
    for line in map(json.loads, done.stdout.splitlines()):
        print(f"| {line['way']} | {line['us']:.1f} |")


if __name__ == "__main__":
    main()

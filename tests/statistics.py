"""`make statistics`: what metrics, logs and traces add to a request in process, by the layers and by libraries.

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
    python = str(tools.python("statistics"))
    print("| what | µs |\n|---|--:|")
    for yardstick in ("observing.py", "tracing.py"):
        argv = pinned([python, str(YARDSTICKS / yardstick), str(SECONDS)], cores().server)
        done = subprocess.run(
            argv, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True, check=True, timeout=RUN_SECONDS
        )
        for line in map(json.loads, done.stdout.splitlines()):
            print(f"| {line['way']} | {line['us']:.1f} |")


if __name__ == "__main__":
    main()

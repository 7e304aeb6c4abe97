"""`make messaging`: publishers and actors beside the service's own: what each takes, and what a SIGKILL loses.

Real brokers run on the generator's cores, publishers and actors on the server's. Packages are installed from
`bench/locks/messaging.txt` into `.lab/tools/messaging`. Times are those of this machine now, and nothing judges them.
"""

import json
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from bench.host.pinning import cores, pinned
from bench.paths import ROOT, YARDSTICKS
from bench.serve import backend
from tests import tools
from tests.declared import CATALOG

BROKERS = {"queue": "nats", "pykka": None, "dramatiq-stub": None, "dramatiq-redis": "redis"}
ON_DISK = ("nats", "nats-fsync")
RUN_SECONDS = 300
SENT = 80  # documents of a trial
DONE = 10  # of them, when the workers are killed
WORKERS = 2
QUIET_SECONDS = 12.0  # longer than a broker waits before it gives a document out again


class Trial(NamedTuple):
    """What became of documents whose workers were killed and started again.

    `doubled` were done twice, which redelivery allows. `overlapping` pairs of one batch were done at the same time.
    """

    sent: int
    lost: int
    doubled: int
    overlapping: int


@contextmanager
def broker(name: str | None, folder: Path) -> Iterator[str]:
    """The address of a fresh broker; an empty one without a name."""
    with backend.backend_for(CATALOG, name, folder / "broker.log") as running:
        yield running.dsn if running else ""


def command(script: str, *words: str) -> list[str]:
    return pinned([str(tools.python("messaging")), str(YARDSTICKS / script), *words], cores().server)


def told(script: str, *words: str) -> list[dict[str, Any]]:
    """The lines of JSON that a script prints."""
    argv, env = command(script, *words), {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(argv, env=env, stdout=subprocess.PIPE, text=True, check=True, timeout=RUN_SECONDS)
    return [json.loads(line) for line in done.stdout.splitlines()]


def publishers(name: str, folder: Path, *events: str) -> list[dict[str, Any]]:
    """What each publisher takes of a broker."""
    with broker(name, folder) as address:
        return told("publishers.py", address, *events)


def cost(system: str, folder: Path, *messages: str) -> dict[str, Any]:
    """What a message takes in a system of actors."""
    with broker(BROKERS[system], folder) as address:
        return told("actors.py", "cost", system, address, *messages)[0]


def killed(system: str, folder: Path) -> Trial:
    """Kill all workers while documents wait, and start them again."""
    log = folder / f"{system}.log"
    log.touch()
    with broker(BROKERS[system], folder) as address:
        with workers(system, address, log, SENT) as (first, *_):
            assert first.stdout is not None
            assert first.stdout.readline() == b"sent\n"
            while len(log.read_bytes().splitlines()) < DONE:
                time.sleep(0.001)
        with workers(system, address, log, 0):
            _until_quiet(log)
    return judged(log.read_text().splitlines())


@contextmanager
def workers(system: str, address: str, log: Path, sent: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes of a system; the first sends the documents. They are killed at the end."""
    with ExitStack() as stop:
        started = []
        for number in range(WORKERS):
            argv = command("actors.py", "work", system, address, str(log), str(0 if number else sent))
            env = {"PYTHONPATH": str(ROOT)}
            started.append(subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
            stop.callback(started[-1].wait)
            stop.callback(started[-1].kill)
        yield started


def judged(lines: list[str]) -> Trial:
    """What the log of the workers says."""
    done = [(batch, name, float(began), float(ended)) for batch, name, began, ended in map(str.split, lines)]
    times = Counter(name for _, name, _, _ in done)
    pairs = [(one, two) for one, two in combinations(done, 2) if one[0] == two[0]]
    overlapping = sum(one[2] < two[3] and two[2] < one[3] for one, two in pairs)
    return Trial(SENT, SENT - len(times), sum(count > 1 for count in times.values()), overlapping)


def _until_quiet(log: Path) -> None:
    """Return once all documents are done, or after a time without progress."""
    size, since = -1, time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS and len(_done(log)) < SENT:
        if log.stat().st_size != size:
            size, since = log.stat().st_size, time.monotonic()
        time.sleep(0.05)


def _done(log: Path) -> set[str]:
    return {line.split()[1] for line in log.read_text().splitlines()}


def main() -> None:
    """Measure and try everything, and print the tables."""
    with tempfile.TemporaryDirectory(prefix="messaging-") as name:
        folder = Path(name)
        for each in ON_DISK:
            print(
                f"\n{CATALOG.backends[each].title}\n\n| publisher | at once | wall, µs | CPU, µs |\n|---|--:|--:|--:|"
            )
            for row in publishers(each, folder):
                print(f"| {row['publisher']} | {row['at_once']} | {row['wall'] * 1e6:.3g} | {row['cpu'] * 1e6:.3g} |")
        print("\n| actors | sending, µs | a message, wall, µs | CPU, µs |\n|---|--:|--:|--:|")
        for system in BROKERS:
            row = cost(system, folder)
            print(f"| {system} | {row['wall_sent'] * 1e6:.3g} | {row['wall'] * 1e6:.3g} | {row['cpu'] * 1e6:.3g} |")
        print("\n| actors, all workers killed | sent | lost | done twice | overlapping |\n|---|--:|--:|--:|--:|")
        for system in BROKERS:
            print(f"| {system} | {' | '.join(map(str, killed(system, folder)))} |")


if __name__ == "__main__":
    main()

"""A stack that is replaced while clients ask: what they lose, how long they wait, and the memory afterwards."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench import verify
from bench.errors import RIGHT, LabError
from bench.host import cpu_time
from bench.host.cgroup import group
from bench.host.cpu_time import Meter
from bench.measure.instruments import clients, process_tree
from bench.measure.instruments.clients import LOSSES, Asked
from bench.model import Catalog, Measurement, Observed, ReplacedCase
from bench.serve import proxy, releases
from bench.serve.life_cycle import HOST
from bench.serve.releases import BROKEN, WRONG
from bench.serve.succession import FIRST, Succession

STEADY_SECONDS = 1.0  # without a replacement, for the CPU time of a request
CALM_SECONDS, CALM_ANSWERS = 0.3, 200  # without one of an old version
PATIENCE_SECONDS = 60.0
BAD_SECONDS = 5.0  # after which a bad version is rolled back: Granian ends the old one after 3.5 s
POLL_SECONDS = 0.05
REST_SECONDS = 0.5  # before memory is read
BAD = {"broken": BROKEN, "wrong": WRONG}

Ask = Callable[[], AbstractContextManager[list[Asked]]]


def observe(catalog: Catalog, case: ReplacedCase, output: Path) -> Observed:
    """Serve the case's stack, and replace it again and again while clients ask.

    Metrics: `asked`, requests; `lost.*`, those without a right answer, by `clients.Loss`; `longest`, the longest wait;
    `switched`, for each replacement the seconds from its beginning until only the new version answered;
    `memory.before` and `memory.after`, the PSS of all its processes; `cpu`, server CPU per request before the first
    replacement. Over new connections, the server is at last replaced by a version that does not start: `broken.asked`
    and `broken.lost`; `broken.rate`, right answers a second after a while; `broken.back`, the seconds until another
    version answers alone; and then the same by one that starts and answers wrong: `wrong.*`. The lost requests are kept
    in a file. Raises LabError if a version never answers alone.
    """
    way = catalog.replacements[case.way]
    exchanges = verify.exchanges(catalog.workloads[case.workload])
    with TemporaryDirectory(prefix="bench-") as scratch, group() as cgroup:
        served = Succession(catalog, case.stack, way, scratch=Path(scratch), log=output, group=cgroup)
        ask: Ask = partial(
            clients.asking,
            (HOST, served.port),
            exchanges,
            releases.header_of(case.stack),
            clients=case.clients,
            pace=case.pace,
            kept=case.kept,
        )
        with served.running():
            facts = verify.ask_provenance(catalog, served.port, case.stack)
            meter = cgroup.meter if cgroup else cpu_time.of_tree(*served.roots())
            cpu = _cpu_of_request(meter, ask)
            before = process_tree.pss_bytes(*served.roots())
            with ask() as heard:
                switched = [
                    _alone(served, served.replace, heard, FIRST + number) for number in range(1, case.times + 1)
                ]
            time.sleep(REST_SECONDS)
            after = process_tree.pss_bytes(*served.roots())
            bad = [] if case.kept else list(_each_bad(served, ask, FIRST + case.times + 1))
    lost = [each for each in heard if each.loss]
    output.with_suffix(".lost.json").write_bytes(msgspec.json.encode(lost))
    return Observed(
        measurements=(
            *_counts(heard, lost),
            Measurement("longest", "s", (clients.longest_wait(heard),)),
            Measurement("switched", "s", tuple(switched)),
            Measurement("memory.before", "B", (before,)),
            Measurement("memory.after", "B", (after,)),
            Measurement("cpu", "s", (cpu,)),
            *bad,
        ),
        facts=facts | {"cpu_time": meter.source} | ({"proxy": proxy.version(way.proxy)} if way.proxy else {}),
    )


def _cpu_of_request(meter: Meter, ask: Ask) -> float:
    """The CPU seconds that a request takes. Raises LabError if one is lost although nothing was replaced."""
    before = cpu_time.read_when_idle(meter)
    with ask() as heard:
        time.sleep(STEADY_SECONDS)
    lost = Counter(each.loss for each in heard if each.loss)
    if lost:
        told = ", ".join(f"{count} {loss}" for loss, count in lost.items())
        raise LabError(f"{lost.total()} of {len(heard)} requests lost before any replacement: {told}", gate=RIGHT)
    return (cpu_time.read_when_idle(meter) - before) / len(heard)


def _alone(served: Succession, replace: Callable[[int], None], heard: list[Asked], version: int) -> float:
    """Replace the server, and let it rest. Returns the seconds until only the new version answered."""
    earlier, began = len(heard), time.perf_counter()
    replace(version)
    while time.perf_counter() < began + PATIENCE_SECONDS:
        time.sleep(POLL_SECONDS)
        seconds = clients.only_from(heard[earlier:], began, str(version), CALM_ANSWERS)
        if seconds is not None and time.perf_counter() > began + seconds + CALM_SECONDS:
            served.rest()
            return seconds
    raise LabError(f"version {version} does not answer alone {PATIENCE_SECONDS:g} s after its replacement began")


def _each_bad(served: Succession, ask: Ask, version: int) -> Iterator[Measurement]:
    """Replace the server by each bad version, and that by a good one, the first of which is `version`."""
    for number, (metric, bad) in enumerate(BAD.items()):
        yield from _bad(served, ask, metric, bad, version + number)


def _bad(served: Succession, ask: Ask, metric: str, bad: int, version: int) -> Iterator[Measurement]:
    """Replace the server by a `bad` version, and a while later by `version`. Names of metrics begin with `metric`."""
    with ask() as heard:
        began = time.perf_counter()
        with suppress(LabError):  # the clients notice what becomes of the server
            served.replace(bad)
        time.sleep(max(0.0, began + BAD_SECONDS - time.perf_counter()))
        served.rest()
        until, ended = list(heard), time.perf_counter()
        back = _alone(served, served.roll_back, heard, version)
    late = [each for each in until if each.began > ended - 1 and not each.loss]
    yield Measurement(f"{metric}.asked", "1", (float(len(until)),))
    yield Measurement(f"{metric}.lost", "1", (float(sum(bool(each.loss) for each in until)),))
    yield Measurement(f"{metric}.rate", "1/s", (float(len(late)),))
    yield Measurement(f"{metric}.back", "s", (back,))


def _counts(heard: Sequence[Asked], lost: Sequence[Asked]) -> list[Measurement]:
    found = Counter(each.loss for each in lost)
    counts = {"asked": len(heard)} | {f"lost.{loss}": found[loss] for loss in LOSSES}
    return [Measurement(name, "1", (float(count),)) for name, count in counts.items()]

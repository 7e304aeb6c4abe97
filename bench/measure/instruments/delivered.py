"""A delivery, from `git push` to the first right answer of the new version: seconds and CPU time of each step."""

from __future__ import annotations

import hashlib
import json
import re
import resource
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench import verify
from bench.build import commands, deliveries
from bench.errors import LabError
from bench.host.pinning import cores, pinned
from bench.measure.instruments.pushed import Clones
from bench.model import Catalog, DeliveredCase, Delivery, Edit, Exchange, Measurement, Observed, Same
from bench.paths import SPEC
from bench.serve.life_cycle import HOST, launched
from bench.serve.ports import free_port

COLD, LINE, DEPENDENCY = "cold", "line", "dependency"  # from empty caches; after a change of a line, of a package
STEPS = ("push", "test", "build", "ship", "start")
REFUSED = {"title": "Unsupported Media Type", "status": 415}
GOLDEN = SPEC / "golden" / "valid" / "every-status-and-a-duplicate.json"
MS = {"seconds": 1.0, "ms": 1e-3}


class Workshop(msgspec.Struct, frozen=True):
    """The folder of one run with its clones. `known` are hashes of what the host has."""

    delivery: Delivery
    folder: Path
    clones: Clones
    output: Path
    known: set[bytes]


class Spent(msgspec.Struct, frozen=True):
    """Seconds and CPU seconds of a step."""

    seconds: float
    cpu: float


def observe(catalog: Catalog, case: DeliveredCase, output: Path) -> Observed:
    """Deliver a first version from empty caches, then one with a changed line, then one with a changed dependency.

    Metrics of each, such as `line.build`: seconds of each step and of the `total`, `….cpu` for their CPU seconds,
    `shipped` for the bytes that the host did not have, `tests` and `tests.run` for the number of tests and their
    seconds. Raises LabError for a step that fails and for a wrong answer.
    """
    delivery = catalog.deliveries[case.delivery]
    changes: list[tuple[str, tuple[Edit, ...]]] = [(COLD, (delivery.change,)), (LINE, (delivery.change,))]
    changes += [(DEPENDENCY, (delivery.change, delivery.dependency))] if delivery.dependency else []
    with TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        caches = folder / "caches"
        caches.mkdir()
        clones = Clones(folder, output.with_name(f"{output.name}.git.log"))
        clones.create()
        deliveries.copy(delivery, clones.developer)
        workshop = Workshop(delivery, folder, clones, output, set())
        measured: list[Measurement] = []
        for number, (change, edits) in enumerate(changes):
            places = deliveries.placeholders(catalog, delivery, changed=change == DEPENDENCY)
            places |= {"caches": str(caches), "release": str(folder / f"release-{number}")}
            measured += _delivered(workshop, change, edits, number, places)
    return Observed(measurements=tuple(measured))


def _delivered(
    workshop: Workshop, change: str, edits: tuple[Edit, ...], number: int, places: dict[str, str]
) -> Iterator[Measurement]:
    """Commit the edits and deliver them. The new version must show its number, and answer a golden case right."""
    delivery, clones = workshop.delivery, workshop.clones
    for edit in edits:
        changed = deliveries.edited(delivery, edit, number)
        (clones.developer / edit.file).write_text(changed, encoding="utf-8")
    clones.commit(f"Change {number}")
    env = _environment(delivery, places)
    began = time.perf_counter()
    spent = {"push": _timed(clones.push)}
    for step in ("test", "build", "ship"):
        spent[step] = _timed(partial(_run, workshop, step, places, env, _log(workshop, change, step)))
    port = free_port()
    argv = [word.format_map(places | {"host": HOST, "port": str(port)}) for word in delivery.start]
    with launched(
        delivery.name,
        argv,
        env,
        folder=Path(places["release"]),
        first=refusal(number),
        log=_log(workshop, change, "start"),
        cpus=cores().all,
        host=HOST,
        port=port,
    ) as running:
        total = time.perf_counter() - began
        spent["start"] = Spent(running.ready_seconds, running.cpu.read())
        verify.answers_right(port, [_golden()])
    for step, each in spent.items():
        yield Measurement(f"{change}.{step}", "s", (each.seconds,))
        yield Measurement(f"{change}.{step}.cpu", "s", (each.cpu,))
    yield Measurement(f"{change}.total", "s", (total,))
    yield Measurement(f"{change}.total.cpu", "s", (sum(each.cpu for each in spent.values()),))
    yield Measurement(f"{change}.shipped", "B", (float(_new_bytes(workshop, places)),))
    count, seconds = count_of_tests(_log(workshop, change, "test").read_text(encoding="utf-8"), delivery.told)
    yield Measurement(f"{change}.tests", "1", (float(count),))
    yield Measurement(f"{change}.tests.run", "s", (seconds,))


def refusal(number: int) -> Exchange:
    """The request that shows the changed line, with the answer of the version with that change."""
    detail = f"the body of version {number} must be application/json"
    return Exchange(
        method="POST",
        path="/statements",
        headers={"content-type": "text/plain"},
        body=b"{}",
        status=415,
        expect=json.dumps(REFUSED | {"detail": detail}).encode(),
        same=Same(by="json"),
    )


def _golden() -> Exchange:
    return Exchange(
        method="POST",
        path="/statements",
        headers={"content-type": "application/json"},
        body=GOLDEN.read_bytes(),
        expect=GOLDEN.with_suffix(".out.json").read_bytes(),
        name=GOLDEN.stem,
    )


def count_of_tests(text: str, told: str) -> tuple[int, float]:
    """The number of tests, and their seconds, in the output of a test runner. Raises LabError if it tells neither."""
    found = re.search(told, text, re.DOTALL)
    if found is None:
        raise LabError(f"the tests did not tell how many they are: {told!r} is not in their output")
    unit = next(name for name in MS if name in found.groupdict())
    return int(found["count"]), float(found[unit]) * MS[unit]


def _environment(delivery: Delivery, places: dict[str, str]) -> dict[str, str]:
    """The complete environment of steps and server. Tools have their caches in the home, which is empty at first."""
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": places["caches"]}
    return env | {name: value.format_map(places) for name, value in delivery.env.items()}


def _run(workshop: Workshop, step: str, places: dict[str, str], env: dict[str, str], log: Path) -> None:
    for argv in getattr(workshop.delivery, step):
        words = [word.format_map(places) for word in argv]
        commands.run(pinned(words, cores().all), workshop.clones.deployer, log, env)


def _timed(work: Callable[[], None]) -> Spent:
    """Run it, and count the CPU time of all processes that it started and awaited."""
    before, began = _of_children(), time.perf_counter()
    work()
    return Spent(time.perf_counter() - began, _of_children() - before)


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _new_bytes(workshop: Workshop, places: dict[str, str]) -> int:
    """The bytes of shipped files whose content the host did not have; it has them from now on."""
    total = 0
    for pattern in workshop.delivery.shipped:
        whole = workshop.clones.deployer / pattern.format_map(places)
        for path in Path("/").glob(str(whole.relative_to("/"))):
            digest = hashlib.sha256(path.read_bytes()).digest() if path.is_file() else None
            if digest and digest not in workshop.known:
                workshop.known.add(digest)
                total += path.stat().st_size
    return total


def _log(workshop: Workshop, change: str, step: str) -> Path:
    return workshop.output.with_name(f"{workshop.output.name}.{change}-{step}.log")

"""A stack under load: a fresh server, verified, driven by Gatling, verified again; its CPU time and memory sampled."""

from __future__ import annotations

from pathlib import Path

from bench import catalog, documents, verify
from bench.errors import LabError
from bench.instruments import gatling, process_tree
from bench.model import Case, Measurement, Observed, stack_of
from bench.pinning import cores
from bench.serve import HELLO, serving

GENERATOR_BUSY = 0.8  # share of the generator's cores above which it, not the server, sets the rate


def observe(case: Case, output: Path) -> Observed:
    """One load on one fresh server: rate, CPU time per request, latencies, memory.

    Raises LabError if an answer is wrong or a request fails: such a server has no figure.
    """
    workload, load = catalog.workloads()[case.workload or ""], catalog.loads()[case.load or ""]
    asked = verify.exchanges(workload)
    folder = documents.ensure(workload).load if workload.documents else None
    with serving(stack_of(case), HELLO, output.with_suffix(".log"), cores().server) as running:
        idle = process_tree.pss_bytes(running.process)
        verify.answers_right(running.port, asked[:1])
        first = process_tree.pss_bytes(running.process)
        verify.answers_right(running.port, asked)
        with process_tree.Sampler(running.process) as sampled:
            outcome = gatling.run(
                load,
                workload,
                running.url,
                output=output.with_suffix(".gatling"),
                cpus=cores().generator,
                documents=folder,
                rate=case.rate,
            )
        after = process_tree.pss_bytes(running.process)
        verify.answers_right(running.port, asked)
        facts = verify.ask_witness(running.port, case.variant)
    if outcome.failed:
        raise LabError(f"{outcome.failed} of {outcome.requests} requests failed: {_most_common(outcome.failures)}")
    memory = {"idle": idle, "first": first, "loaded": _peak(sampled.memory, outcome), "after": after}
    used, span = process_tree.used_between(sampled.cpu, outcome.started, outcome.ended)
    limits = ("generator-limited",) if outcome.generator_busy > GENERATOR_BUSY else ()
    measured = {
        "requests": ("1", float(outcome.requests)),
        "cpu": ("s", used / span / outcome.rate),
        "generator_cpu": ("1", outcome.generator_busy),
        "generator_pause": ("s", outcome.generator_pause_ms / 1000),
        # What the generator could do is no capacity of the server, but open loads can be driven at shares of it.
        ("reached" if limits else "rate"): ("1/s", outcome.rate),
        **_latencies(outcome),
        **{f"memory.{when}": ("B", pss) for when, pss in memory.items()},
    }
    series = {
        "latency": tuple(
            (row[0], row[1], *(_seconds(ms) for ms in (row[4], row[6], row[7]))) for row in outcome.series
        ),
        "memory": tuple((at - outcome.started, pss) for at, pss in sampled.memory),
    }
    if outcome.kept:
        series["plan"] = tuple((index / 4, count * 4) for index, count in enumerate(outcome.kept.planned))
        measured["plan_deviation"] = ("1", outcome.kept.deviation)
    values = [Measurement(metric=metric, unit=unit, values=(value,)) for metric, (unit, value) in measured.items()]
    return Observed(measurements=tuple(values), facts=facts, series=series, limits=limits)


def _latencies(outcome: gatling.Outcome) -> dict[str, tuple[str, float]]:
    """Percentiles in seconds; one below the clock's resolution is named so, and holds that bound."""
    levels = outcome.latencies | ({"max": outcome.longest} if outcome.longest else {})
    return {
        f"latency.{name}{'.below' if level.below else ''}": ("s", level.ms / 1000) for name, level in levels.items()
    } | {"latency.mean": ("s", outcome.mean_ms / 1000)}


def _peak(memory: list[tuple[float, float]], outcome: gatling.Outcome) -> float:
    """The most memory held while the measured part of the load ran. Raises LabError without a sample of it."""
    held = [pss for at, pss in memory if outcome.started <= at <= outcome.ended + 1]
    if not held:
        raise LabError("no memory sample within the measured part of the load: the machine stalled or it is too short")
    return max(held)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _most_common(failures: dict[str, int]) -> str:
    return max(failures, key=lambda message: failures[message], default="no reason given")

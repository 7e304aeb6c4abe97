"""The answer about a service that runs already: three cards and warnings, with intervals over blocks."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import msgspec
from rich.console import Console

from bench.analysis import gates
from bench.analysis.stats import Ratio, averaged
from bench.analysis.text import UNITS, interval, number, seconds
from bench.own.running import Running
from bench.own.study import LOAD, STEADY
from bench.report.cards import Card
from bench.report.estimates import TOO_FEW
from bench.report.wording import MEGA

DOUBTFUL = {LOAD: "the throughput is doubtful", STEADY: "the latencies are doubtful"}
BOUND = "the throughput is a lower bound"
FIGURES = (f"{LOAD}.rate", f"{LOAD}.cpu", f"{LOAD}.generator_cpu", f"{STEADY}.latency.p", "memory.")
LEVELS = ("p99", "p95", "p90", "p75")  # the highest that each block has is shown


def means(record: Running) -> dict[str, Ratio]:
    """The geometric mean of each metric over the blocks, with its interval. One that a block lacks is absent."""
    names = {each.metric for block in record.blocks for each in block.measurements}
    found = {name: [block.value(name) for block in record.blocks] for name in sorted(names)}
    known = {name: [Ratio(estimate=value) for value in values if value] for name, values in found.items()}
    return {name: averaged(values) for name, values in known.items() if len(values) == len(record.blocks)}


def cards(record: Running) -> tuple[Card, ...]:
    """Throughput, latency, and CPU time with memory."""
    found = means(record)
    rate, users, asked = (
        found[f"{load}.{name}"] for load, name in ((LOAD, "rate"), (LOAD, "users"), (STEADY, "asked"))
    )
    return (
        Card(
            "Throughput",
            f"{number(rate.estimate)} answers per second ({interval(rate)}) to {users.estimate:.0f} users.",
        ),
        _latency(found, f"Latency at {number(asked.estimate)} requests per second"),
        _cost(record, found),
    )


def warnings(record: Running) -> list[str]:
    """What makes the figures doubtful, with the number of blocks in which it was seen."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for block in record.blocks:
        for load, doubt in DOUBTFUL.items():
            for each in gates.judge(block.part(load)):
                is_bound = load == LOAD and each.spoils == "capacity"
                found[load, each.gate].append(f"{BOUND if is_bound else doubt}: {each.reason}")
        if block.facts["noise"]:
            found["", ""].append(f"the machine was not quiet: {'; '.join(block.facts['noise'])}")
    lines = [f"{told[0]} ({len(told)} of {len(record.blocks)} blocks)" for told in found.values()]
    if record.shared:
        shared = ", ".join(map(str, record.shared))
        lines.append(f"service and load generator share core {shared}: see docs/your-own-service.md, Two cores")
    return lines


def show(console: Console, record: Running, folder: Path, json: bool) -> None:
    """Print the cards and warnings, or the same as JSON."""
    if json:
        console.print_json(msgspec.json.encode(_told(record, folder)).decode())
        return
    for card in cards(record):
        _say(console, f"\n{card.title}", "bold")
        for line in (card.lead, *card.details):
            _say(console, f"  {line}")
    _say(console, "")
    for line in warnings(record):
        _say(console, f"warning: {line}", "yellow")
    _say(console, f"Measured {record.started}, {len(record.blocks)} blocks; --force measures again. Results: {folder}")


def _told(record: Running, folder: Path) -> dict[str, object]:
    units = {each.metric: each.unit for each in record.blocks[0].measurements}
    return {
        "url": record.url,
        "process": record.process,
        "started": record.started,
        "finished": record.finished,
        "cards": cards(record),
        "figures": {
            name: {"unit": units[name], "estimate": mean.estimate, "low": mean.low, "high": mean.high}
            for name, mean in means(record).items()
            if name.startswith(FIGURES)
        },
        "warnings": warnings(record),
        "results": str(folder),
    }


def _latency(found: dict[str, Ratio], title: str) -> Card:
    known = {name: found.get(f"{STEADY}.latency.{name}") for name in ("p50", *LEVELS)}
    highest = next((name for name in LEVELS if known[name]), None)
    told = [f"{name} {_spread(level)}" for name in ("p50", highest) if name and (level := known[name])]
    lead = f"{', '.join(told)}." if told else f"No percentile: {TOO_FEW}."
    details = (f"p99: {TOO_FEW} in a block; use a higher --rate",) if told and highest != "p99" else ()
    return Card(title, lead, details)


def _cost(record: Running, found: dict[str, Ratio]) -> Card:
    title = "Server CPU and memory"
    hidden = {name: reason for block in record.blocks for name, reason in block.facts["hidden"].items()}
    if len(set(hidden.values())) == 1 and len(hidden) == 2:
        return Card(title, f"Unavailable: {hidden['cpu']}.")
    cpu, before, after = (found.get(name) for name in (f"{LOAD}.cpu", "memory.before", "memory.after"))
    spent = f"{_spread(cpu)} of CPU per request" if cpu else f"CPU unavailable ({hidden.get('cpu')})"
    if not before or not after:
        held = f"memory unavailable ({hidden.get('memory')})"
    else:
        at_first = record.blocks[0].value("memory.before") or 0.0
        mega = [number(each / MEGA) for each in (after.estimate, after.low or 0.0, after.high or 0.0)]
        held = f"{mega[0]} MB of memory after the loads ({mega[1]}–{mega[2]}), {number(at_first / MEGA)} MB before"
    return Card(title, f"{spent}; {held}.", (f"of {record.process}",) if record.process else ())


def _spread(level: Ratio) -> str:
    """A time and its interval in the same unit."""
    told, _, unit = seconds(level.estimate).rpartition(" ")
    size = {name: size for size, name in UNITS}[unit]
    ends = [each and each / size for each in (level.low, level.high)]
    return f"{told} {unit} ({interval(Ratio(estimate=level.estimate, low=ends[0], high=ends[1]))})"


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

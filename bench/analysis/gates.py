"""Gates: what can make a figure under load untrue. Each looks at what was observed of one run and says why, if so.

A gate takes only what it spoils: `row` all figures of the stack, as errors, wrong answers and broken arithmetic do;
`capacity` what the server could have answered at most; `latency` how long its answers took.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from bench.analysis import bottlenecks, cheats, consistency
from bench.analysis.bottlenecks import AGREE, LAG, MOVED, NULL, PLATEAU
from bench.analysis.capacity import BUSY, PACER
from bench.analysis.consistency import COARSE
from bench.errors import RIGHT
from bench.model import Measurement, Observed

Spoils = Literal["row", "capacity", "latency"]


class Tripped(msgspec.Struct, frozen=True):
    """A gate that a run did not pass: its name, what that spoils, why, and whether a busy machine could do the same."""

    gate: str
    spoils: Spoils
    reason: str
    noisy: bool = False


Check = Callable[[Observed], str | None]


class Gate(msgspec.Struct, frozen=True):
    """A gate's name, what it spoils, what it asks, and the function that answers with a reason if it trips.

    `needs` names the metrics without which it cannot trip; one that ends with a dot stands for all that begin so.
    A `noisy` one asks how long something took, which a busy machine can change: it has to trip in two runs.
    """

    name: str
    spoils: Spoils
    asks: str
    check: Check
    needs: tuple[str, ...] = ()
    noisy: bool = False

    def could_trip(self, seen: Observed, null: float | None = None) -> bool:
        """Whether the run has what the gate needs; `null` is the rate of the null server, where that was measured."""
        measured = [each.metric for each in seen.measurements]
        known = [
            *measured,
            *(metric.removeprefix(PACER) for metric in measured),
            *([NULL] if null is not None else []),
        ]
        return all(any(_stands_for(need, metric) for metric in known) for need in self.needs)


_LITTLE = ("users", "rate", "latency.mean")
_COUNT = ("requests", "seconds", "rate", "latency.max")
_WAITED = ("latency.delayed", "cpu", "rate", "requests")
_BACK_END = ("backend_cpu", "generator_cpu")
GATES = (
    # Either generator compares each answer; a closed load of the pacer ends there, and no metric tells of it.
    Gate(RIGHT, "row", "Each answer has status 200 and, byte for byte, the right body.", consistency.right_answers),
    Gate(
        "Little's law",
        "row",
        "Rate × mean latency is no more than the users there are.",
        consistency.littles_law,
        _LITTLE,
    ),
    Gate(
        "count and rate",
        "row",
        "Requests ÷ the seconds asked for is the rate by the clock.",
        consistency.count_and_rate,
        _COUNT,
    ),
    Gate(
        "CPU clock",
        "row",
        f"The CPU clock's resolution is below {COARSE:.1%} of the measured time.",
        consistency.cpu_resolved,
        ("cpu.resolution",),
    ),
    # Before the next: where a server slows down, what is seen comes early and what is unseen all along.
    Gate(
        "steady rate",
        "row",
        f"The second half of a closed load brings at least {cheats.SLOWER} times the answers of the first.",
        cheats.steady,
        ("answers.early", "answers.late"),
        noisy=True,
    ),
    Gate(
        "unseen documents",
        "row",
        f"Documents sent once take at most {cheats.UNSEEN} times as long as those sent in turn.",
        cheats.answers_worked_out,
        ("unseen",),
        noisy=True,
    ),
    Gate(
        "work before answer",
        "row",
        f"At most {cheats.AFTER:.0%} of the server's CPU time comes after its last answer.",
        cheats.work_before_answer,
        ("cpu.after", "reached"),
    ),
    Gate(
        "fresh documents",
        "row",
        f"Asked alone, documents of a secret seed take at most {cheats.FRESH}× the time or CPU of those sent before.",
        cheats.fresh_worked_out,
        ("fresh.",),
        noisy=True,
    ),
    Gate(
        "connections",
        "row",
        "Under a closed load a server does not hang up on a connection that it keeps.",
        cheats.connections_kept,
        ("resent", "connected", "reached"),
    ),
    Gate("order", "row", "A higher percentile is no shorter than a lower one.", consistency.ordered, ("latency.",)),
    Gate(
        "starts",
        "latency",
        "Starts of an open load keep to the plan in each 250 ms.",
        bottlenecks.starts_on_time,
        ("plan_deviation",),
    ),
    Gate(
        "settled latency",
        "latency",
        f"The median of an open load's second half is at most {MOVED} times that of its first.",
        bottlenecks.settled,
        ("latency.early", "latency.late"),
    ),
    Gate(
        "generator's lag",
        "latency",
        f"The generator's own mean lateness is at most {LAG:.0%} of the mean latency.",
        bottlenecks.generator_on_time,
        ("latency.mean", "latency.lag"),
    ),
    Gate("40 ms", "latency", "Answers do not gather at 40 ms beside an idle server.", bottlenecks.no_forty_ms, _WAITED),
    Gate(
        "40 ms",
        "capacity",
        "The same: delayed acknowledgements reduce the request rate.",
        bottlenecks.no_forty_ms,
        _WAITED,
    ),
    Gate(
        "generator",
        "capacity",
        f"The generator's core is less than {BUSY:.0%} busy.",
        bottlenecks.generator_idle,
        ("generator_cpu",),
    ),
    Gate(
        "back end",
        "capacity",
        f"Generator and back end keep a core less than {BUSY:.0%} busy.",
        bottlenecks.backend_idle,
        _BACK_END,
    ),
    Gate(
        "plateau",
        "capacity",
        f"The rate is below {PLATEAU:.0%} of the null server's.",
        bottlenecks.above_no_plateau,
        ("rate", NULL),
    ),
    Gate(
        "agreement",
        "capacity",
        f"Server CPU by request is within ×{AGREE} by both generators.",
        bottlenecks.generators_agree,
        ("cpu", f"{PACER}cpu"),
    ),
)


def judge(seen: Observed, null: float | None = None) -> tuple[Tripped, ...]:
    """The gates that what was seen does not pass; `null` is the rate of the null server, where that was measured."""
    if null is not None:
        known = Measurement(metric=NULL, unit="1/s", values=(null,))
        seen = msgspec.structs.replace(seen, measurements=(*seen.measurements, known))
    found = ((gate, gate.check(seen)) for gate in GATES)
    return tuple(Tripped(gate.name, gate.spoils, reason, gate.noisy) for gate, reason in found if reason)


def _stands_for(need: str, metric: str) -> bool:
    return metric.startswith(need) if need.endswith(".") else metric == need

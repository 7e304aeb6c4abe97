"""Gates: checks that reject an implausible measurement under load. Each checks one run and says why it trips.

A gate rejects only what it spoils. `row`: all figures of the stack (errors, wrong answers, contradictory figures).
`capacity`: the highest rate. `latency`: the percentiles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from bench.analysis import bottlenecks, cheats, consistency
from bench.analysis.bottlenecks import AGREE, GROWTH, LAG, NULL, PLATEAU
from bench.analysis.capacity import BUSY, PACER
from bench.analysis.consistency import COARSE
from bench.errors import RIGHT
from bench.model import Measurement, Observed

Spoils = Literal["row", "capacity", "latency"]


class Tripped(msgspec.Struct, frozen=True):
    """A gate that a run tripped: its name, what it spoils, why, and whether a busy machine can trip it (`noisy`)."""

    gate: str
    spoils: Spoils
    reason: str
    noisy: bool = False


Check = Callable[[Observed], str | None]


class Gate(msgspec.Struct, frozen=True):
    """A gate: its name, what it spoils, its `requirement`, and the check that returns a reason if it trips.

    `needs` names the metrics without which it cannot trip; a name that ends with a dot stands for all with that prefix.
    A `noisy` gate checks a time, which a busy machine can change: it must trip in two runs.
    """

    name: str
    spoils: Spoils
    requirement: str
    check: Check
    needs: tuple[str, ...] = ()
    noisy: bool = False

    def could_trip(self, seen: Observed, null: float | None = None) -> bool:
        """Whether the run has the metrics that the gate needs; `null` is the null server's rate, where measured."""
        measured = [each.metric for each in seen.measurements]
        known = [
            *measured,
            *(metric.removeprefix(PACER) for metric in measured),
            *([NULL] if null is not None else []),
        ]
        return all(any(_stands_for(need, metric) for metric in known) for need in self.needs)


_LITTLE = ("users", "rate", "latency.mean")
_COUNT = ("requests", "seconds", "rate", "latency.max")
_DELAYED = ("latency.delayed", "cpu", "rate", "requests")
_BACKEND = ("backend_cpu", "generator_cpu")
_AT_ONCE = "Answers do not cluster at 40 ms while the server is idle"
GATES = (
    # Needs no metric: both generators compare each answer, and the pacer ends a closed load at a wrong one.
    Gate(
        RIGHT,
        "row",
        "Each answer has the right status and body.",
        consistency.right_answers,
    ),
    Gate(
        "all answered",
        "row",
        "Each request of an open load by the pacer is answered within 60 s.",
        consistency.all_answered,
        ("asked",),
    ),
    Gate(
        "Little's law",
        "row",
        "Rate × mean latency does not exceed the number of users.",
        consistency.littles_law,
        _LITTLE,
    ),
    Gate(
        "count and rate",
        "row",
        "Requests ÷ the seconds asked for equals the rate by the clock.",
        consistency.count_and_rate,
        _COUNT,
    ),
    Gate(
        "CPU clock",
        "row",
        f"The CPU clock's resolution is at most {100 * COARSE:.1f} % of the measured time.",
        consistency.cpu_resolved,
        ("cpu.resolution",),
    ),
    # Before "unseen documents", which a slowing server trips too: repeated documents come early, unseen ones all along.
    Gate(
        "steady rate",
        "row",
        f"The second half of a closed load brings at least {cheats.SLOWER} times the answers of the first half.",
        cheats.steady,
        ("answers.early", "answers.late"),
        noisy=True,
    ),
    Gate(
        "batches",
        "row",
        f"A closed load brings at least {consistency.EACH} answers for each connection, or as many in each half.",
        consistency.whole_batches,
        ("answers.early", "answers.late", "under_way"),
        noisy=True,
    ),
    Gate(
        "unseen documents",
        "row",
        f"Documents sent once take at most {cheats.UNSEEN} times as long as repeated ones.",
        cheats.answers_worked_out,
        ("unseen",),
        noisy=True,
    ),
    Gate(
        "work before answer",
        "row",
        f"The server spends at most {100 * cheats.AFTER:.0f} % of its CPU time after its last answer.",
        cheats.work_before_answer,
        ("cpu.after", "reached"),
    ),
    Gate(
        "fresh documents",
        "row",
        f"Sent one by one, documents of a secret seed take at most {cheats.FRESH}× the time and CPU of the load's.",
        cheats.fresh_worked_out,
        ("fresh.",),
        noisy=True,
    ),
    Gate(
        "connections",
        "row",
        "Under a closed load, the server does not silently close a connection that it keeps.",
        cheats.connections_kept,
        ("resent", "connected", "reached"),
    ),
    Gate("order", "row", "A higher percentile is not below a lower one.", consistency.ordered, ("latency.",)),
    Gate(
        "starts",
        "latency",
        "The starts in each 250 ms of an open load match the plan.",
        bottlenecks.starts_on_time,
        ("plan_deviation",),
    ),
    Gate(
        "settled latency",
        "latency",
        f"The median latency of an open load's second half is at most {GROWTH:g} times that of its first half.",
        bottlenecks.settled,
        ("latency.early", "latency.late"),
    ),
    Gate(
        "generator's lag",
        "latency",
        f"The generator's mean lateness is at most {100 * LAG:.0f} % of the mean latency.",
        bottlenecks.generator_on_time,
        ("latency.mean", "latency.lag"),
    ),
    Gate("40 ms", "latency", f"{_AT_ONCE}.", bottlenecks.no_forty_ms, _DELAYED),
    Gate(
        "40 ms",
        "capacity",
        f"{_AT_ONCE}: delayed acknowledgements lower the rate.",
        bottlenecks.no_forty_ms,
        _DELAYED,
    ),
    Gate(
        "generator",
        "capacity",
        f"The generator's core is at most {100 * BUSY:.0f} % busy.",
        bottlenecks.generator_idle,
        ("generator_cpu",),
    ),
    Gate(
        "backend",
        "capacity",
        f"The core that generator and backend share is at most {100 * BUSY:.0f} % busy.",
        bottlenecks.backend_idle,
        _BACKEND,
    ),
    Gate(
        "plateau",
        "capacity",
        f"The rate is below {100 * PLATEAU:.0f} % of the rate of a server without work.",
        bottlenecks.below_plateau,
        ("rate", NULL),
    ),
    Gate(
        "agreement",
        "capacity",
        f"Server CPU per request under the two generators agrees within a factor of {AGREE}.",
        bottlenecks.generators_agree,
        ("cpu", f"{PACER}cpu"),
    ),
)


def judge(seen: Observed, null: float | None = None) -> tuple[Tripped, ...]:
    """The gates that a run trips; `null` is the null server's rate, where it was measured."""
    if null is not None:
        known = Measurement(metric=NULL, unit="1/s", values=(null,))
        seen = msgspec.structs.replace(seen, measurements=(*seen.measurements, known))
    found = ((gate, gate.check(seen)) for gate in GATES)
    return tuple(Tripped(gate.name, gate.spoils, reason, gate.noisy) for gate, reason in found if reason)


def _stands_for(need: str, metric: str) -> bool:
    return metric.startswith(need) if need.endswith(".") else metric == need

"""Made-up runs of open loads beyond a capacity of 2,000 requests per second."""

from collections.abc import Sequence

from bench.model import Measurement, Observed

CAPACITY = 2000.0
RAMP = (800, 1200, 1400, 1800, 2200, 2600, 1000, 1000, 1000)  # planned requests; two seconds are beyond capacity
USUAL = 0.002


def seen(
    plan: Sequence[float],
    late: dict[int, float],
    failures: dict[str, int] | None = None,
    answers: dict[int, tuple[float, float]] | None = None,
    usual: float = USUAL,
    **metrics: float,
) -> Observed:
    """A run with the median latency `usual` in each second, except those that are `late`. The lead-in is late as well.

    `answers` holds, by second, the numbers of answered and failed requests; in other seconds, all are answered. As in a
    real log, there is no 99th percentile below 1,000 requests per second, and no median below 20.
    """
    medians = [late.get(at, usual) for at in range(len(plan))]
    rows = [
        (float(at), rate, took if rate >= 20 else None, 1.5 * took if rate >= 1000 else None, 2 * took)
        for at, (rate, took) in enumerate(zip(plan, medians, strict=True))
    ]
    measured = {"generator_cpu": 0.2, "plan_deviation": 0.01, "failed": float(sum((failures or {}).values()))}
    return Observed(
        measurements=tuple(Measurement(metric=m, unit="", values=(v,)) for m, v in (measured | metrics).items()),
        facts={"failures": failures} if failures else {},
        series={
            "latency": ((-1.0, 40.0, 0.6, 0.6, 0.6), *rows),
            "answers": (
                (-1.0, 40.0, 40.0, 0.0),
                *((float(at), rate, *(answers or {}).get(at, (rate, 0.0))) for at, rate in enumerate(plan)),
            ),
            "plan": tuple((at + quarter / 4, float(rate)) for at, rate in enumerate(plan) for quarter in range(4)),
        },
    )

"""Made runs of open loads that go beyond a capacity of 2,000 requests a second."""

from collections.abc import Sequence

from bench.model import Measurement, Observed

CAPACITY = 2000.0
RAMP = (800, 1200, 1400, 1800, 2200, 2600, 1000, 1000, 1000)  # planned a second; two seconds beyond capacity
USUAL = 0.002


def seen(
    plan: Sequence[float],
    late: dict[int, float],
    failures: dict[str, int] | None = None,
    answers: dict[int, tuple[float, float]] | None = None,
    usual: float = USUAL,
    **metrics: float,
) -> Observed:
    """A run whose seconds take `usual`, but for those that are `late`; the lead-in was late, too, and counts nowhere.

    `answers` says by second how many requests were answered and failed in it; all that started if it does not.

    As in a real log, a 99th percentile is absent below 1,000 requests a second, and a median below 20.
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

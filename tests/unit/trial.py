"""What the tests of planning make up: a study of three variants behind two servers, and runs of its closed load."""

import msgspec

from bench.model import MacroCase, MacroPlan, Measurement, MicroPlan, OpenPlan, Run, Stack, StartupPlan, Study

STUDY = Study(
    name="trial",
    title="A trial",
    question="Which?",
    baseline="cpython",
    variants=("cpython", "pypy", "nuitka"),
    servers=("gunicorn-sync", "uwsgi-processes"),
    workloads=("medium",),
    aa=True,
    sizes=True,
    micro=MicroPlan(processes=10, values=5, passes=2),
    startup=StartupPlan(spawns=20, server="gunicorn-sync"),
    macro=MacroPlan(loads=("closed",), runs=2),
    open=OpenPlan(loads=("ramp", "steady-peaks"), runs=1, share=0.7),
)


def stack(text: str) -> Stack:
    variant, server = text.split(" behind ")
    return Stack(variant=variant, framework="falcon", server=server)


def closed(where: str, cpu: float, rate: float | None = None, **changes: object) -> Run:
    """A run under the closed load."""
    values = {"cpu": cpu} | ({} if rate is None else {"rate": rate})
    case = MacroCase(stack=stack(where), workload="medium", load="closed")
    run = Run(
        case=case,
        block=0,
        started="",
        seconds=1.0,
        verdict="pass",
        measurements=tuple(Measurement(metric=name, unit="", values=(value,)) for name, value in values.items()),
    )
    return msgspec.structs.replace(run, **changes)

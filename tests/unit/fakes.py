"""What takes the place of provisioning, building, verifying and measuring, and sessions in a folder of a test's own."""

import io
from collections.abc import Collection
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from bench import documents, pipeline, store, verify
from bench.build import variants
from bench.errors import LabError, MissingError
from bench.host import quiet
from bench.measure import blocks
from bench.measure.instruments import gatling_setup, null
from bench.model import (
    Artifact,
    Case,
    Catalog,
    Interpreter,
    MacroPlan,
    Measurement,
    MicroPlan,
    OpenPlan,
    Provisioned,
    Run,
    Session,
    Study,
    Unavailable,
    Variant,
)
from bench.plan.planned import plan
from bench.progress import Progress
from bench.provision import interpreters
from tests.declared import CATALOG
from tests.unit import made

STUDY = Study(
    name="trial",
    title="A trial",
    question="Which?",
    baseline="cpython",
    variants=("cpython", "nuitka"),
    servers=("gunicorn-sync",),
    workloads=("medium",),
    micro=MicroPlan(processes=3, values=5),
    macro=MacroPlan(loads=("closed",), runs=1),
    open=OpenPlan(loads=("ramp",), runs=1, share=0.5),
)
HERE = {"architecture": "x86_64", "fingerprint": "0" * 16}


def keep_sessions(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Keep sessions in `folder`. Each look at the clock is a second later, so that no two of them begin at one."""
    seconds = iter(range(60))
    monkeypatch.setattr(store, "now", lambda: f"2026-11-24T12:00:{next(seconds):02}+00:00")
    monkeypatch.setattr(store, "create", partial(store.create, results=folder))
    for name in ("sessions", "alike"):
        monkeypatch.setattr(store, name, partial(getattr(store, name), results=folder))


class Bench:
    """Takes the place of all that provisions, builds, verifies and measures; keeps what was measured."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.missing: set[str] = set()
        self.likes: dict[str, str | None] = {}
        self.broken: set[str] = set()
        self.wrong: set[str] = set()
        self.lacks: dict[str, Unavailable] = {}
        self.no_generator: MissingError | None = None
        self.stop_after: int | None = None
        self.measured: list[Case] = []
        self.said = io.StringIO()
        self.clock = self.load = 0.0
        monkeypatch.setattr(interpreters, "provision", self.provision)
        monkeypatch.setattr(variants, "build", self.build)
        monkeypatch.setattr(verify, "check_variant", self.check)
        monkeypatch.setattr(documents, "ensure", lambda workload: None)
        monkeypatch.setattr(gatling_setup, "provision", self.generator)
        monkeypatch.setattr(null, "provision", lambda variant: None)
        monkeypatch.setattr(pipeline, "leave_server_alone", lambda: None)
        monkeypatch.setattr(blocks, "execute", self.execute)
        monkeypatch.setattr(quiet, "sample", self.sample)
        monkeypatch.setattr(quiet, "WINDOW_SECONDS", 0.0)

    def provision(self, interpreter: Interpreter, like: Provisioned | None = None) -> Provisioned | Unavailable:
        self.likes[interpreter.name] = like.name if like else None
        if interpreter.name in self.missing:
            return Unavailable(what=interpreter.name, reason="no provider has it", remedy="get it")
        return made.interpreter(name=interpreter.name)

    def build(
        self,
        catalog: Catalog,
        variant: Variant,
        interpreter: Provisioned,
        servers: Collection[str] | None = None,
        force: bool = False,
    ) -> Artifact:
        if variant.name in self.broken:
            raise LabError("`cc` failed with status 1; see build.log")
        return made.artifact(variant.name, lacks=self.lacks)

    def generator(self) -> None:
        if self.no_generator:
            raise self.no_generator

    def check(self, _: Catalog, variant: str, cases: Path) -> verify.Checked:
        return verify.Checked(94, ("valid/a.json: expected 1, got 2",) if variant in self.wrong else ())

    def sample(self) -> quiet.Sample:
        """A clock that goes on by a second at each look, and a CPU that others use as the test says."""
        self.clock += 1.0
        return quiet.Sample(at=self.clock, cpus=2, busy=self.load * self.clock, own=0.0)

    def execute(self, _: Catalog, case: Case, block: int, folder: Path) -> Run:
        if len(self.measured) == self.stop_after:
            raise KeyboardInterrupt
        self.measured.append(case)
        cost = {"cpython": 1e-3, "nuitka": 5e-4}[case.variant]
        values = {"time": cost, "cpu": cost, "rate": 1 / cost}
        measurements = tuple(Measurement(metric=name, unit="", values=(value,)) for name, value in values.items())
        return Run(case=case, block=block, started="", seconds=1.0, verdict="pass", measurements=measurements)

    def run(
        self, study: Study = STUDY, force: bool = False, strict: bool = False, budget: float | None = None
    ) -> tuple[Path, Session]:
        return pipeline.run(plan(study, CATALOG), Progress(Console(file=self.said)), force, strict, budget=budget)

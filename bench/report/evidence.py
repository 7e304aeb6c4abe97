"""The runs of a session by subject, and the comparisons that they yield. What is absent has a reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from bench.analysis.capacity import BUSY
from bench.analysis.comparison import Comparison, compared, noise_floor, paired, whole
from bench.analysis.pooled import Pooled
from bench.analysis.selftest import Selftest
from bench.analysis.spread import POOLED, pooled
from bench.analysis.stats import Ratio, reach
from bench.errors import RIGHT
from bench.model import Instrument, Run, Session, Stack, Study, Unavailable, Verdict

ASIDE = {"size", "instructions", "suite", "layers"}  # a failure of these instruments spoils no other figure
Subject = str | Stack


def first_stack(study: Study) -> Stack:
    """The baseline behind the study's first server; of an application, its present stack."""
    server = study.servers[0]
    return Stack(variant=study.baseline, framework=study.frameworks_on(server)[0], server=server)


class Evidence:
    """A session's runs of one workload, by instrument, subject (a variant for micro, a stack for the rest) and load.

    Sizes and start-ups do not depend on the workload and are there for each one. `same` is the ratio of the study's own
    A/A pair; None without one.
    """

    def __init__(self, session: Session, runs: Iterable[Run], workload: str, selftest: Selftest | None = None) -> None:
        self.plan = session.plan
        self.study = session.plan.study
        self.catalog = session.plan.catalog
        self.workload = workload
        self._session = session
        self._runs: dict[tuple[Instrument, Subject, str | None, bool], list[Run]] = defaultdict(list)
        self._forced: dict[Subject, list[Run]] = defaultdict(list)
        self._failures: dict[Subject, str] = {}
        for run in runs:
            case = run.case
            subject = case.stack or case.variant
            if case.path and case.workload == workload:
                self._forced[subject].append(run)
            if not case.is_usual:
                continue
            here = case.workload == workload or case.instrument in {"size", "startup"}
            if here:
                self._runs[case.instrument, subject, case.load, case.aa].append(run)
            counts = not case.is_open or (self.plan.is_of_an_application and run.gate == RIGHT)  # a wrong answer is one
            if here and run.verdict == "failed" and case.instrument not in ASIDE and counts:
                self._failures.setdefault(subject, run.told or "failed without a reason")
        repeats = self._of("micro", self.study.baseline, None, True)
        self.same = paired(self.of("micro", self.study.baseline), repeats, "time")
        self._selftest = selftest
        self._costs: dict[tuple[str | None, str], Pooled[Subject] | None] = {}

    def floor(self, instrument: Instrument) -> float:
        """The noise floor of an instrument; 0 where neither the self-test nor the A/A pair shows a bias."""
        return noise_floor(self.same, self._selftest.bias(instrument) if self._selftest else None)

    def spread(self, instrument: Instrument) -> float:
        """The spread of A/A ratios on this machine, by its self-test or else by the interval of the A/A pair."""
        tested = self._selftest.spread(instrument) if self._selftest else None
        own = reach(self.same) if self.same else None
        return max(tested or own or 0.0, self.floor(instrument))

    def of(self, instrument: Instrument, subject: Subject, load: str | None = None) -> Sequence[Run]:
        """The runs that count: none of a subject in trouble, and none of a case with a failed run."""
        return () if self.trouble(subject) else self._of(instrument, subject, load, False)

    def why_none(self, instrument: Instrument, subject: Subject, load: str | None = None) -> str:
        """The reason why `of` finds no run."""
        tried = self._runs.get((instrument, subject, load, False), ())
        lack = next((lack.reason for lack in self._unavailable(subject, instrument)), None)
        failed = (run.told for run in tried if run.verdict == "failed")
        absent = "not part of this study" if self._session.finished else "not measured yet"
        eliminated = self.eliminated(subject) if instrument == "macro" else None
        return self.trouble(subject) or lack or next(failed, None) or eliminated or absent

    def null(self, load: str | None) -> float | None:
        """The highest rate of the null server under `load`, in requests per second.

        None where it was not measured, or where the generator had time to spare, so that the null server was the limit.
        """
        runs = self._runs.get(("null", self.study.baseline, load, False), ())
        known = [run for run in runs if (run.value("generator_cpu") or 1.0) > BUSY]
        return max((rate for run in known for rate in run.values("rate")), default=None)

    def forced(self, variant: str) -> Sequence[Run]:
        """The timed processes of `variant` on the path that was counted, if it otherwise takes another one."""
        return () if self.trouble(variant) else whole(self._forced.get(variant, ()))

    def trouble(self, subject: Subject) -> str | None:
        """Why no figure of `subject` counts: it is unavailable, or a run failed. A wrong answer spoils a whole row."""
        names: list[Subject] = [subject.variant, subject] if isinstance(subject, Stack) else [subject]
        failed = (self._failures[name] for name in names if name in self._failures)
        return next((lack.reason for lack in self._unavailable(subject)), None) or next(failed, None)

    def eliminated(self, subject: Subject) -> str | None:
        """Why a race eliminated `subject` on this workload; None if it did not, or without a race."""
        race = self._session.race
        out = (each for each in race.eliminated if each.workload == self.workload) if race else ()
        return next((each.reason for each in out if each.stack == subject), None)

    def verdict(self, subject: Subject) -> Verdict:
        """The verdict on a subject: unavailable or unsupported, `failed`, `eliminated` in a race, or `pass`."""
        unavailable = self._unavailable(subject)
        if unavailable and not any(lack.kind == "failed" for lack in unavailable):
            return unavailable[0].kind
        return "failed" if self.trouble(subject) else "eliminated" if self.eliminated(subject) else "pass"

    def speedup(
        self,
        instrument: Instrument,
        subject: Subject,
        metric: str,
        load: str | None = None,
        *,
        over: Subject | None = None,
        among: int = 1,
    ) -> Comparison:
        """`metric` of `over` ÷ that of `subject`, by pairs within blocks; by default, of the study's baseline.

        The baseline of a stack is behind the same server, that of a peer behind the study's first one. `among` is the
        number of comparisons from which this one was picked by its result.
        """
        baseline = over or self._baseline(subject)
        found = self._ratio(instrument, baseline, subject, metric, load)
        if found is None:
            lacking = subject if not self.of(instrument, subject, load) else baseline
            return Comparison(reason=f"{lacking}: {self.why_none(instrument, lacking, load)}")
        return compared(found, self.floor(instrument), among)

    def _ratio(
        self, instrument: Instrument, above: Subject, below: Subject, metric: str, load: str | None
    ) -> Ratio | None:
        """The ratio from pairs within blocks. Stacks under a load share one spread."""
        if instrument == "macro" and metric in POOLED:
            costs = self._pooled(load, metric)
            known = costs is not None and above in costs.stacks and below in costs.stacks
            return costs.ratio(above, below) if costs and known else None
        return paired(self.of(instrument, above, load), self.of(instrument, below, load), metric)

    def residual(self, load: str | None) -> float | None:
        """The residual standard deviation of server CPU under a load; None where no stack had two servers."""
        costs = self._pooled(load, "cpu")
        return costs.sd if costs else None

    def _pooled(self, load: str | None, metric: str) -> Pooled[Subject] | None:
        if (load, metric) not in self._costs:
            loaded = [key[1] for key in self._runs if key[0] == "macro" and key[2:] == (load, False)]
            own = {subject: runs for subject in loaded if (runs := self.of("macro", subject, load))}
            self._costs[load, metric] = pooled(own, metric)
        return self._costs[load, metric]

    def forced_speedup(self, variant: str) -> Comparison:
        """The baseline's time ÷ that of `variant` on the path that was counted."""
        found = paired(self.of("micro", self.study.baseline), self.forced(variant), "time")
        return compared(found, self.floor("micro")) if found else Comparison(reason="not timed on that path")

    def _unavailable(self, subject: Subject, instrument: Instrument | None = None) -> list[Unavailable]:
        """The reasons why a subject is unavailable, for all instruments or for the one given."""
        parts = msgspec.structs.asdict(subject) if isinstance(subject, Stack) else {"variant": subject}
        found = (lack for lack in self._session.unavailable if lack.instrument == instrument)
        return [lack for lack in found if lack.covers(**parts, workload=self.workload, instrument=instrument)]

    def _of(self, instrument: Instrument, subject: Subject, load: str | None, aa: bool) -> Sequence[Run]:
        return sorted(whole(self._runs.get((instrument, subject, load, aa), ())), key=lambda run: run.block)

    def _baseline(self, subject: Subject) -> Subject:
        if isinstance(subject, Stack) and subject.is_peer and self.study.servers:
            return first_stack(self.study)
        name = self.study.baseline
        return msgspec.structs.replace(subject, variant=name) if isinstance(subject, Stack) else name

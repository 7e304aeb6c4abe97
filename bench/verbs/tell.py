"""Tell what was measured: reports, comparisons, and the findings that are kept."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from bench import pipeline, store
from bench.model import Session, Study
from bench.paths import ROOT
from bench.verbs.app import Json, Price, app, out, say, study_of


@app.command
def report(study: str = "quick", *, variant: str | None = None, price: Price = None, json: Json = False) -> int:
    """Write the report of a study's last session anew, for each kind of machine that has one, and show its answer.

    Parameters
    ----------
    study
        The name of a study that was run, be it declared still or not.
    variant
        That of this variant alone, against the study's baseline.
    """
    name = study_of(study, variant).name if variant else study
    return max(show(folder, price, json) for folder, _ in store.latest_by_machine(name))


@app.command
def compare(a: str, b: str, *, json: Json = False) -> int:
    """Compare two results process by process: ratio, interval, noise floor, and the smallest detectable difference.

    Parameters
    ----------
    a
        The baseline: STUDY/VARIANT or STUDY/VARIANT/FRAMEWORK/SERVER, of its last session, or a plain pyperf JSON file.
    b
        What is compared with it, named likewise.
    """
    from bench.report import compare as comparing  # noqa: PLC0415 - as in `show`

    found = comparing.compare(a, b)
    say(found, map(comparing.text, found), json)
    return 0


@app.command(name="keep")
def keep_(study: str, *, variant: str | None = None) -> int:
    """Keep the last session of a study, and all that are like it, in the repository: docs/findings/data.

    Parameters
    ----------
    study
        A name from bench/studies.
    variant
        That of this variant alone, against the study's baseline.
    """
    return keep_last(study_of(study, variant))


@app.command
def findings() -> int:
    """Write docs/findings anew from the sessions that are kept there."""
    from bench.report import docs  # noqa: PLC0415 - as in `show`

    for path in docs.write():
        out.print(str(path.relative_to(ROOT)), highlight=False)
    return 0


def show(folder: Path, price: str | None, json: bool) -> int:
    """Write the report of what lies in `folder` and print the answer; of a self-test, its verdict."""
    from bench.analysis import selftest as testing  # noqa: PLC0415 - a second of imports that other verbs spare
    from bench.report import cost, drift, finding, page, selftest, summary  # noqa: PLC0415

    session, runs = store.read(folder / "session.json", Session), store.runs(folder)
    study, status = session.plan.study, pipeline.status(runs, session.unavailable)
    if study.selftest:
        verdict = selftest.judged(folder)
        say(verdict, selftest.lines(verdict), json)
        return max(status, int(not verdict.passed))
    if study.factors:
        moved = drift.judged(folder)
        say(moved, drift.lines(moved), json)
        return status
    tested = testing.latest(session.machine.get("fingerprint"))
    found = finding.find(session, runs, cost.parse(price) if price else None, tested)
    summary.show(out, found, page.write(folder, found), json)
    return status


def keep_last(study: Study) -> int:
    """Keep the study's last session and those like it, and say where, beside what machines read."""
    from bench import keep as keeping  # noqa: PLC0415 - as in `show`

    for path in keeping.keep(study):
        told = f"kept in {path.relative_to(ROOT)}, {path.stat().st_size:,} bytes"
        Console(stderr=True).print(told, highlight=False, soft_wrap=True)
    Console(stderr=True).print("`python -m bench findings` makes its page", highlight=False, soft_wrap=True)
    return 0

"""Verbs that report: answers, comparisons, and kept findings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench import catalog, pipeline, store
from bench.errors import LabError
from bench.model import Session, Study
from bench.paths import ROOT
from bench.verbs.app import Json, Price, app, out, say, study_of

if TYPE_CHECKING:
    from bench.report import cost


@app.command
def report(study: str = "quick", /, *, variant: str | None = None, price: Price = None, json: Json = False) -> int:
    """Rewrite the report of a study's last session on each kind of machine, and show the answer.

    Example: `python -m bench report quick --price 0.04,0.005`

    Exit status: 1 if a case failed or an answer was wrong.

    Parameters
    ----------
    study
        Name of a study with results, even if it is no longer declared.
    variant
        Report the session of this variant or peer and the study's baseline (`run --variant`).
    """
    name, priced = study_of(study, variant).name if variant else study, price_of(price)
    if not store.sessions(name):
        raise LabError(f"study {name!r} has no results: run `{study_of(study, variant).command}`")
    return max(show(folder, priced, json) for folder, _ in store.latest_by_machine(name))


@app.command
def compare(a: str, b: str, /, *, fail_below: float | None = None, json: Json = False) -> int:
    """Compare two results: ratio, confidence interval, noise floor, smallest detectable difference.

    Example: `python -m bench compare quick/cpython quick/cython`. A guard against regressions in CI:
    `python -m bench compare main.json branch.json --fail-below 0.95`.

    Exit status: 1 if --fail-below finds a slower benchmark.

    Parameters
    ----------
    a
        The baseline: STUDY/VARIANT or STUDY/VARIANT/FRAMEWORK/SERVER of the last session, or a pyperf JSON file.
    b
        The result to compare with it, named in the same way.
    fail_below
        Fail if B is significantly slower than A and its speed is below this share of A's, such as 0.95.
    """
    from bench.report import compare as comparing  # noqa: PLC0415 - a slow import, as in `show`

    if fail_below is not None and not 0 < fail_below <= 1:
        raise LabError(f"invalid --fail-below {fail_below:g}: use a ratio above 0 and at most 1, such as 0.95")
    found = comparing.compare(a, b)
    guarded = [] if fail_below is None else [comparing.verdict(each, fail_below) for each in found]
    say(found, [*map(comparing.text, found), *guarded], json)
    return int(fail_below is not None and any(each.is_slower(fail_below) for each in found))


@app.command(name="keep")
def keep_(study: str, /, *, variant: str | None = None) -> int:
    """Copy the last session of a study, and all sessions like it, to docs/findings/data.

    Sessions are alike if cases, machine and commit are equal. `python -m bench findings` then writes the page.

    Example: `python -m bench keep servers`

    Parameters
    ----------
    study
        Name of a study, such as quick (see `python -m bench list`).
    variant
        Keep the session of this variant or peer and the study's baseline (`run --variant`).
    """
    return keep_last(study_of(study, variant))


@app.command
def findings() -> int:
    """Rewrite the pages of docs/findings and README's tables from the sessions in docs/findings/data."""
    from bench.report import docs, readme  # noqa: PLC0415 - slow imports, as in `show`

    for path in docs.write(words=catalog.read().words, front=readme.README):
        out.print(str(path.relative_to(ROOT)), highlight=False)
    return 0


def price_of(text: str | None) -> cost.Price | None:
    """The price that an option gives, if it does. Raises LabError for an invalid one."""
    from bench.report import cost  # noqa: PLC0415 - a slow import, as in `show`

    return cost.parse(text) if text else None


def show(folder: Path, price: cost.Price | None, json: bool) -> int:
    """Write the report of the session in `folder` and print its answer, or the verdict of a self-test."""
    from bench.analysis import drift as sources  # noqa: PLC0415 - a second of imports that most verbs do not need
    from bench.analysis import selftest as testing  # noqa: PLC0415
    from bench.report import drift, finding, page, selftest, summary  # noqa: PLC0415

    session, runs = store.read(folder / "session.json", Session), store.runs(folder)
    study, status = session.plan.study, pipeline.status(runs, session.unavailable)
    if study.selftest:
        verdict = selftest.judged(folder, session, runs)
        say(verdict, selftest.lines(verdict), json)
        return max(status, int(not verdict.passed))
    if study.factors:
        moved = sources.judge(session, runs)
        say(moved, drift.lines(moved), json)
        return status
    tested = testing.latest(session.machine.get("fingerprint"))
    found = finding.find(session, runs, price, tested)
    summary.show(out, found, page.write(folder, found), json)
    return status


def keep_last(study: Study) -> int:
    """Copy the study's last session and those like it to docs/findings/data. Messages go to standard error."""
    from bench import keep as keeping  # noqa: PLC0415 - a slow import, as in `show`

    for path in keeping.keep(study):
        line = f"kept: {path.relative_to(ROOT)}, {path.stat().st_size:,} bytes"
        Console(stderr=True).print(line, highlight=False, soft_wrap=True)
    Console(stderr=True).print("`python -m bench findings` writes its page", highlight=False, soft_wrap=True)
    return 0

"""Measure: a study, a core of one's own, the machine itself, once or again."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from bench import pipeline
from bench.durations import duration
from bench.errors import LabError
from bench.progress import Progress
from bench.verbs.app import Budget, Flag, Json, Price, app, plan_of, say, study_of
from bench.verbs.tell import keep_last, show


@app.command
def run(
    study: str,
    *,
    variant: str | None = None,
    force: bool = False,
    budget: Budget = None,
    strict: Flag = False,
    scheduler: str | None = None,
    allow_remote_load: Flag = False,
    price: Price = None,
    keep: Flag = False,
    json: Json = False,
) -> int:
    """Measure a study and show its answer. A finished one is shown with its date; an interrupted one goes on.

    Parameters
    ----------
    study
        A name from bench/studies.
    variant
        Only this variant, against the study's baseline.
    force
        Measure anew what is finished.
    strict
        Measure nothing, with exit status 3, on a machine that is not quiet within a minute.
    scheduler
        The address of a dask scheduler: its workers measure, one answer for each kind of machine.
    allow_remote_load
        Let its generators drive the loads; servers then listen on their machine's private address.
    keep
        Keep the session in the repository, for `findings`.
    """
    chosen = study_of(study, variant)
    if keep:
        from bench import keep as keeping  # noqa: PLC0415 - as in `show`

        keeping.require_keepable(chosen, force=force)  # before an hour of measuring, and again after it
    if scheduler is None:
        if allow_remote_load:
            raise LabError("--allow-remote-load is of a fleet: it needs --scheduler ADDRESS")
        limit = duration(budget, "--budget") if budget else None
        folders = [pipeline.run(plan_of(chosen), Progress(), force, strict, budget=limit)[0]]
    elif budget:
        raise LabError("--budget is of this machine: a fleet's workers share the blocks of a whole study")
    elif strict:
        raise LabError("--strict is of this machine: a fleet's workers do not ask whether they are quiet")
    else:
        from bench.fleet import driver  # noqa: PLC0415 - as in `show`

        found = driver.run(plan_of(chosen), scheduler, Progress(), force=force, remote_load=allow_remote_load)
        folders = [folder for folder, _ in found]
    status = max(show(folder, price, json) for folder in folders)
    return max(status, keep_last(chosen)) if keep else status


@app.command
def repeat(
    study: str,
    *sessions: str,
    times: Annotated[int | None, Parameter(validator=Number(gte=2))] = None,
    budget: Budget = None,
    variant: str | None = None,
    json: Json = False,
) -> int:
    """Measure a study again, in sessions of their own, and show where they disagree.

    Parameters
    ----------
    study
        A name from bench/studies.
    sessions
        Two finished sessions to compare instead of measuring, by the names of their folders.
    times
        Measure until there are so many sessions; shows each ratio over all of them, with the interval between them.
    variant
        Only this variant, against the study's baseline.
    """
    from bench.report import between  # noqa: PLC0415 - as in `show`
    from bench.report import repeat as repeating  # noqa: PLC0415

    chosen = study_of(study, variant)
    if times is not None:
        if sessions:
            raise LabError("--times measures sessions: name either them or --times")
        limit = duration(budget, "--budget") if budget else None
        over = between.stored(pipeline.run_times(plan_of(chosen), Progress(), times, budget=limit))
        say(over, between.lines(over), json)
        return 0
    if budget:
        raise LabError("--budget is of the sessions that --times measures: add --times N")
    if not sessions:
        pipeline.run_twice(plan_of(chosen), Progress())
    folders = repeating.chosen(chosen.name, sessions)
    found = repeating.stored(folders)
    say(found, repeating.lines(folders, found), json)
    return 0


@app.command
def selftest(*, force: bool = False, keep: Flag = False, json: Json = False) -> int:
    """Measure this machine's bias by A/A comparisons, then known differences; exit 1 if the method fails.

    Parameters
    ----------
    force
        Measure anew what is finished.
    keep
        Keep the session in the repository, for `findings`.
    """
    return run("selftest", force=force, keep=keep, json=json)


@app.command
def sessions(*, force: bool = False, keep: Flag = False, json: Json = False) -> int:
    """Measure what moves a core's time from session to session: files, build, environment, hash seed, addresses, time.

    Parameters
    ----------
    force
        Measure anew what is finished.
    keep
        Keep the session in the repository, for `findings`.
    """
    return run("sessions", force=force, keep=keep, json=json)


@app.command
def worker(scheduler: str, *, generator: Flag = False) -> int:
    """Let this machine measure for a dask scheduler, one block of a study at a time, until Ctrl-C or its end.

    Parameters
    ----------
    scheduler
        Its address, such as tcp://10.0.0.1:8786.
    generator
        Drive load against servers of the others instead of measuring.
    """
    from bench.fleet import worker as working  # noqa: PLC0415 - as in `show`

    working.work(scheduler, "generator" if generator else "machine")
    return 0

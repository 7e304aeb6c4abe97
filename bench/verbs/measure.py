"""Verbs that measure: a study once or again, all studies, the machine itself."""

from __future__ import annotations

from bench import pipeline
from bench.durations import duration
from bench.errors import LabError
from bench.host import exclusive, machine
from bench.model import Study
from bench.progress import Progress
from bench.verbs.app import Budget, Flag, Json, Price, app, declared, out, plan_of, say, study_of
from bench.verbs.tell import keep_last, price_of, show


@app.command
def run(
    study: str,
    /,
    *,
    variant: str | None = None,
    force: Flag = False,
    budget: Budget = None,
    strict: Flag = False,
    scheduler: str | None = None,
    allow_remote_load: Flag = False,
    price: Price = None,
    keep: Flag = False,
    json: Json = False,
) -> int:
    """Measure a study and show its answer.

    An interrupted session continues. A finished one is shown with its date and not measured again: use --force to
    repeat it.

    Example: `python -m bench run quick`, or `python -m bench run servers --budget 17m`

    Exit status: 1 if a case fails or an answer is wrong, 3 if --strict refuses to measure.

    Parameters
    ----------
    study
        Name of a study, such as quick (see `python -m bench list`).
    variant
        Measure only this variant or peer and the study's baseline.
    force
        Begin a new session even if the last one is finished or interrupted.
    strict
        Refuse to measure, with exit status 3, if the machine is not quiet within a minute.
    scheduler
        Measure on the workers of a dask scheduler, such as tcp://10.0.0.1:8786. Each kind of machine gets an answer.
    allow_remote_load
        With --scheduler: workers with --generator generate the load, and servers listen on their private addresses.
    keep
        Copy the finished session to docs/findings/data (see `python -m bench findings`).
    """
    chosen, priced = study_of(study, variant), price_of(price)
    if keep:
        from bench import keep as keeping  # noqa: PLC0415 - a slow import, as in `show`

        keeping.require_keepable(chosen, force=force)  # before an hour of measuring, not only after it
    if scheduler is None:
        if allow_remote_load:
            raise LabError("--allow-remote-load requires --scheduler ADDRESS")
        limit = duration(budget, "--budget") if budget else None
        folders = [pipeline.run(plan_of(chosen), Progress(), force, strict, budget=limit)[0]]
    elif budget:
        raise LabError("--budget and --scheduler exclude each other: a race runs on one machine only")
    elif strict:
        raise LabError("--strict and --scheduler exclude each other: workers do not check whether they are quiet")
    else:
        from bench.fleet import driver  # noqa: PLC0415 - a slow import, as in `show`

        found = driver.run(plan_of(chosen), scheduler, Progress(), force=force, remote_load=allow_remote_load)
        folders = [folder for folder, _ in found]
    status = max(show(folder, priced, json) for folder in folders)
    return max(status, keep_last(chosen)) if keep else status


@app.command
def repeat(
    study: str,
    /,
    *sessions: str,
    times: int | None = None,
    budget: Budget = None,
    variant: str | None = None,
    json: Json = False,
) -> int:
    """Measure a study again and show where its last two sessions disagree.

    Example: `python -m bench repeat quick --times 3`

    Parameters
    ----------
    study
        Name of a study, such as quick (see `python -m bench list`).
    sessions
        Compare these two finished sessions instead of measuring. Name each by its folder in results/STUDY.
    times
        Measure until there are this many finished sessions, at least 2. Each ratio is shown over all of them.
    variant
        Measure only this variant or peer and the study's baseline.
    """
    from bench.report import between  # noqa: PLC0415 - a slow import, as in `show`
    from bench.report import repeat as repeating  # noqa: PLC0415

    chosen = study_of(study, variant)
    if times is not None:
        if times < 2:
            raise LabError(f"invalid --times {times}: use 2 or more")
        if sessions:
            raise LabError("--times and names of sessions exclude each other: --times measures new sessions")
        limit = duration(budget, "--budget") if budget else None
        over = between.stored(pipeline.run_times(plan_of(chosen), Progress(), times, budget=limit))
        say(over, between.lines(over), json)
        return 0
    if budget:
        raise LabError("--budget requires --times N")
    if not sessions:
        pipeline.run_twice(plan_of(chosen), Progress())
    folders = repeating.chosen(chosen.name, sessions)
    found = repeating.stored(folders)
    say(found, repeating.lines(folders, found), json)
    return 0


@app.command
def measure(*studies: str, plan: Flag = False) -> int:
    """Measure every study until its page has its sessions, and keep each session in docs/findings/data.

    A study's file says how many sessions its page needs. They are of one machine, one commit and one day: 24 hours
    from the start of the first. The self-test comes first, then the studies with several sessions, then the others.
    Each session starts only on a quiet machine, as with `run --strict`. After an interruption, the same command
    continues. It skips complete studies, unless their inputs changed. `python -m bench findings` writes the pages.

    Example: `python -m bench measure --plan`, then `python -m bench measure variants servers`

    Exit status: 1 if a case or a study fails, 3 if the machine is not quiet within a minute.

    Parameters
    ----------
    studies
        Names of studies, such as variants. Default: all.
    plan
        Only list the studies with their sessions and the expected time.
    """
    from bench import keep as keeping  # noqa: PLC0415 - a slow import, as in `show`
    from bench.campaign import measuring, standing  # noqa: PLC0415
    from bench.report.docs import ASKED  # noqa: PLC0415

    def place(study: Study) -> tuple[bool, int, int]:
        return study.selftest is None, -study.sessions, [*ASKED, study.name].index(study.name)

    chosen = [study_of(name, None) for name in dict.fromkeys(studies or declared().studies)]
    plans = [plan_of(study) for study in sorted(chosen, key=place)]
    commit = machine.commit()
    for line in standing.lines(standing.standings(plans, commit)):
        out.print(line, highlight=False, soft_wrap=True)
    if plan:
        return 0
    clean = keeping.clean_commit("measure")
    exclusive.require_free()  # or each study would fail for that reason
    return measuring.measure(plans, Progress(), clean)


@app.command
def selftest(*, force: Flag = False, keep: Flag = False, json: Json = False) -> int:
    """Measure the bias of this machine with A/A pairs, then check that known differences are found.

    Exit status: 1 if the method fails on this machine.

    Parameters
    ----------
    force
        Begin a new session even if the last one is finished or interrupted.
    keep
        Copy the finished session to docs/findings/data (see `python -m bench findings`).
    """
    return run("selftest", force=force, keep=keep, json=json)


@app.command
def sessions(*, force: Flag = False, keep: Flag = False, json: Json = False) -> int:
    """Measure why a core's time differs between sessions: files, build, environment, hash seed, addresses, time.

    Parameters
    ----------
    force
        Begin a new session even if the last one is finished or interrupted.
    keep
        Copy the finished session to docs/findings/data (see `python -m bench findings`).
    """
    return run("sessions", force=force, keep=keep, json=json)


@app.command
def worker(scheduler: str, /, *, generator: Flag = False) -> int:
    """Run as a worker of a dask scheduler: measure blocks until Ctrl-C or until the scheduler ends.

    Example: `python -m bench worker tcp://10.0.0.1:8786`

    Parameters
    ----------
    scheduler
        Address of the scheduler, such as tcp://10.0.0.1:8786.
    generator
        Measure nothing, but generate the load for the servers of the other workers.
    """
    from bench.fleet import worker as working  # noqa: PLC0415 - a slow import, as in `show`

    working.work(scheduler, "generator" if generator else "machine")
    return 0

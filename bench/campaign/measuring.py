"""Measure the missing sessions of each study, and keep each session as soon as it ends."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

from bench import keep, pipeline, store
from bench.campaign import standing
from bench.errors import LabError, RefusedError
from bench.host import machine
from bench.model import Plan
from bench.progress import Progress


def measure(plans: Sequence[Plan], progress: Progress, commit: str) -> int:
    """Measure each study in turn until its page has its sessions. Returns the exit status, the worst of all studies.

    A study that fails does not stop the others. Raises RefusedError as soon as the machine is not quiet, and LabError
    if the checkout leaves `commit`: both would stop the other studies, too.
    """
    status = 0
    failed = []
    for plan in plans:
        name = plan.study.name
        try:
            status = max(status, _page(plan, progress, commit))
        except _MovedError:
            raise
        except RefusedError as refused:
            raise RefusedError(f"{name}: {refused}") from refused
        except Exception as error:  # noqa: BLE001 - the other studies do not depend on it
            known = isinstance(error, LabError)
            status = max(status, error.status if isinstance(error, LabError) else 1)
            progress.say(f"{name}: {error if known else traceback.format_exc()}")
            failed.append(name)
    if failed:
        progress.say(f"not finished: {', '.join(failed)}; run the same command to go on with them")
    return status


class _MovedError(LabError):
    """The checkout is no longer at the commit whose code runs."""


def _page(plan: Plan, progress: Progress, commit: str) -> int:
    """Measure a study until its page has its sessions, and keep each. Returns the exit status.

    The last session is continued, or found finished, if its cases are unchanged.
    """
    study = plan.study
    keep.require_keepable(study, force=True)
    status, force = 0, not standing.goes_on(study, commit)
    while True:
        if machine.commit() != commit:
            raise _MovedError(f"the checkout left commit {commit}: start again, because the code that runs is of it")
        folder, session = pipeline.run(plan, progress, force, strict=True)
        keep.keep(study)
        status = max(status, pipeline.status(store.runs(folder), session.unavailable))
        done = len(store.of_one_page(session))
        progress.say(f"{study.name}: {done} of {study.sessions} kept")
        if done >= study.sessions:
            return status
        force = True

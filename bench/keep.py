"""Results small enough to keep in the repository: each finished session as one file of compressed JSON lines.

    docs/findings/data/<study>.jsonl.xz     a record a line: the session, the machine's self-test, the runs
    docs/findings/data/<study>-2.jsonl.xz   the second session, and so on

What findings are made of is there, every value included; what tools wrote by themselves is not, and of the time series
those alone that a finding draws. `xzcat` shows it.

A session is kept only if a commit holds the code that measured it, and if the study's targets are those that it had
before its data, or say that they are not (`bench.model.Target`). With it are kept all others of the same cases,
machine and commit: nobody chooses among them.
"""

from __future__ import annotations

import lzma
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import count, takewhile
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bench import store
from bench.analysis import selftest
from bench.analysis.selftest import Selftest
from bench.errors import LabError
from bench.host import machine
from bench.model import Recorded, Run, Session, Study, Target
from bench.paths import KEPT, RESULTS

SUFFIX = ".jsonl.xz"
DRAWN = {"warmup"}  # how a fresh server became steady
TOLD = {"latency", "answers", "plan"}  # of an open load beyond capacity: what broke, and when
DIRTY = "-dirty"  # what `machine.commit` ends with where a tracked file differs from the commit
LIMIT = 300_000  # bytes of a study's file, beyond which it is too much for a repository


class Line(Recorded, frozen=True, kw_only=True):
    """A line of the file: one of these."""

    session: Session | None = None
    first_started: str | None = None
    selftest: Selftest | None = None
    run: Run | None = None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A finished session, all that was measured, and the machine's self-test if there was one.

    The study in the session's plan is as it was declared when the session was kept: targets may be later than it.
    `first_started` is when the first session of the study that was ever kept began; None if it is this one.
    """

    session: Session
    runs: tuple[Run, ...]
    selftest: Selftest | None = None
    first_started: str | None = None

    @property
    def study(self) -> Study:
        """What was asked."""
        return self.session.plan.study

    @property
    def first_day(self) -> date:
        """The day of the first session of the study that was ever kept."""
        return _day(self.first_started or self.session.started)


def keep(study: Study, results: Path = RESULTS, kept: Path = KEPT) -> list[Path]:
    """Keep the last session of `study` and all that are like it, in place of what was kept. Returns the files.

    Raises LabError where the last one is not finished, was measured with code that no commit holds, has targets that
    were not declared before it, or is too much for a repository.
    """
    _, last = store.latest(study.name, results)
    if not last.finished:
        raise LabError(f"{study.name}: its last session is not finished: `python -m bench run {study.name}` goes on")
    _require_commit(last, study.name)
    found = _alike(study, last, results)
    before = _before(study, kept)
    first = before.first_started or before.session.started if before else found[0][1].started
    for _, session in found:
        _require_declared(study, session.plan.study.targets, _day(first))
    made = [_kept(study, folder, session, first, results) for folder, session in found]
    if before:
        _require_declared(study, before.study.targets, before.first_day)
    return write(made, kept)


def require_keepable(study: Study, *, force: bool = False, results: Path = RESULTS, kept: Path = KEPT) -> None:
    """Raises LabError where a session that is measured now, or that goes on unless `force`, could not be kept."""
    commit = machine.commit()
    if commit is None or commit.endswith(DIRTY):
        what = f"uncommitted changes ({commit})" if commit else "this is no git checkout"
        raise LabError(f"--keep: {what}: commit them first, as a finding names its code")
    for _, last in [] if force else store.sessions(study.name, results)[-1:]:
        if not last.finished:
            _require_commit(last, study.name)
    before = _before(study, kept)
    if before:
        _require_declared(study, before.study.targets, before.first_day)


def _require_commit(session: Session, study: str) -> None:
    """Raises LabError where the code that measured a session is in no commit, or in several."""
    commits = _commits(session)
    if len(commits) == 1 and not any(commit is None or commit.endswith(DIRTY) for commit in commits):
        return
    code = f"at {', '.join(sorted(filter(None, commits)))}" if any(commits) else "without a commit"
    anew = f"commit the code, then `python -m bench run {study} --force --keep`"
    raise LabError(f"{study}: its last session was measured {code}, and a finding names its code: {anew}")


def _commits(session: Session) -> set[str | None]:
    """The commits at which a session was begun and resumed."""
    return {session.machine.get("commit"), *(each.commit for each in session.accounts if each.commit)}


def _alike(study: Study, last: Session, results: Path) -> list[tuple[Path, Session]]:
    """The sessions that are kept together, the oldest first: of a study with a verb of its own, the last alone."""
    same = [each for each in store.alike(last, results) if _commits(each[1]) == _commits(last)]
    return same[-1:] if study.words else same


def _day(started: str) -> date:
    return date.fromisoformat(started[:10])


def _kept(study: Study, folder: Path, session: Session, first: str, results: Path) -> Kept:
    """A stored session as it is kept; `first` is when the study's first one began."""
    runs = tuple(_lean(run) for run in store.runs(folder))
    own = selftest.judge(session, runs) if study.selftest else None
    return Kept(
        session=replace(session, plan=replace(session.plan, study=study)),
        runs=runs,
        selftest=own or selftest.latest(session.machine.get("fingerprint"), results),
        first_started=first if first != session.started else None,
    )


def _before(study: Study, kept: Path) -> Kept | None:
    """The first session that is kept of the study by now."""
    return next(map(read, files(study.name, kept)), None)


def _require_declared(study: Study, known: Sequence[Target], first: date) -> None:
    """Raises LabError for a target that differs from the `known` ones, those beside the data, and does not say so.

    `first` is the day of the study's first session. A target may change, and it may cease to demand anything; it may
    not vanish, and what was said of it stays.
    """
    where, then = f"bench/studies/{study.name}.toml", {_form(target): target for target in known}
    say = f"write `after_session = {first}` beside the day on which it was `declared` or `changed`"
    changed = 0
    for target in study.targets:
        was, said = then.pop(_form(target), None), target.after_session
        changed += was is None
        if said is None and (was is None or was.after_session):
            raise LabError(f"{where}: target {target.title!r} changed after the study's first session: {say}")
        if said and said > first:
            raise LabError(f"{where}: target {target.title!r}: the study's first session was earlier: {say}")
    if len(then) > changed:
        gone = next(iter(then.values())).title
        raise LabError(f"{where}: target {gone!r} is gone: leave it in without `at_most`, and {say}")


def _form(target: Target) -> Target:
    """The target without the days that belong to it."""
    return replace(target, declared=None, changed=None, after_session=None)


def write(found: Sequence[Kept], kept: Path = KEPT) -> list[Path]:
    """Write the files of a study's sessions, scrubbed, the same bytes each time, in place of those that are there.

    Raises LabError if one is too large.
    """
    name = found[0].study.name
    packed = [_packed(each) for each in found]
    for stale in files(name, kept):
        stale.unlink()
    kept.mkdir(parents=True, exist_ok=True)
    paths = [_path(name, number, kept) for number in range(1, len(packed) + 1)]
    for path, content in zip(paths, packed, strict=True):
        path.write_bytes(content)
    return paths


def files(study: str, kept: Path = KEPT) -> list[Path]:
    """The files of a study, a session each, the oldest first."""
    return list(takewhile(Path.exists, (_path(study, number, kept) for number in count(1))))


def _path(study: str, number: int, kept: Path) -> Path:
    return kept / f"{study}{f'-{number}' if number > 1 else ''}{SUFFIX}"


def _packed(found: Kept) -> bytes:
    """The content of a session's file."""
    lines = [Line(session=found.session)]
    lines += [Line(first_started=found.first_started)] if found.first_started else []
    lines += [Line(selftest=found.selftest)] if found.selftest else []
    lines += [Line(run=run) for run in found.runs]
    text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    packed = lzma.compress(store.scrub(text), preset=9 | lzma.PRESET_EXTREME)
    if len(packed) > LIMIT:
        raise LabError(f"{found.study.name}: {len(packed):,} bytes are too much to keep, the limit is {LIMIT:,}")
    return packed


def read(path: Path) -> Kept:
    """What a file holds. Raises LabError that names it where it is damaged or lacks the session."""
    try:
        lines = [msgspec.json.decode(line, type=Line) for line in lzma.decompress(path.read_bytes()).splitlines()]
        (session,) = [line.session for line in lines if line.session]
    except (lzma.LZMAError, msgspec.DecodeError, ValueError) as error:
        raise LabError(f"{path}: no kept session ({error}); `python -m bench keep STUDY` makes it anew") from error
    return Kept(
        session=session,
        runs=tuple(line.run for line in lines if line.run),
        selftest=next((line.selftest for line in lines if line.selftest), None),
        first_started=next((line.first_started for line in lines if line.first_started), None),
    )


def all_kept(kept: Path = KEPT) -> Iterator[tuple[Kept, ...]]:
    """The sessions that are kept of each study, the oldest first, by the names of the studies.

    Raises LabError where those of one study are of several machines or commits.
    """
    found: dict[str, list[Kept]] = defaultdict(list)
    for path in sorted(kept.glob(f"*{SUFFIX}")):
        each = read(path)
        found[each.study.name].append(each)
    for name, own in sorted(found.items()):
        _require_one_origin(name, [each.session for each in own])
        yield tuple(sorted(own, key=lambda each: each.session.started))


def _require_one_origin(study: str, sessions: Sequence[Session]) -> None:
    """Raises LabError where sessions that make one page are of several machines or commits."""
    for what in ("fingerprint", "commit"):
        known = {str(session.machine.get(what)) for session in sessions}
        if len(known) > 1:
            listed = ", ".join(sorted(known))
            raise LabError(f"{study}: several {what}s ({listed}) in kept sessions: `python -m bench keep {study}`")


def _lean(run: Run) -> Run:
    """The run without the names of files that are not kept, and without the series that no finding draws."""
    drawn = TOLD if run.case.rate is not None else set() if run.case.is_open else DRAWN
    return replace(run, raw=(), series={name: rows for name, rows in run.series.items() if name in drawn})

"""Kept sessions: each finished session as one file of compressed JSON lines, small enough for the repository.

    docs/findings/data/<study>.jsonl.xz     a record a line: the session, the machine's self-test, the runs
    docs/findings/data/<study>-2.jsonl.xz   the second session, and so on

A file has everything that findings are made of, with every value, and only those time series that a finding draws. It
has no output files of tools. `xzcat` shows it.

A session is kept only if one commit holds the code that measured it, and if every target was declared before the data
or says that it was not (`bench.model.Target`). All sessions with the same cases, machine, commit and day are kept
together, so that none is chosen by its result.
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
DRAWN = {"warmup"}  # the CPU time of a fresh server, second by second
TOLD = {"latency", "answers", "plan"}  # of an open load beyond capacity: latencies, answers, planned requests
DIRTY = "-dirty"  # the end of `machine.commit` if a tracked file differs from the commit
LIMIT = 300_000  # the largest file, in bytes


class Line(Recorded, frozen=True, kw_only=True):
    """A line of the file; it has one of these."""

    session: Session | None = None
    first_started: str | None = None
    selftest: Selftest | None = None
    run: Run | None = None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A finished session with its runs, and the machine's self-test if there is one.

    The study in the session's plan is the declaration at the time of keeping: targets may be newer than the session.
    `first_started` is the start of the first kept session of the study; None if it is this one.
    """

    session: Session
    runs: tuple[Run, ...]
    selftest: Selftest | None = None
    first_started: str | None = None

    @property
    def study(self) -> Study:
        """The study of the session."""
        return self.session.plan.study

    @property
    def first_day(self) -> date:
        """The day of the first kept session of the study."""
        return _day(self.first_started or self.session.started)


def keep(study: Study, results: Path = RESULTS, kept: Path = KEPT) -> list[Path]:
    """Keep the last session of `study` and all sessions like it, in place of those kept before. Returns the files.

    Raises LabError if the last session is not finished, if no single commit holds the code that measured it, if a
    target was declared after it and does not say so, or if a file is too large.
    """
    _, last = store.latest(study.name, results)
    if not last.finished:
        raise LabError(f"{study.name}: the last session is not finished: run `{study.command}` to continue it")
    _require_commit(last, study)
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
    """Raises LabError if a session measured now could not be kept, or without `force` one continued now."""
    clean_commit("--keep")
    for _, last in [] if force else store.sessions(study.name, results)[-1:]:
        if not last.finished:
            _require_commit(last, study)
    before = _before(study, kept)
    if before:
        _require_declared(study, before.study.targets, before.first_day)


def clean_commit(asked: str) -> str:
    """The commit of the code. Raises LabError, beginning with the option or verb `asked`, if no commit holds it."""
    commit = machine.commit()
    if commit is None:
        raise LabError(f"{asked} requires git and a clone of the repository: a finding names the commit of its code")
    if commit.endswith(DIRTY):
        raise LabError(f"{asked} requires a clean checkout, and {commit} has changes: commit them first")
    return commit


def _require_commit(session: Session, study: Study) -> None:
    """Raises LabError unless exactly one commit holds the code that measured a session."""
    commits = session.commits
    if len(commits) == 1 and not any(commit is None or commit.endswith(DIRTY) for commit in commits):
        return
    code = f"at {', '.join(sorted(filter(None, commits)))}" if any(commits) else "without a commit"
    remedy = f"commit the code, then run `{study.command} --force --keep`"
    raise LabError(f"{study.name}: the last session was measured {code}, and a finding needs one commit: {remedy}")


def _alike(study: Study, last: Session, results: Path) -> list[tuple[Path, Session]]:
    """The sessions that are kept together, oldest first; only the last one of a study with a verb of its own."""
    same = store.of_one_page(last, results)
    return same[-1:] if study.words else same


def _day(started: str) -> date:
    return date.fromisoformat(started[:10])


def _kept(study: Study, folder: Path, session: Session, first: str, results: Path) -> Kept:
    """A stored session in the form that is kept; `first` is the start of the study's first kept session."""
    runs = tuple(_lean(run) for run in store.runs(folder))
    own = selftest.judge(session, runs) if study.selftest else None
    return Kept(
        session=replace(session, plan=replace(session.plan, study=study)),
        runs=runs,
        selftest=own or selftest.latest(session.machine.get("fingerprint"), results),
        first_started=first if first != session.started else None,
    )


def _before(study: Study, kept: Path) -> Kept | None:
    """The first kept session of the study, if there is one."""
    return next(map(read, files(study.name, kept)), None)


def _require_declared(study: Study, known: Sequence[Target], first: date) -> None:
    """Raises LabError for a target that differs from the `known` targets of kept data and does not say so.

    `first` is the day of the study's first session. A target may change or lose its limit, but must not be removed. A
    figure that never had a limit promises nothing.
    """
    where = f"bench/studies/{study.name}.toml"
    promised = [target for target in known if target.at_most is not None or target.after_session]
    then, titles = {_form(target): target for target in promised}, {target.title for target in promised}
    say = f"add `after_session = {first}` and the day in `declared` or `changed`"
    changed = 0
    for target in study.targets:
        if target.at_most is None and not target.after_session and target.title not in titles:
            continue
        was, said = then.pop(_form(target), None), target.after_session
        changed += was is None
        if said is None and (was is None or was.after_session):
            raise LabError(f"{where}: target {target.title!r} changed after the study's first session: {say}")
        if said and said > first:
            raise LabError(f"{where}: target {target.title!r}: the study's first session is earlier: {say}")
    if len(then) > changed:
        gone = next(iter(then.values())).title
        raise LabError(f"{where}: target {gone!r} is missing: restore it without `at_most`, and {say}")


def _form(target: Target) -> Target:
    """The target without its dates."""
    return replace(target, declared=None, changed=None, after_session=None)


def write(found: Sequence[Kept], kept: Path = KEPT) -> list[Path]:
    """Write the files of a study's sessions, scrubbed and reproducible, in place of the present ones.

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
    """The files of a study, one for each session, oldest first."""
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
        raise LabError(f"{found.study.name}: {len(packed):,} bytes exceed the limit of {LIMIT:,} for a kept session")
    return packed


def read(path: Path) -> Kept:
    """The content of a file. Raises LabError that names the file if it is damaged or has no session."""
    try:
        return unpacked(path.read_bytes())
    except ValueError as error:
        raise LabError(
            f"{path}: invalid kept session ({error}): run `python -m bench keep STUDY` to rewrite it"
        ) from error


def unpacked(content: bytes) -> Kept:
    """The session in a file's content. Raises ValueError if it is damaged, of another format or without a session."""
    try:
        lines = [msgspec.json.decode(line, type=Line) for line in lzma.decompress(content).splitlines()]
    except (lzma.LZMAError, msgspec.DecodeError) as error:
        raise ValueError(error) from error
    (session,) = [line.session for line in lines if line.session]
    return Kept(
        session=session,
        runs=tuple(line.run for line in lines if line.run),
        selftest=next((line.selftest for line in lines if line.selftest), None),
        first_started=next((line.first_started for line in lines if line.first_started), None),
    )


def all_kept(kept: Path = KEPT) -> Iterator[tuple[Kept, ...]]:
    """The kept sessions of each study, oldest first, in the order of the studies' names.

    Raises LabError if sessions of one study come from different machines, commits or days.
    """
    found: dict[str, list[Kept]] = defaultdict(list)
    for path in sorted(kept.glob(f"*{SUFFIX}")):
        each = read(path)
        found[each.study.name].append(each)
    for name, own in sorted(found.items()):
        _require_one_origin(name, [each.session for each in own])
        yield tuple(sorted(own, key=lambda each: each.session.started))


def _require_one_origin(study: str, sessions: Sequence[Session]) -> None:
    """Raises LabError if the sessions of one page come from different machines, commits or days."""
    for what in ("fingerprint", "commit"):
        known = {str(session.machine.get(what)) for session in sessions}
        if len(known) > 1:
            listed = ", ".join(sorted(known))
            raise LabError(
                f"{study}: kept sessions have different {what}s ({listed}): run `python -m bench keep {study}`"
            )
    first, last = (edge(session.started for session in sessions) for edge in (min, max))
    if not store.is_within_a_day(first, last):
        days = f"{first[:10]}, {last[:10]}"
        raise LabError(f"{study}: kept sessions have different days ({days}): run `python -m bench keep {study}`")


def _lean(run: Run) -> Run:
    """The run without names of files, which are not kept, and without series that no finding draws."""
    drawn = TOLD if run.case.rate is not None else set() if run.case.is_open else DRAWN
    return replace(run, raw=(), series={name: rows for name, rows in run.series.items() if name in drawn})

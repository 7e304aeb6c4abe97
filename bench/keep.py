"""Results small enough to keep in the repository: a finished session as one file of compressed JSON lines.

    docs/findings/data/<study>.jsonl.xz     a record a line: the study, the session, the machine's self-test, the runs

What findings are made of is there, every value included; what tools wrote by themselves is not, and of the time series
those alone that a finding draws. `xzcat` shows it.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bench import selftest, store
from bench.errors import LabError
from bench.model import Recorded, Run, Session, Study
from bench.paths import KEPT, RESULTS
from bench.selftest import Selftest

SUFFIX = ".jsonl.xz"
DRAWN = {"warmup"}  # how a fresh server became steady
LIMIT = 300_000  # bytes of a study's file, beyond which it is too much for a repository


class Line(Recorded, frozen=True, kw_only=True):
    """A line of the file: one of these."""

    study: Study | None = None
    session: Session | None = None
    selftest: Selftest | None = None
    run: Run | None = None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A finished session with what was asked, all that was measured, and the machine's self-test if there was one."""

    study: Study
    session: Session
    runs: tuple[Run, ...]
    selftest: Selftest | None = None


def keep(study: Study, results: Path = RESULTS, kept: Path = KEPT) -> Path:
    """Keep the last session of `study`. Returns the file.

    Raises LabError where it is not finished, or if it is too much for a repository.
    """
    folder, session = store.latest(study.name, results)
    if not session.finished:
        raise LabError(f"{study.name}: its last session is not finished: `python -m bench run {study.name}` goes on")
    runs = tuple(_lean(run) for run in store.runs(folder))
    own = selftest.judge(session, runs, study) if study.selftest else None
    tested = own or selftest.latest(session.machine.get("fingerprint"), results)
    return write(Kept(study=study, session=session, runs=runs, selftest=tested), kept)


def write(found: Kept, kept: Path = KEPT) -> Path:
    """Write a session's file, scrubbed, the same bytes each time. Raises LabError if it is too large."""
    lines = [Line(study=found.study), Line(session=found.session)]
    lines += [Line(selftest=found.selftest)] if found.selftest else []
    lines += [Line(run=run) for run in found.runs]
    text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    packed = lzma.compress(store.scrub(text), preset=9 | lzma.PRESET_EXTREME)
    if len(packed) > LIMIT:
        raise LabError(f"{found.study.name}: {len(packed):,} bytes are too much to keep, the limit is {LIMIT:,}")
    path = kept / f"{found.study.name}{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed)
    return path


def read(path: Path) -> Kept:
    """What a file holds. Raises LabError that names it where it is damaged or lacks the study or the session."""
    try:
        lines = [msgspec.json.decode(line, type=Line) for line in lzma.decompress(path.read_bytes()).splitlines()]
        (study,) = [line.study for line in lines if line.study]
        (session,) = [line.session for line in lines if line.session]
    except (lzma.LZMAError, msgspec.DecodeError, ValueError) as error:
        raise LabError(f"{path}: no kept session ({error}); `python -m bench keep STUDY` makes it anew") from error
    return Kept(
        study=study,
        session=session,
        runs=tuple(line.run for line in lines if line.run),
        selftest=next((line.selftest for line in lines if line.selftest), None),
    )


def all_kept(kept: Path = KEPT) -> Iterator[Kept]:
    """Every session that is kept, by the names of their studies."""
    for path in sorted(kept.glob(f"*{SUFFIX}")):
        yield read(path)


def _lean(run: Run) -> Run:
    """The run without the names of files that are not kept, and without the series that no finding draws."""
    drawn = DRAWN if run.case.rate is None else set()
    return replace(run, raw=(), series={name: rows for name, rows in run.series.items() if name in drawn})

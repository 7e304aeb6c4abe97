"""Where results lie: a folder a session, a folder a block, a JSON file a run, written the moment it is measured.

    results/<study>/<session>/session.json
    results/<study>/<session>/<phase>-<block>/<case>.json        the run
    results/<study>/<session>/<phase>-<block>/<case>.*           what the tool wrote, kept as it is
    results/<study>/<session>/<phase>-<block>.broken-1/          a block that an interruption broke: kept, not counted

What is written carries no host name, user or absolute path: `scrub` replaces them.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench.errors import LabError
from bench.model import Case, Run, Session
from bench.paths import RESULTS, ROOT

T = TypeVar("T")


def create(session: Session, results: Path = RESULTS) -> Path:
    """Make the folder of a new session and write its first record."""
    folder = results / session.study / re.sub(r"[-:]", "", session.started).replace("+0000", "Z")
    folder.mkdir(parents=True)
    write(folder / "session.json", session)
    return folder


def sessions(study: str, results: Path = RESULTS) -> list[tuple[Path, Session]]:
    """All sessions of `study`, the oldest first."""
    paths = sorted((results / study).glob("*/session.json"))
    return [(path.parent, read(path, Session)) for path in paths]


def latest(study: str, results: Path = RESULTS) -> tuple[Path, Session]:
    """The session begun last. Raises LabError if the study was never run."""
    found = sessions(study, results)
    if not found:
        raise LabError(f"study {study!r} has no results yet: run `python -m bench run {study}`")
    return found[-1]


def alike(session: Session, results: Path = RESULTS) -> list[tuple[Path, Session]]:
    """The finished sessions of its study that measured the same cases on an equal machine, the oldest first."""
    finished = [each for each in sessions(session.study, results=results) if each[1].finished]
    return [each for each in finished if _what(each[1]) == _what(session)]


def latest_by_machine(study: str, results: Path = RESULTS) -> list[tuple[Path, Session]]:
    """The last session of each kind of machine that measured `study` at the commit it was last measured at.

    Raises LabError if the study was never run.
    """
    _, last = latest(study, results)
    found = sessions(study, results)
    same = [each for each in found if each[1].machine.get("commit") == last.machine.get("commit")]
    return sorted({each[1].machine.get("fingerprint"): each for each in same}.values())


def note(folder: Path, **changes: Any) -> Session:
    """The session's record in `folder`, as it is now on disk, with changes."""
    session = msgspec.structs.replace(read(folder / "session.json", Session), **changes)
    write(folder / "session.json", session)
    return session


def finish(folder: Path, session: Session) -> Session:
    """Mark the session as whole."""
    done = msgspec.structs.replace(session, finished=now())
    write(folder / "session.json", done)
    return done


def block_folder(session: Path, phase: str, block: int) -> Path:
    """The folder of a block that is to be measured now; what is left of a broken one is put aside first."""
    folder = session / f"{phase}-{block:03}"
    if folder.exists():
        broken = len(list(session.glob(f"{folder.name}.broken-*")))
        folder.rename(f"{folder}.broken-{broken + 1}")
    folder.mkdir()
    return folder


def is_whole(session: Path, phase: str, block: int, cases: Iterable[Case]) -> bool:
    """Whether each of `cases` has its run in that block."""
    folder = session / f"{phase}-{block:03}"
    return all((folder / f"{case.identity}.json").is_file() for case in cases)


def save(folder: Path, run: Run) -> Path:
    """Write `run` into its block's folder at once; it is there as a whole or not at all."""
    path = folder / f"{run.case.identity}.json"
    write(path, run)
    return path


def runs(session: Path) -> list[Run]:
    """Every run of a session but those of broken blocks, in the order of phases and blocks."""
    folders = sorted(path for path in session.iterdir() if path.is_dir() and ".broken-" not in path.name)
    return [read(path, Run) for folder in folders for path in sorted(folder.glob("*.json")) if _is_run(path)]


def read(path: Path, noun: type[T]) -> T:
    """Read one record. Raises LabError that names the file where it is cut off or of another shape."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=noun)
    except msgspec.DecodeError as error:
        raise LabError(f"{path}: not a whole {noun.__name__} record ({error}); move it away and run again") from error


def write(path: Path, record: object) -> None:
    """Write one record atomically and durably, scrubbed. Raises LabError where it cannot be, as on a full disk."""
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            file.write(msgspec.json.format(scrub(msgspec.json.encode(record)), indent=1) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise LabError(f"{path}: not written, {error.strerror}; make room, and the same command goes on") from error


def scrub(text: bytes) -> bytes:
    """`text` with the checkout's path, the home folder, the host's name and the user's replaced."""
    for secret, instead in _secrets():
        text = re.sub(rb"(?<![\w.-])" + re.escape(secret.encode()) + rb"(?![\w-])", instead.encode(), text)
    return text


def now() -> str:
    """The time in UTC, to the second, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def scrubbed(path: Path) -> Iterator[Path]:
    """A file that a tool writes inside the block, scrubbed at its end, be that an interruption."""
    try:
        yield path
    finally:
        if path.exists():
            path.write_bytes(scrub(path.read_bytes()))


def _what(session: Session) -> tuple[object, ...]:
    """What a session measured, where, and within which budget."""
    cases = frozenset(case.identity for case in session.plan.cases)
    return session.machine.get("fingerprint"), cases, session.race and session.race.budget_seconds


def _secrets() -> list[tuple[str, str]]:
    home, host, user = str(Path.home()), socket.gethostname(), getpass.getuser()
    return [
        (str(ROOT), "<checkout>"),
        (home, "<home>"),
        (host, "<host>"),
        *([] if user == "root" else [(user, "<user>")]),
    ]


def _is_run(path: Path) -> bool:
    """Runs are named by a case's identity alone; a tool's own JSON has a further suffix."""
    return re.fullmatch(r"[0-9a-f]{16}\.json", path.name) is not None

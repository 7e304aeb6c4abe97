"""Results on disk: a folder for each session and block, a JSON file for each run, written as soon as the run ends.

    results/<study>/<session>/session.json
    results/<study>/<session>/<phase>-<block>/<case>.json        the run
    results/<study>/<session>/<phase>-<block>/<case>.*           the output files of the tool
    results/<study>/<session>/<phase>-<block>.broken-1/          an interrupted block: kept, not counted

No file contains a host name, a user name or an absolute path: `scrub` replaces them.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench.errors import UNWRITABLE, LabError, unwritable
from bench.model import Case, Run, Session
from bench.paths import RESULTS, ROOT

T = TypeVar("T")
DAY = timedelta(hours=24)  # of a page's sessions, from the start of its first: midnight does not part them


def create(session: Session, results: Path = RESULTS) -> Path:
    """Create the folder of a new session and write its record. Returns the folder."""
    folder = results / session.study / re.sub(r"[-:]", "", session.started).replace("+0000", "Z")
    folder.mkdir(parents=True)
    write(folder / "session.json", session)
    return folder


def sessions(study: str, results: Path = RESULTS) -> list[tuple[Path, Session]]:
    """All sessions of `study`, oldest first."""
    paths = sorted((results / study).glob("*/session.json"))
    return [(path.parent, read(path, Session)) for path in paths]


def latest(study: str, results: Path = RESULTS) -> tuple[Path, Session]:
    """The session that began last. Raises LabError if there is none."""
    found = sessions(study, results)
    if not found:
        raise LabError(f"study {study!r} has no results: measure it first")
    return found[-1]


def alike(session: Session, results: Path = RESULTS) -> list[tuple[Path, Session]]:
    """The finished sessions of its study with the same cases, machine and budget, oldest first."""
    finished = [each for each in sessions(session.study, results=results) if each[1].finished]
    return [each for each in finished if _what(each[1]) == _what(session)]


def of_one_page(session: Session, results: Path = RESULTS) -> list[tuple[Path, Session]]:
    """The finished sessions whose figures share a page with those of a finished `session`, oldest first.

    They have the same cases, machine, budget and commit. A page's sessions begin within a `DAY` of its first. A later
    session begins the page anew.
    """
    pages: list[list[tuple[Path, Session]]] = []
    for each in alike(session, results=results):
        if each[1].commits != session.commits:
            continue
        if pages and is_within_a_day(pages[-1][0][1].started, each[1].started):
            pages[-1].append(each)
        else:
            pages.append([each])
    return next((page for page in pages if page[-1][1].started >= session.started), [])


def is_within_a_day(first: str, later: str) -> bool:
    """Whether a time in the format of `now` is less than a `DAY` after the first one."""
    return datetime.fromisoformat(later) - datetime.fromisoformat(first) < DAY


def latest_by_machine(study: str, results: Path = RESULTS) -> list[tuple[Path, Session]]:
    """The last session of each kind of machine, among the sessions at the commit of the very last one.

    Raises LabError if the study has no session.
    """
    _, last = latest(study, results)
    found = sessions(study, results)
    same = [each for each in found if each[1].machine.get("commit") == last.machine.get("commit")]
    return sorted({each[1].machine.get("fingerprint"): each for each in same}.values())


def note(folder: Path, **changes: Any) -> Session:
    """Change fields of the session's record on disk. Returns the new record."""
    session = msgspec.structs.replace(read(folder / "session.json", Session), **changes)
    write(folder / "session.json", session)
    return session


def finish(folder: Path, session: Session) -> Session:
    """Mark the session as finished."""
    done = msgspec.structs.replace(session, finished=now())
    write(folder / "session.json", done)
    return done


def block_folder(session: Path, phase: str, block: int) -> Path:
    """Create the folder of a block; an interrupted one of the same number is renamed first."""
    folder = session / f"{phase}-{block:03}"
    if folder.exists():
        broken = len(list(session.glob(f"{folder.name}.broken-*")))
        folder.rename(f"{folder}.broken-{broken + 1}")
    folder.mkdir()
    return folder


def is_whole(session: Path, phase: str, block: int, cases: Iterable[Case]) -> bool:
    """Whether the block has a run of each of `cases`."""
    folder = session / f"{phase}-{block:03}"
    return all((folder / f"{case.identity}.json").is_file() for case in cases)


def save(folder: Path, run: Run) -> Path:
    """Write `run` into the folder of its block, atomically. Returns the file."""
    path = folder / f"{run.case.identity}.json"
    write(path, run)
    return path


def runs(session: Path) -> list[Run]:
    """Every run of a session, in the order of phases and blocks; interrupted blocks are left out."""
    folders = sorted(path for path in session.iterdir() if path.is_dir() and ".broken-" not in path.name)
    return [read(path, Run) for folder in folders for path in sorted(folder.glob("*.json")) if _is_run(path)]


def read(path: Path, noun: type[T]) -> T:
    """Read one record. Raises LabError that names the file if it is cut off or has another format."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=noun)
    except msgspec.DecodeError as error:
        raise LabError(f"{path}: invalid {noun.__name__} record ({error}): move the file away and run again") from error


def write(path: Path, record: object) -> None:
    """Write one scrubbed record, atomically and durably. Raises LabError if the disk is full or not writable."""
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            file.write(msgspec.json.format(scrub(msgspec.json.encode(record)), indent=1) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno in UNWRITABLE:
            raise unwritable(error, path) from error
        raise LabError(f"{path}: cannot be written: {error.strerror}") from error


def scrub(text: bytes) -> bytes:
    """`text` with placeholders for the checkout's path, the home folder, the host name and the user name."""
    for secret, instead in _secrets():
        text = re.sub(rb"(?<![\w.-])" + re.escape(secret.encode()) + rb"(?![\w-])", instead.encode(), text)
    return text


def now() -> str:
    """The time in UTC, to the second, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def scrubbed(path: Path) -> Iterator[Path]:
    """A file that a tool writes inside the block; it is scrubbed at the end, also after an interruption."""
    try:
        yield path
    finally:
        if path.exists():
            path.write_bytes(scrub(path.read_bytes()))


def _what(session: Session) -> tuple[object, ...]:
    """The machine, the cases and the budget of a session."""
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
    """Whether a file is a run: its name is a case's identity alone; the JSON of tools has a further suffix."""
    return re.fullmatch(r"[0-9a-f]{16}\.json", path.name) is not None

"""What may be kept: a session of code that a commit holds, with targets that were there before its data or say so."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec
import pytest

from bench import keep, pipeline, store
from bench.errors import LabError
from bench.host import machine
from bench.model import Against, Session, Study, Target
from bench.paths import KEPT
from bench.verbs import measure
from tests.declared import CATALOG, planned
from tests.unit import sessions

FAST = Target(
    title="Fast",
    variant="cython",
    workloads=("medium",),
    against=Against(variant="cpython"),
    at_most=0.1,
    declared=date(2026, 11, 20),
)
SMALL = msgspec.structs.replace(FAST, title="Fast on small ones", workloads=("small",))
LATE = {"changed": date(2026, 11, 26), "after_session": date(2026, 11, 24)}
STUDY = msgspec.structs.replace(sessions.quick(), targets=(FAST,))
SESSION = sessions.session(STUDY, [])


def study(*targets: Target) -> Study:
    return msgspec.structs.replace(STUDY, targets=targets)


def like(target: Target, **changes: object) -> Target:
    return msgspec.structs.replace(target, **changes)


def measured(results: Path, day: str = "2026-11-24", hour: int = 13, **changes: object) -> None:
    """A session of that day, finished unless `changes` say otherwise."""
    store.create(msgspec.structs.replace(SESSION, started=f"{day}T{hour:02}:00:00+00:00", **changes), results)


def at(commit: str | None) -> dict[str, object]:
    return sessions.MACHINE | {"commit": commit} if commit else {"architecture": "x86_64"}


# ---------------------------------------------------------------- code


@pytest.mark.parametrize(
    ("commit", "told"), [("0123456789ab-dirty", "at 0123456789ab-dirty"), (None, "without a commit")]
)
def test_what_was_measured_with_code_of_no_commit_is_not_kept(tmp_path: Path, commit: str | None, told: str) -> None:
    measured(tmp_path, machine=at(commit))
    with pytest.raises(LabError, match=f"quick: the last session was measured {told}, .*--force --keep`$"):
        keep.keep(STUDY, tmp_path, tmp_path)
    assert not list(tmp_path.glob(f"*{keep.SUFFIX}"))


@pytest.mark.parametrize(
    ("commit", "told"),
    [
        ("0123456789ab-dirty", "a clean checkout, and 0123456789ab-dirty has changes"),
        (None, "git and a clone of the repository"),
    ],
)
def test_nothing_is_measured_that_could_not_be_kept(
    monkeypatch: pytest.MonkeyPatch, commit: str | None, told: str
) -> None:
    ran: list[Study] = []
    monkeypatch.setattr(machine, "commit", lambda: commit)
    monkeypatch.setattr(pipeline, "run", lambda study, *_, **__: ran.append(study))
    with pytest.raises(LabError, match=f"--keep requires {told}"):
        measure.run("quick", keep=True)
    assert ran == []


def test_an_interrupted_session_of_such_code_goes_on_for_no_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "commit", lambda: "0123456789ab")
    measured(tmp_path, machine=at("0123456789ab-dirty"), finished=None)
    with pytest.raises(LabError, match="quick: the last session was measured at 0123456789ab-dirty"):
        keep.require_keepable(STUDY, results=tmp_path, kept=tmp_path)
    keep.require_keepable(STUDY, force=True, results=tmp_path, kept=tmp_path)


# ---------------------------------------------------------------- targets


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Faster"},
        {"variant": "numba"},
        {"against": Against(variant="pypy")},
        {"workloads": ("medium", "large")},
        {"metric": "build", "against": None},
        {"at_most": 0.2},
        {"threads": True},
    ],
)
def test_a_target_that_was_changed_after_a_session_is_kept_only_if_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    monkeypatch.setattr(machine, "commit", lambda: "0123456789ab")
    measured(tmp_path)
    keep.keep(STUDY, tmp_path, tmp_path)
    silent, said = study(like(FAST, **changes)), study(like(FAST, **changes, **LATE))
    title = silent.targets[0].title
    refused = rf"^bench/studies/quick\.toml: target '{title}' changed after .*: add `after_session = 2026-11-24`"
    with pytest.raises(LabError, match=refused):
        keep.require_keepable(silent, results=tmp_path, kept=tmp_path)
    measured(tmp_path, "2026-11-27")
    with pytest.raises(LabError, match=refused):
        keep.keep(silent, tmp_path, tmp_path)
    keep.require_keepable(said, results=tmp_path, kept=tmp_path)
    assert keep.read(keep.keep(said, tmp_path, tmp_path)[0]).study.targets == said.targets


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        ((FAST, SMALL), "'Fast on small ones' changed after"),
        (
            (FAST, like(SMALL, declared=date(2026, 11, 27), after_session=date(2026, 11, 27))),
            "first session is earlier",
        ),
        ((), "'Fast' is missing: restore it without `at_most`"),
        ((like(FAST, at_most=None),), "'Fast' changed after"),
    ],
)
def test_a_target_neither_comes_nor_goes_unsaid(tmp_path: Path, targets: Sequence[Target], told: str) -> None:
    measured(tmp_path)
    keep.keep(STUDY, tmp_path, tmp_path)
    with pytest.raises(LabError, match=told):
        keep.keep(study(*targets), tmp_path, tmp_path)


def test_what_was_said_of_a_target_stays_said(tmp_path: Path) -> None:
    measured(tmp_path)
    keep.keep(STUDY, tmp_path, tmp_path)
    keep.keep(study(like(FAST, at_most=0.2, **LATE)), tmp_path, tmp_path)
    with pytest.raises(LabError, match="target 'Fast' changed after"):
        keep.keep(study(like(FAST, at_most=0.2)), tmp_path, tmp_path)


def test_the_day_of_the_first_session_is_handed_on_from_file_to_file(tmp_path: Path) -> None:
    for number, day in enumerate(("2026-11-24", "2026-11-26", "2026-11-27")):
        measured(tmp_path, day, machine=at(f"{number:012}"))
        (path,) = keep.keep(STUDY, tmp_path, tmp_path)
        kept = keep.read(path)
        assert kept.session.started == f"{day}T13:00:00+00:00"
        assert kept.first_day == date(2026, 11, 24)


def test_a_target_that_is_changed_between_a_first_session_and_its_keeping_says_so_too(tmp_path: Path) -> None:
    measured(tmp_path)
    with pytest.raises(LabError, match=r"target 'Fast' changed after .*`after_session = 2026-11-24`"):
        keep.keep(study(like(FAST, at_most=0.2)), tmp_path, tmp_path)
    keep.keep(study(like(FAST, at_most=0.2, **LATE)), tmp_path, tmp_path)


def test_a_session_knows_the_targets_that_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "sessions", lambda name: [])
    monkeypatch.setattr(store, "create", lambda session: store.write(tmp_path / "session.json", session))
    pipeline.open_session(planned(STUDY), False, {"fingerprint": "f"})
    assert store.read(tmp_path / "session.json", Session).plan.study.targets == STUDY.targets


# ---------------------------------------------------------------- several sessions


def test_all_sessions_of_one_code_are_kept_a_file_each(tmp_path: Path) -> None:
    names = []
    for hour in (13, 14, 15):
        measured(tmp_path, hour=hour)
        paths = keep.keep(STUDY, tmp_path, tmp_path / "kept")
        names.append(paths[-1].name)
        assert paths == keep.files("quick", tmp_path / "kept")
    assert names == ["quick.jsonl.xz", "quick-2.jsonl.xz", "quick-3.jsonl.xz"]
    ((first, *others),) = keep.all_kept(tmp_path / "kept")
    assert [each.session.started[11:13] for each in (first, *others)] == ["13", "14", "15"]
    assert {each.first_day for each in others} == {first.first_day}
    measured(tmp_path, "2026-11-27", machine=at("ba9876543210"))
    assert [path.name for path in keep.keep(STUDY, tmp_path, tmp_path / "kept")] == ["quick.jsonl.xz"]
    assert len(list((tmp_path / "kept").iterdir())) == 1, "files of other code do not stay"


@pytest.mark.parametrize(
    "other",
    [{"finished": None}, {"machine": at("ba9876543210")}, {"machine": at("0123456789ab") | {"fingerprint": "g"}}],
)
def test_only_finished_sessions_of_the_same_machine_and_code_are_kept_together(
    tmp_path: Path, other: dict[str, object]
) -> None:
    measured(tmp_path, "2026-11-24", 13, **other)
    measured(tmp_path, "2026-11-24", 14)
    assert len(keep.keep(STUDY, tmp_path, tmp_path / "kept")) == 1


def test_a_session_of_another_day_begins_the_page_anew_and_midnight_is_no_other_day(tmp_path: Path) -> None:
    for day, hour, kept in (("24", 22, 1), ("25", 1, 2), ("25", 21, 3), ("25", 22, 1), ("26", 1, 2)):
        measured(tmp_path, f"2026-11-{day}", hour)
        paths = keep.keep(STUDY, tmp_path, tmp_path / "kept")
        assert len(paths) == kept == len(keep.files("quick", tmp_path / "kept"))
    assert keep.read(paths[0]).session.started.startswith("2026-11-25T22")
    assert len(store.sessions("quick", tmp_path)) == 5, "earlier sessions stay in results"


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (at("ba9876543210"), r"commits \(0123456789ab, ba9876543210\)"),
        (sessions.MACHINE | {"fingerprint": "g"}, r"fingerprints \(None, g\)"),
        (sessions.MACHINE, r"days \(2026-11-24, 2026-11-25\)"),
    ],
)
def test_no_page_is_made_of_several_machines_commits_or_days(
    tmp_path: Path, other: dict[str, object], told: str
) -> None:
    two = msgspec.structs.replace(SESSION, started="2026-11-25T13:00:00+00:00", machine=other)
    keep.write([keep.Kept(session=each, runs=()) for each in (SESSION, two)], tmp_path)
    with pytest.raises(LabError, match=f"quick: kept sessions have different {told}"):
        list(keep.all_kept(tmp_path))


@pytest.mark.parametrize("path", sorted(KEPT.glob(f"*{keep.SUFFIX}")), ids=lambda path: path.name)
def test_the_targets_of_today_may_be_kept_beside_what_is_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "commit", lambda: "0123456789ab")
    keep.require_keepable(CATALOG.studies[keep.read(path).study.name], force=True)  # whatever was measured here

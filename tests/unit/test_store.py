"""What is on disk: whole or not at all, and without a word of the machine it came from."""

import getpass
import socket
from pathlib import Path

import pytest

from bench import store
from bench.errors import LabError
from bench.model import Measurement, MicroCase, Run, Session
from bench.paths import ROOT
from tests.declared import planned, study_called

RUN = Run(
    case=MicroCase(variant="cython", workload="medium", values=5),
    block=0,
    started="2026-11-24T12:00:00+00:00",
    seconds=1.5,
    verdict="pass",
    measurements=(Measurement(metric="time", unit="s", values=(1e-5, 1.1e-5)),),
    series={"memory": ((0.0, 1.0), (0.5, None))},
)


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = store.save(tmp_path, RUN)
    assert store.read(path, Run) == RUN
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_cut_in_half_is_named(tmp_path: Path) -> None:
    path = store.save(tmp_path, RUN)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(LabError, match=f"{path.name}: invalid Run record"):
        store.read(path, Run)


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / f"{RUN.case.identity}.part").symlink_to("/dev/full")
    with pytest.raises(LabError, match=f"{RUN.case.identity}.json: No space left on device: free some space"):
        store.save(tmp_path, RUN)
    assert list(tmp_path.iterdir()) == []


def test_host_user_and_paths_are_replaced() -> None:
    text = f'{{"a": "{ROOT}/.lab/x", "b": "{Path.home()}/y", "host": "{socket.gethostname()}"}}'.encode()
    clean = store.scrub(text)
    assert clean == b'{"a": "<checkout>/.lab/x", "b": "<home>/y", "host": "<host>"}'
    if getpass.getuser() != "root":
        assert getpass.getuser().encode() not in store.scrub(f"user {getpass.getuser()}".encode())


def test_scrubbing_leaves_words_that_only_contain_a_secret() -> None:
    host = socket.gethostname()
    assert store.scrub(f"x{host}".encode()) == f"x{host}".encode()


def test_the_identity_of_a_case_changes_with_its_inputs() -> None:
    one = MicroCase(variant="cython", workload="medium", inputs={"artifact": "1"})
    two = MicroCase(variant="cython", workload="medium", inputs={"artifact": "2"})
    assert one.identity != two.identity
    assert one.identity == MicroCase(variant="cython", workload="medium", inputs={"artifact": "1"}).identity


def test_what_a_tool_wrote_is_scrubbed_though_it_was_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "raw"

    def interrupted_while_writing() -> None:
        with store.scrubbed(path):
            path.write_text(str(ROOT))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_while_writing()
    assert path.read_text() == "<checkout>"


def test_a_report_shows_each_kind_of_machine_at_the_commit_measured_last(tmp_path: Path) -> None:
    folders = {}
    for minute, kind, commit in ((1, "a", "old"), (2, "c", "old"), (3, "a", "new"), (4, "b", "new"), (5, "b", "new")):
        machine = {"fingerprint": kind, "commit": commit}
        started = f"2026-11-24T12:{minute:02}:00+00:00"
        record = Session(plan=planned(study_called("trial")), started=started, seed=1, machine=machine)
        folders[minute] = store.create(record, tmp_path)
    assert [folder for folder, _ in store.latest_by_machine("trial", tmp_path)] == [folders[3], folders[5]]

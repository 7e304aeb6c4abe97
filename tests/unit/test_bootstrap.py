"""Set-up: what is missing is brought, what cannot be had is said, and nothing is done twice."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest

from bench import bootstrap
from bench.errors import LabError
from bench.provision import locks, system
from bench.provision.system import Part

LOCKS = sorted(locks.FOLDER.glob("*.txt"))


def answering(*answers: tuple[str, int, str]) -> tuple[Callable[..., subprocess.CompletedProcess[str]], list[str]]:
    """A runner that answers commands that hold a word with a status and stderr, and the commands it was given."""
    said: list[str] = []

    def run(argv: Sequence[str], env: object = None) -> subprocess.CompletedProcess[str]:
        del env
        said.append(" ".join(argv))
        for word, status, stderr in answers:
            if word in said[-1]:
                return subprocess.CompletedProcess(argv, status, "", stderr)
        return subprocess.CompletedProcess(argv, 0, "", "")

    return run, said


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH: it has apt-get and sudo."""
    for name in ("apt-get", "sudo"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bare checkout that needs nothing of the system."""
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "UNAVAILABLE", tmp_path / ".lab/system.json")
    monkeypatch.setattr(system, "parts", list)
    monkeypatch.delenv("CI", raising=False)
    return tmp_path


def part(name: str, **given: Any) -> Part:
    return Part(name=name, needed="a test", packages=[f"{name}-package"], **given)


def test_every_declared_part_says_how_it_is_known_and_brought() -> None:
    for declared in system.parts():
        assert declared.needed
        assert declared.packages
        assert declared.commands or declared.files


def test_a_part_is_here_when_its_commands_and_files_are(tools: Path) -> None:
    here = part("here", commands=["sudo"], files=[f"{tools}/apt-*"])
    missing = part("missing", commands=["sudo", "nowhere"], files=[f"{tools}/nothing-*"])
    assert here.missing == []
    assert missing.missing == ["nowhere", f"{tools}/nothing-*"]


def test_a_part_that_fails_keeps_no_other_back(tools: Path) -> None:
    arrived = part("arrived", commands=["sudo"])
    run, said = answering(("bad-package", 100, "Reading…\nE: Unable to locate package bad-package\nE: more"))
    reasons = system.install([part("bad", commands=["bad"]), arrived], (), run)
    assert reasons == {"bad": "bad-package: E: Unable to locate package bad-package"}
    assert "arrived-package" in said[-1]


def test_a_part_that_apt_calls_installed_and_is_not_there_is_a_lack(tools: Path) -> None:
    run, _ = answering()
    assert "ghost" in system.install([part("ghost", commands=["ghost"])], (), run)


def test_without_rights_nothing_is_run(tools: Path) -> None:
    run, said = answering()
    reason = "cannot install p-package: requires root or sudo"
    assert system.install([part("p", commands=["p"])], None, run) == {"p": reason}
    assert said == []


def test_without_apt_the_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert system.install([part("p", commands=["p"])], ()) == {"p": "cannot install p-package: apt-get not found"}


@pytest.mark.parametrize(
    ("user", "terminal", "status", "rights"),
    [(0, False, 1, ()), (1000, False, 0, ("sudo", "-n")), (1000, True, 0, ("sudo",)), (1000, False, 1, None)],
)
def test_rights(
    tools: Path, monkeypatch: pytest.MonkeyPatch, user: int, terminal: bool, status: int, rights: tuple[str, ...] | None
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    run, _ = answering(("sudo", status, "sudo: a password is required"))
    assert system.elevation(terminal, run) == rights


def test_a_complaint_is_the_first_error_and_its_causes() -> None:
    said = "Using Python\nerror: Failed to download `x`\n  cause: Hash mismatch for `x`\n\n  Expected:\n"
    assert system.error_message(subprocess.CompletedProcess([], 1, "", said)) == (
        "error: Failed to download `x`; cause: Hash mismatch for `x`"
    )
    assert system.error_message(subprocess.CompletedProcess([], 7, "", "")) == "exit status 7"


def test_a_complaint_is_whole_on_a_narrow_terminal() -> None:
    said = (
        "error: No solution found\n  cause: Because you require a==1 and\n         a==2, we conclude\n         that.\n"
    )
    assert system.error_message(subprocess.CompletedProcess([], 1, "", said)) == (
        "error: No solution found; cause: Because you require a==1 and a==2, we conclude that."
    )


def test_a_hole_is_kept_with_its_reason_and_not_tried_again(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = part("Ghost", commands=["ghost-command"])
    install = create_autospec(bootstrap.install, return_value={"Ghost": "no network"})
    monkeypatch.setattr(system, "parts", lambda: [wanted])
    monkeypatch.setattr(bootstrap, "install", install)
    for _ in range(2):
        (lack,) = bootstrap.bring_parts()
        assert lack == {"what": "Ghost", "reason": "no network", "remedy": wanted.remedy}
        assert f"unavailable: Ghost: no network; to get it: {wanted.remedy}" in capsys.readouterr().out
    install.assert_called_once_with([wanted])
    assert json.loads((checkout / ".lab/system.json").read_text()) == [lack]


def test_an_optional_part_is_brought_on_request(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = part("Engine", commands=["ghost-command"], optional=True)
    install = create_autospec(bootstrap.install, return_value={"Engine": "no network"})
    monkeypatch.setattr(system, "parts", lambda: [wanted])
    monkeypatch.setattr(bootstrap, "install", install)
    assert bootstrap.bring_parts() == []
    install.assert_not_called()
    assert [each["what"] for each in bootstrap.bring_parts(everything=True)] == ["Engine"]
    install.assert_called_once_with([wanted])


def test_a_hole_under_ci_fails_with_the_clients_words(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system, "parts", lambda: [part("Ghost", commands=["ghost-command"])])
    monkeypatch.setattr(bootstrap, "install", lambda _: {"Ghost": "Ghost-package: E: Unable to locate package"})
    monkeypatch.setenv("CI", "true")
    assert bootstrap.main() == 2
    assert "Ghost-package: E: Unable to locate package" in capsys.readouterr().err


def test_without_venv_and_without_rights_there_is_one_line(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system, "parts", lambda: [part("Ghost", commands=["ghost-command"])])
    monkeypatch.setattr(system, "elevation", lambda terminal: None)
    monkeypatch.setattr(bootstrap, "base_python", lambda: None)
    assert bootstrap.main() == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"bench: {bootstrap.NO_VENV}\n"
    assert "python3-venv" in said.err


def test_an_environment_that_was_broken_off_is_made_anew_and_a_whole_one_left_alone(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = checkout / ".venv/bin/python"
    left.parent.mkdir(parents=True)
    left.write_text("")
    did: list[str] = []

    def run(*argv: object) -> None:
        did.append(" ".join(map(str, argv)))
        if "venv" in argv:
            assert not left.exists()
            left.parent.mkdir(parents=True)
            left.write_text("")

    monkeypatch.setattr(bootstrap, "base_python", lambda: "python3")
    monkeypatch.setattr(bootstrap, "do", run)
    assert bootstrap.main() == 0
    assert "-m venv" in did[0]
    assert all("--require-hashes" in command for command in did[1:])
    done = list(did)
    assert bootstrap.main() == 0
    assert did == done


def test_a_failed_download_is_one_line(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = answering(("-m venv", 1, "Error: no space left"))
    monkeypatch.setattr(bootstrap, "base_python", lambda: "python3")
    monkeypatch.setattr(system, "run", run)
    assert bootstrap.main() == 2
    assert capsys.readouterr().err.endswith("failed: Error: no space left\n")


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("python", "WARNING: Retrying (…) after connection broken by 'NewConnectionError(…)'\nERROR: No matching …"),
        ("uv", "error: Request failed after 3 retries\n  cause: error sending request for url\n  cause: dns error"),
    ],
)
def test_without_a_network_there_is_one_line(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tool: str, said: str
) -> None:
    monkeypatch.setattr(bootstrap, "base_python", lambda: "python3")
    (checkout / ".venv").mkdir()
    (checkout / ".venv/lab.txt").write_text("stale")
    (checkout / ".venv/bin").mkdir()
    (checkout / ".venv/bin/python").write_text("")
    run, _ = answering((f"bin/{tool} ", 1, said))
    monkeypatch.setattr(system, "run", run)
    assert bootstrap.main() == 2
    assert capsys.readouterr().err == (
        f"bench: {tool} cannot reach a package index: connect to the network, or configure a mirror for pip and uv, "
        "then run the same command again\n"
    )


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_locks_hold_a_hash_for_each_package_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    for match in locks.ENTRY.finditer(text):
        assert "--hash=sha256:" in match[0]


def test_entries_hold_every_version_of_a_package_and_nothing_else() -> None:
    text = locks.entries(locks.FOLDER / "measured.txt", ["numpy"])
    assert {line.split("==")[0] for line in text.splitlines() if "==" in line and not line.startswith(" ")} == {"numpy"}
    assert text.count("\nnumpy==") >= 1


def test_a_package_that_is_not_locked_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(
        LabError, match=r"measured\.txt does not pin left-pad: add it to group 'measured' of pyproject\.toml"
    ):
        locks.entries(locks.FOLDER / "measured.txt", ["falcon", "left-pad"])

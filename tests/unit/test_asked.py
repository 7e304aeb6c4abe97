"""The options of `try` for a service: its manifest, and the command that asks for the same."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from bench.host import exclusive
from bench.model import Interface
from bench.own import study
from bench.own.asked import Asked
from bench.own.manifest import BASELINES
from bench.verbs.app import app
from tests.declared import CATALOG


def test_the_options_complete_the_manifest_of_a_project(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text('app = "shop:app"\n[answers]\nignore = ["/id"]\n')
    found = Asked(project=tmp_path, requests=tmp_path / "few.http", ignore=("/at",)).manifest
    assert found.requests == str(tmp_path / "few.http")
    assert found.answers.ignore == ("/id", "/at")
    assert Asked(project=tmp_path).manifest.requests == str(tmp_path / "requests")


def test_an_application_without_a_manifest_is_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pins.txt").write_text("")
    found = Asked(app="shop:app", source=tmp_path, requirements=(Path("pins.txt"),)).manifest
    assert (found.app, found.source, found.requirements) == ("shop:app", str(tmp_path), (str(tmp_path / "pins.txt"),))
    assert found.requests == str(tmp_path / "requests")


@pytest.mark.parametrize("named", [True, False], ids=["project", "app"])
def test_its_words_ask_for_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool) -> None:
    subject: dict[str, Any] = (
        {"project": tmp_path} if named else {"app": "shop:app", "requirements": (tmp_path / "a b.txt",)}
    )
    asked = Asked(
        **subject,
        source=tmp_path,
        requests=tmp_path / "mix.http",
        servers=("bjoern", "gunicorn-sync"),
        interpreters=("3.14", "pypy"),
        rate=250.5,
        workers=2,
        ignore=("/id", "/rows/*/at"),
        against=tmp_path / "main",
    )
    again: list[Asked] = []

    def stop(found: Asked, *_: object) -> None:
        again.append(found)
        raise InterruptedError

    monkeypatch.setattr("bench.own.study.study_of", stop)
    monkeypatch.setattr(exclusive, "require_free", lambda: None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InterruptedError):
        app(shlex.split(asked.words))
    assert [each.words for each in again] == [asked.words]


def test_another_version_has_its_own_manifest_or_that_of_this_one(tmp_path: Path) -> None:
    for name in ("shop", "main"):
        (tmp_path / name).mkdir()
    (tmp_path / "shop" / "lab.toml").write_text('app = "shop:app"\nserver = "bjoern"\n')
    asked = Asked(project=tmp_path / "shop", against=tmp_path / "main")
    other = asked.other_version
    assert other
    assert (other.name, other.source, other.app) == ("shop-main", str(tmp_path / "main"), "shop:app")
    (tmp_path / "main" / "lab.toml").write_text('app = "main:app"\n')
    assert asked.other_version
    assert asked.other_version.app == "main:app"


@pytest.mark.parametrize("interface", BASELINES)
def test_five_usual_servers_of_its_interface_are_compared_with_the_present_one(interface: Interface) -> None:
    fitting = {name for name, server in CATALOG.labels().items() if server.interface == interface}
    assert BASELINES[interface] in fitting
    for today in fitting:
        first, *others = study.compared_servers(CATALOG, interface, today, ())
        assert first == today
        assert set(others) <= fitting - {today}
        assert len(others) == min(5, len(fitting) - 1)
    assert set(study.compared_servers(CATALOG, interface, BASELINES[interface], ("all",))) == fitting

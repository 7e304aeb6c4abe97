"""The options of `try` for a service: its manifest, and the command that asks for the same."""

import shlex
from pathlib import Path

import pytest

from bench.own.asked import Asked
from bench.verbs import own
from bench.verbs.app import app


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
    subject = {"project": tmp_path} if named else {"app": "shop:app", "requirements": (tmp_path / "a b.txt",)}
    asked = Asked(
        **subject,  # type: ignore[arg-type]  # of two shapes
        source=tmp_path,
        requests=tmp_path / "mix.http",
        servers=("bjoern", "gunicorn-sync"),
        interpreters=("3.14", "pypy"),
        rate=250.5,
        ignore=("/id", "/rows/*/at"),
    )
    again: list[Asked] = []

    def stop(found: Asked, *_: object) -> None:
        again.append(found)
        raise InterruptedError

    monkeypatch.setattr("bench.own.study.study_of", stop)
    monkeypatch.setattr(own.exclusive, "require_free", lambda: None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InterruptedError):
        app(shlex.split(asked.words))
    assert [each.words for each in again] == [asked.words]

"""`lab.toml`: what it says, with what is left out filled in, and what is wrong with it."""

from pathlib import Path

import pytest

from bench.errors import LabError
from bench.model import Backend
from bench.own import manifest

WHOLE = """\
app = "shop.wsgi:application"
requirements = ["requirements.txt"]

[answers]
ignore = ["/id"]
"""
BACKEND = """\
app = "a:b"
[backend]
argv = ["{project}/serve", "{port}", "{project}/data", "{folder}"]
ready = ["pinger", "{port}"]
dsn = "mock://127.0.0.1:{port}"
[env]
URL = "{dsn} {folder} {port}"
JSON = '{"a": 1}'
"""


def project(folder: Path, text: str) -> Path:
    (folder / "lab.toml").write_text(text)
    (folder / "requirements.txt").write_text("flask\n")
    return folder


def test_paths_are_absolute_and_the_folder_gives_the_name(tmp_path: Path) -> None:
    found = manifest.read(project(tmp_path, WHOLE))
    assert (found.name, found.source) == (tmp_path.name, str(tmp_path))
    assert found.requirements == (str(tmp_path / "requirements.txt"),)
    assert found.requests == str(tmp_path / "requests")
    rule = found.answers.rule
    assert (rule.by, rule.ignore, rule.headers) == ("json", ("/id",), ("content-type",))


def test_the_most_exact_file_of_requirements_counts_where_none_is_named(tmp_path: Path) -> None:
    project(tmp_path, 'app = "shop:app"')
    assert manifest.read(tmp_path).requirements == (str(tmp_path / "requirements.txt"),)
    (tmp_path / "uv.lock").write_text("")
    assert manifest.read(tmp_path).requirements == (str(tmp_path / "uv.lock"),)


def test_a_backend_of_ones_own_is_named_after_its_program_and_may_lie_in_the_project(tmp_path: Path) -> None:
    found = manifest.read(project(tmp_path, BACKEND)).backend
    assert isinstance(found, Backend)
    assert (found.name, found.title, found.signal) == ("serve", "serve", "SIGTERM")
    assert found.argv == (f"{tmp_path}/serve", "{port}", f"{tmp_path}/data", "{folder}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('app = "shop"', "app: 'shop' is not MODULE:NAME, such as shop.wsgi:application"),
        ('app = "shop/wsgi.py:app"', "is not MODULE:NAME"),
        ("", "missing key 'app'"),
        ('app = "a:b"\nrequirments = []', "requirments"),
        ('app = "a:b"\ninterface = "cgi"', "interface"),
        ('app = "a:b"\nsource = "gone"', "source: no such folder: "),
        ('app = "a:b"\nrequirements = ["gone.txt"]', "requirements: no such file: "),
        ('app = "a:b"\n[answers]\nignore = ["id"]', "ignore: 'id' is not a JSON Pointer such as /id or /rows/*/at"),
        ('app = "a:b"\n[answers]\nunordered = ["/a~2"]', "unordered: '/a~2' is not a JSON Pointer"),
        ('app = "a:b"\n[answers]\nmask = ["("]', "mask: '(' is not a regular expression"),
        ('app = "a:b"\nprepare = [["{pyton}", "x.py"]]', "unknown placeholder '{pyton}'; did you mean '{python}'?"),
        ('app = "a:b"\nprepare = [["sh", "-c", "a() {"]]', "prepare: 'a() {' has a single brace; write it twice"),
        ('app = "a:b', "lab.toml:1: invalid TOML: Unterminated string"),
        ('app = "a:b"\nbackend = "postgres"\nprepare = [["{dns}"]]', "prepare: unknown placeholder '{dns}'"),
        ('app = "a:b"\nbackend = "postgres"\n[env]\nA = "{fodler}"', "env: unknown placeholder '{fodler}'; did you"),
        ('app = "a:b"\n[env]\nURL = "{dsn}"', "lab.toml: env: {dsn} belongs to a backend: set `backend`"),
        (BACKEND.replace("{port}", "{prt}", 1), "lab.toml: backend.argv: unknown placeholder '{prt}'; did you mean"),
        (BACKEND.replace("ready", "readi"), "unknown key 'readi' in backend; did you mean 'ready'?"),
        (BACKEND.replace('["pinger", "{port}"]', "[]"), "lab.toml:4: backend.ready: expected array of length >= 1"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(LabError) as caught:
        manifest.read(project(tmp_path, text))
    assert words in str(caught.value)


def test_a_folder_without_one_is_told_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"no lab.toml: run `python -m bench init "):
        manifest.read(tmp_path)

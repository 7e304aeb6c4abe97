"""`lab.toml`: what it says, with what is left out filled in, and what is wrong with it."""

from pathlib import Path

import pytest

from bench.errors import LabError
from bench.own import manifest

WHOLE = """\
app = "shop.wsgi:application"
requirements = ["requirements.txt"]

[answers]
ignore = ["/id"]
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
        ('app = "a:b"\n[answers]\nmask = ["("]', "mask: '(' is not a regular expression"),
        ('app = "a:b"\nprepare = [["{pyton}", "x.py"]]', "unknown placeholder '{pyton}'; did you mean '{python}'?"),
        ('app = "a:b"\nprepare = [["sh", "-c", "a() {"]]', "prepare: 'a() {' has a single brace; write it twice"),
        ('app = "a:b', "lab.toml:1: invalid TOML: Unterminated string"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(LabError) as caught:
        manifest.read(project(tmp_path, text))
    assert words in str(caught.value)


def test_a_folder_without_one_is_told_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"no lab.toml: run `python -m bench init "):
        manifest.read(tmp_path)

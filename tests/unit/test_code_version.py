"""What a build writes into its wheel: no two states of code share a version, and only a tagged commit is a release."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

from bench.build import version
from bench.build.version import VERSION
from bench.errors import LabError
from bench.host import machine
from bench.paths import ROOT

Git = Callable[..., str]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with code and a page, without git."""
    folder = tmp_path / "tree"
    for name in ("app/core.py", "app/http.py", "docs/page.md"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("one\n", encoding="utf-8")
    for module in (machine, version):
        monkeypatch.setattr(module, "ROOT", folder)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1577836800")
    return folder


@pytest.fixture
def git(tree: Path) -> Git:
    """Runs git in the folder, which is a repository with one commit."""

    def run(*words: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *identity, *words], cwd=tree, check=True, capture_output=True, text=True).stdout

    run("init")
    run("add", ".")
    run("commit", "-m", "one")
    return run


def test_a_clean_tree_names_the_last_commit_of_code(tree: Path, git: Git) -> None:
    commit = git("rev-parse", "--short=12", "HEAD").strip()
    assert version.development() == (f"{VERSION}+g{commit}", commit)
    (tree / "docs/page.md").write_text("two\n", encoding="utf-8")
    assert version.development().version == f"{VERSION}+g{commit}", "a page is no code"
    git("commit", "-a", "-m", "two")
    assert version.development().version == f"{VERSION}+g{commit}", "so its commit rebuilds nothing"


def test_two_dirty_trees_never_share_a_version(tree: Path, git: Git) -> None:
    """Of one commit, one date and one length; by a change, a new file, a deletion, a move and a mode."""
    core, commit = tree / "app/core.py", git("rev-parse", "--short=12", "HEAD").strip()
    seen = {version.development().version}
    changes: list[Callable[[], object]] = [
        lambda: core.write_text("two\n", encoding="utf-8"),
        lambda: core.write_text("six\n", encoding="utf-8"),
        lambda: (tree / "app/new.py").write_text("new\n", encoding="utf-8"),
        lambda: (tree / "app/new.py").rename(tree / "app/moved.py"),
        lambda: (tree / "app/http.py").chmod(0o755),
        (tree / "app/http.py").unlink,
    ]
    for number, change in enumerate(changes, 2):
        change()
        code = version.development()
        assert code.commit == f"{commit}-dirty"
        assert re.fullmatch(rf"{re.escape(VERSION)}\+g{commit}\.d[0-9a-f]{{12}}", code.version)
        seen.add(code.version)
        assert len(seen) == number
        assert version.development() == code, "the same tree has the same version"


def test_a_tree_without_git_has_the_digest_of_its_code(tree: Path) -> None:
    first = version.development()
    assert re.fullmatch(rf"{re.escape(VERSION)}\+d[0-9a-f]{{12}}", first.version)
    assert first.commit is None
    (tree / "docs/page.md").write_text("two\n", encoding="utf-8")
    assert version.development() == first
    (tree / "app/core.py").write_text("two\n", encoding="utf-8")
    assert version.development() != first


def test_a_copy_within_another_repository_is_no_commit_of_it(tree: Path, tmp_path: Path, git: Git) -> None:
    """Not even where that one ignores it, as `.lab` of this project does."""
    inner, outer = tree / "ignored/copy", git("rev-parse", "HEAD")
    shutil.copytree(tree / "app", inner / "app")
    (tree / ".gitignore").write_text("/ignored\n", encoding="utf-8")
    git("add", ".gitignore")
    git("commit", "-m", "two")
    git("tag", f"v{VERSION}")
    with pytest.MonkeyPatch.context() as patch:
        for module in (machine, version):
            patch.setattr(module, "ROOT", inner)
        first = version.development()
        assert first.commit is None
        (inner / "app/core.py").write_text("two\n", encoding="utf-8")
        assert version.development() != first
        with pytest.raises(LabError, match="a release requires git and a clone of the repository"):
            version.release()
    assert version.release().version == VERSION
    assert version.release().commit != outer


def test_a_release_is_the_clean_tree_of_the_tagged_commit(tree: Path, git: Git) -> None:
    with pytest.raises(LabError, match=f"a release is the commit with the tag v{VERSION}"):
        version.release()
    git("tag", f"v{VERSION}")
    assert version.release() == (VERSION, git("rev-parse", "HEAD").strip())
    (tree / "docs/page.md").write_text("two\n", encoding="utf-8")
    git("commit", "-a", "-m", "two")
    with pytest.raises(LabError, match=f"a release is the commit with the tag v{VERSION}"):
        version.release()


@pytest.mark.parametrize("name", ["app/core.py", "docs/page.md", "app/new.py"])
def test_a_dirty_tree_is_refused(name: str, tree: Path, git: Git) -> None:
    """Two dirty trees of one tagged commit and one date would share the version of the release."""
    git("tag", f"v{VERSION}")
    for text in ("two\n", "six\n"):
        (tree / name).write_text(text, encoding="utf-8")
        with pytest.raises(LabError, match=f"a release requires a clean checkout, and {name} differs"):
            version.release()


def test_without_git_there_is_no_release(tree: Path) -> None:
    with pytest.raises(LabError, match="a release requires git and a clone of the repository"):
        version.release()


def test_the_version_is_normal(tree: Path) -> None:
    """An installer would take another spelling for another version (PEP 440)."""
    made = version.development().version
    assert str(Version(made)) == made
    assert Version(VERSION) < Version(made)


def test_the_module_prints_the_version_of_the_checkout() -> None:
    printed = subprocess.check_output([sys.executable, "-m", "bench.build.version"], cwd=ROOT, text=True)
    assert printed.strip() == version.development().version

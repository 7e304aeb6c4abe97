"""A user's requirements files: what their pins depend on, and local packages, whose folders do not change."""

import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.build import applications, project, requirements
from bench.errors import MissingError
from bench.model import Application, Provisioned

PYTHON = Provisioned("cpython-3.11", sys.executable, "cpython", "3.11.9", "path", {}, "made of this")
# A build without network that, like setuptools, leaves a folder in the source.
BACKEND = """
import pathlib, zipfile
METADATA = "Metadata-Version: 2.1\\nName: pricing\\nVersion: 1.0\\nProvides-Extra: fast\\n"
WHEEL = "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
def build_wheel(out, config_settings=None, metadata_directory=None):
    pathlib.Path("build").mkdir()
    name, info = "pricing-1.0-py3-none-any.whl", "pricing-1.0.dist-info"
    with zipfile.ZipFile(pathlib.Path(out, name), "w") as wheel:
        wheel.writestr(zipfile.ZipInfo("pricing.py"), pathlib.Path("pricing.py").read_text())
        wheel.writestr(f"{info}/METADATA", METADATA)
        wheel.writestr(f"{info}/WHEEL", WHEEL)
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "pricing"
version = "1.0"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with a package in `libs/pricing`. The index is unreachable."""
    monkeypatch.setattr(applications, "LOCKS", tmp_path / "locks")
    monkeypatch.setenv("UV_OFFLINE", "1")
    package = tmp_path / "shop" / "libs" / "pricing"
    package.mkdir(parents=True)
    for name, text in {"pricing.py": "PRICE = 1\n", "backend.py": BACKEND, "pyproject.toml": PYPROJECT}.items():
        (package / name).write_text(text)
    return tmp_path / "shop"


def locked(file: Path) -> str:
    own = Application(name="shop", app="shop:app", interface="wsgi", source=".", source_sha256="")
    own = replace(own, requirements=(str(file),))
    return applications.all_pins(applications.locked(own, PYTHON)).read_text()


def written(folder: Path, text: str, name: str = "requirements.txt") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "line",
    [
        "./libs/pricing",
        "libs/pricing",
        "{folder}/libs/pricing",
        "-e ./libs/pricing",
        "--editable=libs/pricing",
        "file://{folder}/libs/pricing",
        "pricing @ file://{folder}/libs/pricing",
        "pricing@./libs/pricing ; python_version > '3'",
        "./libs/pricing[fast]  # a comment",
        "${{PROJECT_ROOT}}/libs/pricing",
        "-r more/base.txt",
        "-rmore/base.txt",
        "./dist/pricing-1.0-py3-none-any.whl",
    ],
)
def test_a_local_package_is_pinned_by_its_content_and_its_folder_stays(folder: Path, line: str) -> None:
    written(folder, "../libs/pricing\n", "more/base.txt")
    package = folder / "libs" / "pricing"
    is_archive = line.endswith(".whl")
    (folder / "dist").mkdir()
    build = [sys.executable, "-c", f"{BACKEND}\nbuild_wheel({str(folder / 'dist')!r})"]
    file = written(folder, line.format(folder=folder) + "\n")
    before = project.fingerprint(package)
    found = set()
    for price in (1, 2):
        (package / "pricing.py").write_text(f"PRICE = {price}\n")
        if is_archive:
            subprocess.run(build, cwd=package, check=True)
            (package / "build").rmdir()
        pins = locked(file)
        assert locked(file) == pins
        assert pins.startswith("pricing @ file://")
        found.add(pins)
    assert len(found) == 2
    (package / "pricing.py").write_text("PRICE = 1\n")
    assert project.fingerprint(package) == before
    assert not (package / "build").exists()


def test_a_local_package_replaces_the_labs_pin_of_its_name(folder: Path) -> None:
    for name in ("pyproject.toml", "backend.py"):
        path = folder / "libs" / "pricing" / name
        text = path.read_text().replace('"pricing', '"falcon').replace("Name: pricing", "Name: falcon")
        path.write_text(text.replace("falcon.py", "pricing.py"))
    pins = locked(written(folder, "./libs/pricing\n"))
    assert [line.partition("#")[0] for line in pins.splitlines() if line.startswith(("falcon ", "falcon="))] == [
        f"falcon @ {folder.parent.as_uri()}/locks/shop/cpython-3.11/wheels/0/falcon-1.0-py3-none-any.whl"
    ]


@pytest.mark.parametrize("option", ["-r", "--requirement ", "--requirement=", "-c ", "--constraint "])
def test_pins_depend_on_included_files(folder: Path, option: str) -> None:
    file = written(folder, f"{option}base.txt\n")
    written(folder, "-r more/last.txt\n", "base.txt")
    last = written(folder, "-r ../requirements.txt\n", "more/last.txt")  # a circle ends
    assert requirements.parts([file]) == [file, folder / "base.txt", last]


def test_other_lines_are_left_as_they_are(folder: Path) -> None:
    lines = [
        "--index-url https://example.org/simple",
        "-r https://example.org/base.txt",
        "falcon==4.0.0 \\\n    --hash=sha256:00",
        "shop[extra]>=1 ; python_version < '4'",
        "tool @ git+https://example.org/tool.git@main#subdirectory=x",
        "https://example.org/tool-1.0.zip",
        "# ./libs/ghost",
    ]
    file = written(folder, "\n".join(lines) + "\n")
    assert requirements.parts([file]) == [file]
    (copied,) = requirements.prepared([file], folder, PYTHON)
    assert copied.read_text() == file.read_text().replace("\\\n", " ")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("-r ghost.txt", "no such file: {folder}/ghost.txt"),
        ("./ghost", "no such file or folder: {folder}/ghost"),
        ("-e .", "{folder} is no Python project: it has neither pyproject.toml nor setup.py"),
        ("-f ./wheels", "a local --find-links is unsupported: name the archive itself: ./NAME.whl"),
        (
            "git+file:///srv/repo",
            "git+file:///srv/repo: a local repository is unsupported: name its folder without git+",
        ),
        (
            "./libs#subdirectory=pricing",
            "./libs#subdirectory=pricing: #subdirectory= is unsupported: name the folder itself",
        ),
    ],
)
def test_a_line_that_is_unsupported_is_refused(folder: Path, line: str, told: str) -> None:
    with pytest.raises(MissingError) as caught:
        locked(written(folder, f"{line}\n"))
    assert str(caught.value) == f"requirements.txt: {told.format(folder=folder)}"


def test_a_local_package_of_a_local_package_must_be_listed(folder: Path) -> None:
    package = folder / "libs" / "pricing" / "pyproject.toml"
    package.write_text(PYPROJECT + "[tool.uv.sources]\ntax = { path = '../tax' }\n")
    with pytest.raises(MissingError) as caught:
        locked(written(folder, "./libs/pricing\n"))
    told = "[tool.uv.sources] names the local package tax: list it in the requirements file, too"
    assert str(caught.value) == f"{package}: {told}"
    with pytest.raises(MissingError, match="a dependency names this local package: list it in the requirements file"):
        requirements.require_no_local("tax @ file:///srv/tax\n", folder)


@pytest.mark.parametrize(
    ("dependency", "more"),
    [("pricing", "[tool.uv.sources]\npricing = { path = 'libs/pricing' }"), ("pricing @ file:///srv/pricing", "")],
)
def test_local_packages_of_a_pyproject_require_a_lock(folder: Path, dependency: str, more: str) -> None:
    text = f"[project]\nname = 'shop'\nversion = '1'\ndependencies = ['{dependency}']\n{more}\n"
    file = written(folder, text, "pyproject.toml")
    with pytest.raises(MissingError) as caught:
        locked(file)
    assert str(caught.value) == f"{file}: pricing is a local package: run `uv lock`, and use its uv.lock in lab.toml"


def test_pins_of_a_lock_depend_on_its_local_packages(folder: Path) -> None:
    text = "[project]\nname = 'shop'\nversion = '1'\nrequires-python = '>=3.11'\ndependencies = ['pricing']\n"
    written(
        folder, f"{text}[tool.uv.sources]\npricing = {{ path = 'libs/pricing', editable = true }}\n", "pyproject.toml"
    )
    lock = """version = 1
requires-python = ">=3.11"
[[package]]
name = "pricing"
version = "1.0"
source = { editable = "libs/pricing" }
[[package]]
name = "shop"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "pricing" }]
[package.metadata]
requires-dist = [{ name = "pricing", editable = "libs/pricing" }]
"""
    file = written(folder, lock, "uv.lock")
    before = locked(file)
    assert before.startswith("pricing @ file://")
    (folder / "libs" / "pricing" / "pricing.py").write_text("PRICE = 2\n")
    assert locked(file) != before


def test_requirements_that_only_a_build_knows_are_built_in_a_copy(folder: Path) -> None:
    package = folder / "libs" / "pricing"
    file = package / "pyproject.toml"
    file.write_text(PYPROJECT + "dynamic = ['dependencies']\n")
    before = project.fingerprint(package)
    assert locked(file)
    assert project.fingerprint(package) == before
    parts = requirements.parts([file])
    (package / "backend.py").write_text(BACKEND + "\n")
    assert requirements.parts([file]) != parts

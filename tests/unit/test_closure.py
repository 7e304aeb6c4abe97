"""The files that a module of the lab depends on, parsed from its source."""

import shutil
from pathlib import Path

import pytest

from bench import paths
from bench.measure import blocks, closure, identity
from bench.model import Instrument

MODULES = {
    "bench/__init__.py": "",
    "bench/paths.py": "",
    "bench/driver.py": "from bench import gears\n\ndef drive():\n    from bench.parts.wheel import turn\n    turn()\n",
    "bench/driver.lua": "",
    "bench/gears.py": "import json\nimport msgspec\nimport bench.paths\n",
    "bench/parts/__init__.py": "",
    "bench/parts/wheel.py": "from . import spoke\nPLACE = SUBJECT / 'wheel' / f'{1}.py'\n",
    "bench/parts/spoke.py": "JARS = ROOT / 'bench' / 'jars'\nVERSION = ROOT / 'pyproject.toml'\n",
    "bench/parts/spare.py": "",
    "bench/jars/deep/pom.xml": "",
    "bench/subject/wheel/1.py": "",
    "bench/subject/other.py": "",
    "bench/report/page.py": "",
    "pyproject.toml": "",
}


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    for name, text in MODULES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_all_imports_are_followed_and_the_files_that_a_module_names_belong_to_it(lab: Path) -> None:
    assert [str(path) for path in closure.files(lab, "bench.driver")] == [
        "bench/__init__.py",
        "bench/driver.lua",
        "bench/driver.py",
        "bench/gears.py",
        "bench/jars/deep/pom.xml",
        "bench/parts/__init__.py",
        "bench/parts/spoke.py",
        "bench/parts/wheel.py",
        "bench/paths.py",
        "bench/subject/wheel/1.py",
    ]


def test_a_missing_module_has_no_files(lab: Path) -> None:
    assert closure.files(lab, "bench.missing", "msgspec") == ()


@pytest.mark.parametrize("instrument", blocks.INSTRUMENTS)
def test_no_reporting_code_is_measuring_code(instrument: Instrument) -> None:
    assert [name for name in identity.code_of(instrument) if name.startswith("bench/report/")] == []


def test_all_code_outside_the_labs_own_process_belongs_to_an_instrument() -> None:
    known = {name for instrument in blocks.INSTRUMENTS for name in identity.code_of(instrument)}
    for folder in ("bench/subject", "bench/gatling", "bench/measure/instruments", "bench/documents"):
        files = {str(path.relative_to(paths.ROOT)) for path in closure.files_below(paths.ROOT / folder)}
        assert files - {"bench/subject/look.py"} <= known, "that one runs before anything is measured"


def test_another_checkout_is_read_separately(lab: Path, tmp_path: Path) -> None:
    closure.files(lab, "bench.driver")
    other = tmp_path / "other"
    shutil.copytree(lab / "bench", other / "bench")
    (other / "bench/gears.py").write_text("import bench.parts.spare\n")
    added = set(closure.files(other, "bench.driver")) - set(closure.files(lab, "bench.driver"))
    assert added == {Path("bench/parts/spare.py")}

"""One source makes equal wheels in every folder, and an SBOM has what is in its prefix and nothing else."""

import subprocess
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from bench.build import artifacts, sbom, variants, wheels
from bench.build.version import Code
from bench.errors import MissingError
from bench.paths import ARTIFACTS, PREFIXES, ROOT
from tests.absent import absent
from tests.contract.conftest import missing
from tests.contract.deferring import Prepared
from tests.declared import CATALOG

# By hand, because they take longer: Cython's own source and Nuitka, equal, too.
COMPILED = [pytest.param(name, marks=pytest.mark.long) for name in ("cython-untouched", "mypyc")]


@pytest.mark.parametrize("name", ["cpython", *COMPILED])
def test_a_wheel_has_the_bytes_of_the_artifact_in_another_folder(name: str, prepared: Prepared, tmp_path: Path) -> None:
    if name not in prepared[0]:
        missing(prepared[1], name)
    said, folder = artifacts.record(name), tmp_path / "another place"
    folder.mkdir()
    builder = variants.BUILDERS / name / "bin" / "python"
    code = Code(said["version"], said["commit"])
    wheel = wheels.make(CATALOG.variants[name], builder, folder, folder / "build.log", code)
    assert wheel.read_bytes() == (ARTIFACTS / name / artifacts.require(name).wheel).read_bytes()


@pytest.mark.long
@pytest.mark.parametrize("name", ["cpython", "pypy"])
def test_an_sbom_has_each_distribution_of_the_prefix_and_nothing_else(name: str, prepared: Prepared) -> None:
    if name not in prepared[0]:
        missing(prepared[1], name)
    try:
        file = sbom.of_artifact(name)
    except MissingError as error:
        absent(str(error), error.remedy)
    # PyPy's own library has two distributions: cffi and hpy.
    ask = [str(artifacts.python(name)), "-Ic", "import sys; print(*sys.path, sep='\\n')"]
    path = subprocess.run(ask, check=True, capture_output=True, text=True).stdout.splitlines()
    assert str(PREFIXES / name) in path[-1]
    installed = {canonicalize_name(each.metadata["Name"]): each.version for each in distributions(path=path)}
    listed = {canonicalize_name(component): version for component, version in sbom.components(file).items()}
    assert listed == installed
    assert listed[canonicalize_name(wheels.distribution(CATALOG.variants[name]))] == artifacts.record(name)["version"]
    text = file.read_text(encoding="utf-8")
    assert not [place for place in ("file:", str(ROOT), str(Path.home())) if place in text]

"""Build releases of variants: wheels that name the tagged commit, each with the SBOM of what it installs.

The artifacts that are measured stay as they are: a commit alone rebuilds none of them.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.build import artifacts, sbom, variants, version
from bench.model import Catalog
from bench.paths import LAB

RELEASES = LAB / "releases"


def make(catalog: Catalog, name: str) -> Path:
    """Build the release of the built variant `name`. Returns its wheel, beside which its SBOM lies.

    Raises LabError unless the checkout is clean and its commit has the tag of the version.
    """
    code = version.release()
    folder = RELEASES / code.version / name
    with TemporaryDirectory(dir=LAB) as scratch:
        wheel, prefix = Path(scratch) / "wheel", Path(scratch) / "prefix"
        built = variants.rebuild(
            catalog, catalog.variant(name), artifacts.require(name).interpreter, wheel, prefix, code=code
        )
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        sbom.write(prefix / "bin" / "python", folder)
        return Path(shutil.move(built, folder))

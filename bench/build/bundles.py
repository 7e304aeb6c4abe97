"""Bundle both applications for a platform: its files of `deploy`, the code, and a requirements.txt with hashes.

A platform installs `requirements.txt` with pip in the folder of that file, and starts the application there. So the
wheel of `statements` lies beside it. `billing` is no wheel: its packages lie beside it, too.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.build import artifacts
from bench.errors import LabError, MissingError
from bench.model import Variant
from bench.paths import ARTIFACTS, LAB, ROOT
from bench.provision import locks

DEPLOY = ROOT / "deploy"
BUNDLES = LAB / "bundles"
PLATFORMS = {
    "app-engine": "Google App Engine",
    "azure": "Azure App Service",
    "cloud-foundry": "Cloud Foundry",
    "heroku": "Heroku",
    "pythonanywhere": "PythonAnywhere",
}
APPLICATIONS = ("statements", "billing")
PYTHON = "3.11"  # the version that the files of `deploy` ask for
CLIENT = LAB / "clients" / "python" / "statements_client"  # of billing
GENERATE = "python -c \"from tests.languages import LANGUAGES, built; built(LANGUAGES['python'])\""


def make(platform: str, variant: Variant) -> Path:
    """Make `.lab/bundles/<platform>` anew, with a folder for each application; `statements` is a built `variant`.

    Raises LabError for a variant of another Python, or with packages that are not pinned. Raises MissingError without
    the client of billing.
    """
    folder = BUNDLES / platform
    shutil.rmtree(folder, ignore_errors=True)
    fill(folder, platform, variant)
    return folder


def fill(folder: Path, platform: str, variant: Variant) -> None:
    """Make a bundle in a folder that does not exist yet."""
    shutil.copytree(DEPLOY / platform, folder)
    _add_statements(folder / "statements", variant)
    _add_billing(folder / "billing")


def _add_statements(folder: Path, variant: Variant) -> None:
    built, lock = artifacts.require(variant.name), locks.FOLDER / "statements.txt"
    home = built.interpreter
    if home.implementation != "cpython" or not home.python.startswith(f"{PYTHON}."):
        raise LabError(f"{variant.name}: platforms run CPython {PYTHON}, and its wheel is for {home.name}")
    locks.entries(lock, variant.requirements)
    own = f"./{built.wheel} --hash=sha256:{built.wheel_sha256}\n"
    (folder / "requirements.txt").write_text(lock.read_text(encoding="utf-8") + own, encoding="utf-8")
    shutil.copyfile(ARTIFACTS / variant.name / built.wheel, folder / built.wheel)


def _add_billing(folder: Path) -> None:
    if not CLIENT.is_dir():
        raise MissingError(f"billing needs its generated client in {CLIENT.relative_to(ROOT)}", GENERATE)
    for package in (ROOT / "app", ROOT / "billing", CLIENT):
        shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(locks.FOLDER / "billing.txt", folder / "requirements.txt")

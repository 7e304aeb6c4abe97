"""Applications of a bundle, run as their platform runs them, on this machine."""

import re
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from uv import find_uv_bin

from bench.build import artifacts, bundles
from bench.host.pinning import cores
from bench.model import Exchange
from bench.provision.interpreters import require_success, uv
from bench.serve import life_cycle
from tests.declared import CATALOG
from tests.platforms import VARIANT, Deployed, Platform

YOURS = re.compile(r"https://yours[\w.-]+")  # the address of `statements` in the files
HEALTHY = Exchange(method="GET", path="/healthz", body=None, expect=b"ok\n")


def bundled(folder: Path, platform: Platform, statements: str = "") -> Path:
    """A bundle in a new folder. "Yours" in its files are this folder, and the address of `statements`."""
    bundles.fill(folder, platform.name, CATALOG.variant(VARIANT))
    for file in written(folder, platform):
        file.write_text(YOURS.sub(statements, file.read_text()).replace("/home/yours", str(folder)))
    return folder


def written(folder: Path, platform: Platform) -> list[Path]:
    """The files of a bundle that `deploy` has."""
    origin = bundles.DEPLOY / platform.name
    return [folder / each.relative_to(origin) for each in origin.rglob("*") if each.is_file()]


def installed(home: Path, where: Path) -> Path:
    """An environment by the requirements.txt of `home`, and in its folder `bare` a Python without packages.

    Raises MissingError if a package cannot be had, or if its hash is another.
    """
    executable = artifacts.require(VARIANT).interpreter.executable
    require_success(uv("venv", "--quiet", "--no-config", "--python", executable, str(where)))
    argv = [find_uv_bin(), "pip", "install", "--quiet", "--no-config", "--require-hashes", "--python", str(where)]
    argv += ["--requirements", "requirements.txt"]
    require_success(subprocess.run(argv, cwd=home, capture_output=True, text=True, check=False))
    (where / "bare").mkdir()
    (where / "bare" / "python").symlink_to(executable)
    return where


def running(platform: Platform, it: Deployed, log: Path, port: int) -> AbstractContextManager[life_cycle.RunningServer]:
    """Runs an application as the platform does, during a block that begins when it answers at `port`.

    Raises LabError if it ends before, or does not end within 10 s after SIGTERM.
    """
    return life_cycle.launched(
        f"{it.application} on {platform.name}",
        platform.argv(it),
        platform.environment(it),
        folder=it.home,
        first=HEALTHY,
        log=log,
        cpus=cores().server,
        host=life_cycle.HOST,
        port=port,
    )

"""The system parts that the lab needs: which are missing, and bringing them through apt.

Standard library only: it runs before the lab has an environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import LabError, MissingError
from bench.paths import ROOT

DECLARED = ROOT / "bench" / "system.toml"

Runner = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Part:
    """A part of the system: what it is needed for, what shows that it is here, and the packages that bring it."""

    name: str
    needed: str
    packages: Sequence[str]
    commands: Sequence[str] = ()
    files: Sequence[str] = ()

    @property
    def missing(self) -> list[str]:
        """Its commands and files that are not here."""
        commands = [command for command in self.commands if shutil.which(command) is None]
        return commands + [pattern for pattern in self.files if not any(Path("/").glob(pattern.lstrip("/")))]

    @property
    def remedy(self) -> str:
        """The command that a person brings it with."""
        return f"sudo apt-get install --no-install-recommends {' '.join(self.packages)}"


def parts(declared: Path = DECLARED) -> list[Part]:
    """The parts that `system.toml` declares, in its order."""
    return [Part(**table) for table in tomllib.loads(declared.read_text(encoding="utf-8"))["part"]]


def require(names: Iterable[str]) -> None:
    """Raises MissingError for the first of the parts `names` that is not here."""
    known = {part.name: part for part in parts()}
    for name in names:
        part = known.get(name)
        if part is None:
            raise LabError(f"needs = {name!r}: bench/system.toml has no part of that name")
        if part.missing:
            raise MissingError(f"{name} is not here: {', '.join(part.missing)}", part.remedy)


def run(argv: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command without standard input, `env` added to the environment, and keep what it says."""
    whole = {**os.environ, **(env or {})}
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=whole)


def elevation(terminal: bool, runner: Runner = run) -> tuple[str, ...] | None:
    """The words that give a command root's rights: none for root, sudo's where it serves, None without rights.

    On a terminal sudo may ask for its password; without one only a sudo that asks nothing serves.
    """
    if os.geteuid() == 0:
        return ()
    sudo = ("sudo",) if terminal else ("sudo", "-n")
    if shutil.which("sudo") and runner([*sudo, "true"]).returncode == 0:
        return sudo
    return None


def install(wanted: Iterable[Part], rights: tuple[str, ...] | None, runner: Runner = run) -> dict[str, str]:
    """Bring each part through apt, one by one, so that one that fails keeps no other back.

    Returns the reason of each that did not come, by its name: the first error of apt-get's own words.
    """
    wanted = list(wanted)
    if shutil.which("apt-get") is None:
        return {part.name: f"no apt-get here to bring {' '.join(part.packages)}" for part in wanted}
    if rights is None:
        return {part.name: f"installing {' '.join(part.packages)} needs root or sudo" for part in wanted}
    apt = [*rights, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
    runner([*apt, "update"])
    reasons = {}
    for part in wanted:
        print(f"  {part.name} …", flush=True)
        done = runner([*apt, "install", "-y", "--no-install-recommends", *part.packages])
        if done.returncode != 0 or part.missing:
            reasons[part.name] = f"{' '.join(part.packages)}: {complaint(done)}"
    return reasons


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The first error in a client's own words with the causes it gives, else its last line, else its exit status."""
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("e:", "error"))][:1]
    causes = [line for line in lines if line.startswith("cause:")]
    return "; ".join([*errors, *causes] or lines[-1:]) or f"exit status {done.returncode}"

"""System packages that the lab requires: which are missing, and their installation with apt.

Standard library only: this module runs before the lab's environment exists.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import LabError, MissingError
from bench.paths import ROOT

DECLARED = ROOT / "bench" / "system.toml"
WRAPPED = re.compile(r"\n {6,}(?=\S)")  # uv breaks its messages at the width of the terminal

Runner = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Part:
    """A system requirement: its purpose, the commands and files that prove it is installed, and its packages.

    An `optional` one is installed only on request: it is large, or starts services of its own.
    """

    name: str
    needed: str
    packages: Sequence[str]
    commands: Sequence[str] = ()
    files: Sequence[str] = ()
    optional: bool = False

    @property
    def missing(self) -> list[str]:
        """The commands that are not on PATH and the file patterns that match nothing."""
        commands = [command for command in self.commands if shutil.which(command) is None]
        return commands + [pattern for pattern in self.files if not any(Path("/").glob(pattern.lstrip("/")))]

    @property
    def remedy(self) -> str:
        """The command that installs it."""
        return f"sudo apt-get install --no-install-recommends {' '.join(self.packages)}"


def parts(declared: Path = DECLARED) -> list[Part]:
    """Return the parts that `system.toml` declares, in file order."""
    return [Part(**table) for table in tomllib.loads(declared.read_text(encoding="utf-8"))["part"]]


def require(names: Iterable[str]) -> None:
    """Raise MissingError for the first part in `names` that is not installed, LabError for an undeclared name."""
    known = {part.name: part for part in parts()}
    for name in names:
        part = known.get(name)
        if part is None:
            raise LabError(f"needs = {name!r}: bench/system.toml declares no part of that name")
        if part.missing:
            raise MissingError(f"{name} is not installed: {', '.join(part.missing)} not found", part.remedy)


def run(argv: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command without stdin and with `env` added to the environment. Returns its status and output."""
    merged = {**os.environ, **(env or {})}
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=merged)


def elevation(terminal: bool, runner: Runner = run) -> tuple[str, ...] | None:
    """Return the command prefix for root privileges: empty for root, sudo if it works, None if neither is possible.

    On a terminal sudo may ask for a password. Without a terminal only passwordless sudo works.
    """
    if os.geteuid() == 0:
        return ()
    sudo = ("sudo",) if terminal else ("sudo", "-n")
    if shutil.which("sudo") and runner([*sudo, "true"]).returncode == 0:
        return sudo
    return None


def install(wanted: Iterable[Part], rights: tuple[str, ...] | None, runner: Runner = run) -> dict[str, str]:
    """Install each part with apt-get, one by one, so that one failure does not prevent the others.

    Returns the reason for each part that was not installed, by name: apt-get's first error message.
    """
    wanted = list(wanted)
    if shutil.which("apt-get") is None:
        return {part.name: f"cannot install {' '.join(part.packages)}: apt-get not found" for part in wanted}
    if rights is None:
        return {part.name: f"cannot install {' '.join(part.packages)}: requires root or sudo" for part in wanted}
    apt = [*rights, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
    runner([*apt, "update"])
    reasons = {}
    for part in wanted:
        print(f"  {part.name} …", flush=True)
        done = runner([*apt, "install", "-y", "--no-install-recommends", *part.packages])
        if done.returncode != 0 or part.missing:
            reasons[part.name] = f"{' '.join(part.packages)}: {error_message(done)}"
    return reasons


def error_message(done: subprocess.CompletedProcess[str]) -> str:
    """Return the first error line of a failed command with its causes, else its last line, else its exit status."""
    said = WRAPPED.sub(" ", done.stdout + done.stderr)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("e:", "error"))][:1]
    causes = [line for line in lines if line.startswith("cause:")]
    return "; ".join([*errors, *causes] or lines[-1:]) or f"exit status {done.returncode}"
